"""Files of the same seed are the same, and their totals are what the recount finds."""

import pathlib
import tempfile
import unittest

import recount
import traffic

LINES, RATE = 3_000, 500


class TrafficTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, seed):
        return traffic.write(self.folder / name, seed, LINES, RATE)

    def text(self, name):
        return [path.read_text() for path in sorted((self.folder / name).iterdir())]

    def test_the_seed_decides(self):
        self.assertEqual(self.write("a", 1), self.write("b", 1))
        self.write("c", 2)
        self.assertEqual(self.text("a"), self.text("b"))
        self.assertNotEqual(self.text("a"), self.text("c"))

    def test_totals_are_known(self):
        totals = self.write("a", 1)
        truth = recount.Truth((self.folder / "a").iterdir())
        self.assertEqual(truth.events, totals["events"])
        self.assertEqual(truth.events + len(truth.dead_letters), totals["files"] * LINES)
        reasons = list(truth.dead_letters.values())
        self.assertEqual({reason: reasons.count(reason) for reason in traffic.SPOILT}, totals["malformed"])

    def test_it_is_dirty_in_every_way(self):
        totals = self.write("a", 1)
        self.assertTrue(all(totals["malformed"].values()), totals)
        self.assertGreater(totals["repeated"], 0)
        truth = recount.Truth((self.folder / "a").iterdir())
        numbers = truth.items["item-0"]
        self.assertGreater(truth.file_of(numbers[-1]), truth.file_of(numbers[0]), "an item stands in one file only")
        self.assertTrue(any('"' in item for item in truth.items))
        self.assertLess(sum(map(len, truth.users.values())), truth.events, "no event is without a user")

    def test_a_user_stands_in_one_file(self):
        self.write("a", 1)
        truth = recount.Truth((self.folder / "a").iterdir())
        for user, numbers in truth.users.items():
            self.assertEqual(truth.file_of(numbers[0]), truth.file_of(numbers[-1]), user)

    def test_disorder_stays_below_what_the_job_allows(self):
        self.write("a", 1)
        truth = recount.Truth((self.folder / "a").iterdir())
        newest, file, latest = 0, 0, 0
        for number in range(truth.events):
            if truth.file_of(number) != file:
                newest, file = 0, truth.file_of(number)
            latest = max(latest, newest - truth.time_ms[number])
            newest = max(newest, truth.time_ms[number])
        self.assertGreater(latest, 1_000)
        self.assertLess(latest, 30_000)


if __name__ == "__main__":
    unittest.main()
