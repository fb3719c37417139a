"""Results as the job would write them for a few events, by hand; then each kind of damage, which must be found."""

import json
import pathlib
import tempfile
import unittest

import recount

HEADER = "id,user,item,category,action,time,amount,quantity\n"
FIRST = HEADER + ("1,ann,mug,k,view,1767225600000,0,1\n"
                  "2,ann,mug,k,order,1767225602500,1.25,2\n"
                  "3,ann,\"cup, red\",k,view,1767225601000,0,1\n"
                  "\n"
                  "4,ann,mug\n"
                  "2,ann,mug,k,order,1767225602500,1.25,2\n")
SECOND = HEADER + ("5,bob,mug,k,cancel,1767225603000,1.25,-1\n"
                   "6,,mug,k,view,1767225603000,0,1\n"
                   "7,bob,mug,k,buy,1767225603000,0,1\n")

SUMS = "events,views,clicks,favorites,carts,orders,cancels,rates,others,quantity,revenue_mills,first_seen,last_seen\n"
USERS = ["user," + SUMS,
         "ann,1,1,0,0,0,0,0,0,0,1,0,2026-01-01T00:00:00Z,2026-01-01T00:00:00Z\n",
         "bob,1,0,0,0,0,0,1,0,0,-1,-1250,2026-01-01T00:00:03Z,2026-01-01T00:00:03Z\n",
         "ann,4,2,0,0,0,2,0,0,0,6,5000,2026-01-01T00:00:00Z,2026-01-01T00:00:02.500Z\n"]
ITEMS = ["item," + SUMS,
         "mug,2,1,0,0,0,1,0,0,0,3,2500,2026-01-01T00:00:00Z,2026-01-01T00:00:02.500Z\n",
         "\"cup, red\",1,1,0,0,0,0,0,0,0,1,0,2026-01-01T00:00:01Z,2026-01-01T00:00:01Z\n",
         "mug,5,2,0,0,0,2,1,0,0,5,3750,2026-01-01T00:00:00Z,2026-01-01T00:00:03Z\n"]
TOTALS = ["action,events,users\n", "view,2,1\n", "all,3,1\n", "view,3,1\n", "order,2,1\n", "cancel,1,1\n", "all,6,2\n"]
RECENT = ["id,user,item,category,action,time,amount,quantity,line,file\n",
          "1,ann,mug,k,view,2026-01-01T00:00:00Z,0,1,2,FIRST\n",
          "5,bob,mug,k,cancel,2026-01-01T00:00:03Z,1.25,-1,2,SECOND\n",
          "2,ann,mug,k,order,2026-01-01T00:00:02.500Z,1.25,2,7,FIRST\n",
          "2,ann,mug,k,order,2026-01-01T00:00:02.500Z,1.25,2,3,FIRST\n"]
DEAD_LETTERS = ["id,reason,origin\n",
                "9,\"malformed: 3 fields, 8 needed\",\"FIRST, line 6\"\n",
                "8,malformed: field action,\"SECOND, line 4\"\n"]
SESSIONS = ['{"user":"ann","window":{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:30:02.500Z"},"events":4,'
            '"items":2,"orders":2}\n',
            '{"user":"bob","window":{"start":"2026-01-01T00:00:03Z","end":"2026-01-01T00:30:03Z"},"events":1,'
            '"items":1,"orders":0}\n']
VISITS = [f'{{"action":"{action}","window":{{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T01:00:00Z"}},'
          f'"events":{events},"users":1}}\n' for action, events in (("view", 2), ("order", 2), ("cancel", 1))]
HOT_ITEMS = [f'{{"category":"k","window":{{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:05:00Z"}},"rank":{rank},'
             f'"item":"{item}","views":1,"visitors":1}}\n' for rank, item in ((1, "cup, red"), (2, "mug"))]
WINDOWS = recount.Windows(hot_window=300_000, hot_slide=300_000)
CLEAN = {"lost": 0, "duplicated": 0, "wrong": 0}


class RecountTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.files = {"FIRST": self.folder / "1.csv", "SECOND": self.folder / "2.csv"}
        self.files["FIRST"].write_text(FIRST)
        self.files["SECOND"].write_text(SECOND)
        self.rows = {"users": USERS[:], "items": ITEMS[:], "totals": TOTALS[:], "recent": RECENT[:],
                     "dead_letters": DEAD_LETTERS[:], "sessions": SESSIONS[:], "visits": VISITS[:],
                     "hot_items": HOT_ITEMS[:]}

    def write(self, name, rows):
        path = self.folder / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(rows)
        for word, file in self.files.items():
            text = text.replace(word, str(file))
        path.write_text(text)

    def count(self):
        for name, rows in self.rows.items():
            self.write(f"{name}/part-00000.{'jsonl' if rows[:1] and rows[0][0] == '{' else 'csv'}", rows)
        self.findings = recount.compare(recount.Truth(self.files.values()), self.folder / "out", recent=2,
                                        windows=WINDOWS)
        return self.findings.count

    def expect(self, **kinds):
        self.assertEqual(self.count(), {**CLEAN, **kinds}, self.findings.told)

    def test_what_is_right_has_no_findings(self):
        self.expect()

    def test_a_lost_row_is_lost_in_every_folder(self):
        for name, row in (("users", USERS[3]), ("users", USERS[2]), ("items", ITEMS[2]), ("totals", TOTALS[6]),
                          ("totals", TOTALS[4]), ("recent", RECENT[2]), ("dead_letters", DEAD_LETTERS[1]),
                          ("sessions", SESSIONS[1]), ("visits", VISITS[0]), ("hot_items", HOT_ITEMS[1])):
            with self.subTest(row=row):
                self.setUp()
                self.rows[name].remove(row)
                self.expect(lost=1)

    def test_a_doubled_row_is_duplicated(self):
        for name, row in (("users", USERS[3]), ("users", USERS[1]), ("items", ITEMS[1]), ("totals", TOTALS[6]),
                          ("dead_letters", DEAD_LETTERS[1]), ("sessions", SESSIONS[0]), ("visits", VISITS[2]),
                          ("hot_items", HOT_ITEMS[0])):
            with self.subTest(row=row):
                self.setUp()
                self.rows[name].append(row)
                self.expect(duplicated=1)

    def test_a_file_committed_twice_is_duplicated(self):
        self.write("users/part-00001.csv", USERS)
        self.expect(duplicated=3)

    def test_more_events_than_there_are_is_duplicated(self):
        self.rows["users"][3] = "ann,5,2,0,0,0,3,0,0,0,8,7500,2026-01-01T00:00:00Z,2026-01-01T00:00:02.500Z\n"
        self.assertEqual(self.count()["duplicated"], 1)
        self.rows["users"][3] = USERS[3]
        self.rows["totals"].append("all,7,2\n")
        self.expect(duplicated=1)

    def test_other_sums_are_wrong(self):
        for name, index, old, new in (("users", 3, ",5000,", ",5001,"), ("users", 1, "ann,1,1,0,", "ann,1,0,1,"),
                                      ("items", 3, ",3750,", ",3749,"), ("items", 1, "mug,2,1,", "mug,2,2,"),
                                      ("items", 1, "T00:00:00Z", "T00:00:09Z"), ("totals", 6, "6,2", "6,1"),
                                      ("users", 3, "02.500Z", "02.501Z"), ("sessions", 0, "items\":2", "items\":3"),
                                      ("visits", 1, "users\":1", "users\":2"), ("hot_items", 0, "cup, red", "mug")):
            with self.subTest(name=name, new=new):
                self.setUp()
                self.rows[name][index] = self.rows[name][index].replace(old, new, 1)
                self.expect(wrong=1)

    def test_a_row_on_the_way_must_be_the_sum_of_the_first_events(self):
        # Of the third event instead of the second.
        self.rows["users"].insert(2, "ann,2,2,0,0,0,0,0,0,0,2,0,2026-01-01T00:00:00Z,2026-01-01T00:00:01Z\n")
        self.expect(wrong=1)

    def test_going_back_is_wrong(self):
        self.rows["users"].append("ann,2,1,0,0,0,1,0,0,0,3,2500,2026-01-01T00:00:00Z,2026-01-01T00:00:02.500Z\n")
        self.rows["totals"].append("view,1,1\n")
        self.rows["recent"].append(RECENT[1])
        self.expect(wrong=3)

    def test_keys_that_are_not_there_are_wrong(self):
        self.rows["users"].append(USERS[2].replace("bob", "cid"))
        self.rows["totals"].append("rate,1,1\n")
        self.rows["dead_letters"].append(DEAD_LETTERS[2].replace("line 4", "line 3"))
        self.rows["recent"].append(RECENT[2].replace(",2,SECOND", ",9,SECOND"))
        self.expect(wrong=4)

    def test_a_dead_letter_for_another_reason_is_wrong(self):
        self.rows["dead_letters"][2] = DEAD_LETTERS[2].replace("action", "time")
        self.expect(wrong=1)

    def test_an_event_that_reads_otherwise_is_wrong(self):
        self.rows["recent"][1] = RECENT[1].replace("mug", "jug")
        self.expect(wrong=1)

    def test_a_block_may_come_again_but_not_be_too_long(self):
        self.rows["recent"] += RECENT[3:]
        self.expect()
        self.rows["recent"].append("3,ann,\"cup, red\",k,view,2026-01-01T00:00:01Z,0,1,4,FIRST\n")
        self.expect(wrong=1)

    def test_torn_rows_and_files_without_columns_are_wrong(self):
        self.rows["users"].append("ann,5,2\n")
        self.write("totals/part-00007.csv", ["action,events\n"])
        self.expect(wrong=2)

    def test_dot_folders_and_other_files_are_left_out(self):
        self.write("users/.pending/part-00000.csv", USERS)
        self.write("users/.pending/run/a1-t00000-1.csv", USERS)
        self.write("users/part-00000.csv.inprogress", USERS)
        self.expect()

    def test_files_count_in_the_order_of_their_names(self):
        self.write("users/part-00000001-00000-j1.csv", USERS[:2])
        self.write("users/part-00000002-00000-j1.csv", [USERS[0], USERS[3]])
        self.rows["users"] = [USERS[0], USERS[2]]
        self.expect()

    def test_json_lines_are_read_as_well(self):
        names = USERS[0].strip().split(",")
        self.write("users/part-00000.jsonl", [json.dumps(dict(zip(names, row.strip().split(",")))) + "\n"
                                              for row in USERS[1:]] + ["{\"user\": \n"])
        self.rows["users"] = USERS[:1]
        self.expect(wrong=1)

    def test_no_results_are_all_lost(self):
        truth = recount.Truth(self.files.values())
        findings = recount.compare(truth, self.folder / "none", recent=2, windows=WINDOWS)
        self.assertEqual(findings.count, {"lost": 2 + 2 + 4 + 2 + 2 + 2 + 3 + 2, "duplicated": 0, "wrong": 0})


if __name__ == "__main__":
    unittest.main()
