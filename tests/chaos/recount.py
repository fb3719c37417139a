"""Counts event files again, apart from the engine, and holds the results of jobs/user_behavior against it.

What the job writes is told in its README: folders users, items, totals, recent, sessions, visits, hot_items and
dead_letters with part-*.csv or part-*.jsonl. With `emit` a key has several rows; the last counts. Files are taken in
the order of their names, dot folders are left out. Besides the last rows, each row on the way must be possible: a key's
rows never go back, never count more than there is, and where all events of a key stand in one file, its row with n
events is the sum of exactly the first n. Of windows, with no event later than the disorder allowed, each has one row.
Found are

  lost        a key without its last row; a dead letter that is missing
  duplicated  a row that came before; one that counts more events than there are; a dead letter once more
  wrong       anything else that cannot be: other sums, unknown keys, going back, what cannot be read
"""

import argparse
import array
import bisect
import collections
import csv
import datetime
import json
import pathlib
import sys

from truth import ACTIONS, COUNTS, FIELDS, Sum, Truth, Windows

SHOWN = 10  # findings of each kind that are told in full


class Findings:
    """What is not as it must be: how many of each kind, and the first of them in words."""

    KINDS = ("lost", "duplicated", "wrong")

    def __init__(self):
        self.count = dict.fromkeys(self.KINDS, 0)
        self.told = []

    def add(self, kind, what, number=1):
        if self.count[kind] < SHOWN:
            self.told.append(f"{kind}: {what}")
        self.count[kind] += number

    @property
    def clean(self):
        return not any(self.count.values())

    def __str__(self):
        return " ".join(f"{kind}={self.count[kind]}" for kind in self.KINDS)


def milliseconds(text):
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)


def rows_of(folder, columns, findings):
    """Each row of the part files of a folder, as the texts of `columns`; what is none is wrong."""
    for path in sorted([*folder.glob("part-*.csv"), *folder.glob("part-*.jsonl")]):
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            rows = csv_rows(file, columns) if path.suffix == ".csv" else json_rows(file, columns)
            for line, row in rows:
                if row is None:
                    findings.add("wrong", f"{path}, line {line}: not a row of {', '.join(columns)}")
                else:
                    yield row


def csv_rows(file, columns):
    reader = csv.reader(file)
    header = next(reader, [])
    if not set(columns) <= set(header):
        yield 1, None
        return
    places = [header.index(column) for column in columns]
    for row in reader:
        yield reader.line_num, [row[place] for place in places] if len(row) == len(header) else None


def json_rows(file, columns):
    for number, line in enumerate(file, 1):
        try:
            row = json.loads(line)
            yield number, [str(row[column]) for column in columns]
        except (ValueError, KeyError, TypeError):
            yield number, None


class FoldCheck:
    """The rows of users or items against the sums of their events."""

    COLUMNS = (*COUNTS, "quantity", "revenue_mills", "first_seen", "last_seen")

    def __init__(self, truth, name, keys, findings):
        self._truth, self._name, self._keys, self._findings = truth, name, keys, findings
        self._sums = collections.defaultdict(Sum)
        self._wholes = {}  # of keys whose events stand in several files: their order is not known
        self._seen = collections.defaultdict(lambda: array.array("I"))

    def check(self, folder):
        for key, *texts in rows_of(folder, (self._name, *self.COLUMNS), self._findings):
            try:
                row = (*map(int, texts[:-2]), *map(milliseconds, texts[-2:]))
            except ValueError:
                self._findings.add("wrong", f"{self._name} {key}: {','.join(texts)}")
                continue
            self._check_row(key, row)
        for key, numbers in self._keys.items():
            last = self._seen[key][-1] if self._seen[key] else 0
            if last < len(numbers):
                self._findings.add("lost", f"{self._name} {key}: {last} of {len(numbers)} events")

    def _check_row(self, key, row):
        what = f"{self._name} {key} after {row[0]} events"
        numbers, seen, events = self._keys.get(key), self._seen[key], row[0]
        if numbers is None:
            return self._findings.add("wrong", f"{what}: there is no such {self._name}")
        if events > len(numbers):
            return self._findings.add("duplicated", f"{what}: there are {len(numbers)}")
        if seen and events <= seen[-1]:
            place = bisect.bisect_left(seen, events)
            again = place < len(seen) and seen[place] == events
            return self._findings.add("duplicated" if again else "wrong", f"{what}: again, or behind {seen[-1]} events")
        seen.append(events)
        why = self._impossible(key, numbers, row)
        if why:
            self._findings.add("wrong", f"{what}: {why}")

    def _impossible(self, key, numbers, row):
        """Why no events of the key make this row; nothing when some do."""
        events, counts = row[0], row[:len(COUNTS)]
        if self._truth.file_of(numbers[0]) == self._truth.file_of(numbers[-1]):
            total = self._sums[key]
        else:
            total = self._wholes.setdefault(key, Sum())
            events = len(numbers)
        total.go_on(self._truth, numbers, events)
        if row[0] == events:
            return "" if row == total.row() else f"{row} instead of {total.row()}"
        possible = sum(counts[1:]) == counts[0] and all(0 <= n <= most for n, most in zip(counts, total.counts))
        possible = possible and total.first_ms <= row[-2] <= row[-1] <= total.last_ms
        return "" if possible else f"{row} on the way to {total.row()}"


def check_totals(truth, folder, findings):
    """Events and distinct users by action."""
    expected = truth.action_totals()
    last = {}
    for action, *texts in rows_of(folder, ("action", "events", "users"), findings):
        what = f"totals {action}: {','.join(texts)}"
        if action not in expected or not all(text.isdecimal() for text in texts):
            findings.add("wrong", what)
            continue
        row, before = tuple(map(int, texts)), last.get(action, (0, 0))
        if row == before or row[0] > expected[action][0]:
            findings.add("duplicated", f"{what} behind {before}; there are {expected[action]}")
        elif row[0] <= before[0] or row[1] < before[1] or not 0 <= row[1] <= expected[action][1]:
            findings.add("wrong", f"{what} behind {before}; there are {expected[action]}")
        last[action] = max(row, before)
    for action, whole in expected.items():
        row = last.get(action, (0, 0))
        if row[0] < whole[0]:
            findings.add("lost", f"totals {action}: {row} of {whole}")
        elif row[0] == whole[0] and row != whole:
            findings.add("wrong", f"totals {action}: {row} instead of {whole}")


class RecentCheck:
    """The newest events of each user: blocks of rows, newest first."""

    def __init__(self, truth, count, findings):
        self._truth, self._count, self._findings = truth, count, findings
        self._open, self._last = collections.defaultdict(list), {}

    def check(self, folder):
        for user, path, line, *texts in rows_of(folder, ("user", "file", "line", *FIELDS), self._findings):
            number = self._truth.number_at(path, int(line)) if line.isdecimal() else None
            if number is None or not self._same(texts, self._truth.cells(number)):
                self._findings.add("wrong", f"recent {user}: {path}, line {line} holds no {','.join(texts)}")
                continue
            block, at = self._open[user], (self._truth.time_ms[number], number)
            # A block goes from new to old, so a row that is not older begins the next.
            if block and (at >= block[-1] or len(block) == self._count):
                self._end(user)
            self._open[user].append(at)
        for user in list(self._open):
            self._end(user)
        for user in self._truth.users:
            newest = [(self._truth.time_ms[number], number) for number in self._truth.newest(user, self._count)]
            block = self._last.get(user, [])
            if block != newest:
                kind = "lost" if block < newest else "wrong"
                self._findings.add(kind, f"recent {user}: {block} instead of {newest}")

    def _same(self, texts, cells):
        try:
            return (texts[:5] == cells[:5] and milliseconds(texts[5]) == int(cells[5])
                    and float(texts[6]) == float(cells[6]) and int(texts[7]) == int(cells[7]))
        except ValueError:
            return False

    def _end(self, user):
        """A block may be the one before it again, when an event was older than all that are kept."""
        block, before = self._open.pop(user), self._last.get(user, [])
        if block < before or len(block) < len(before):
            self._findings.add("wrong", f"recent {user}: {block} behind {before}")
        self._last[user] = max(block, before)


def check_dead_letters(truth, folder, findings):
    """Each malformed line once, with its reason."""
    seen = collections.Counter()
    for origin, reason in rows_of(folder, ("origin", "reason"), findings):
        expected = truth.dead_letters.get(origin)
        seen[origin] += 1
        if expected is None or expected != reason:
            findings.add("wrong", f"dead letter {origin}: {reason} instead of {expected}")
        elif seen[origin] > 1:
            findings.add("duplicated", f"dead letter {origin}: {seen[origin]} times")
    for origin, reason in truth.dead_letters.items():
        if origin not in seen:
            findings.add("lost", f"dead letter {origin}: {reason}")


def check_windows(name, expected, folder, key_fields, value_fields, findings):
    """Each window has its one row; `expected`: values by (key, start, end, …)."""
    seen = set()
    for path in sorted(folder.glob("part-*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            try:
                row = json.loads(line)
                window = milliseconds(row["window"]["start"]), milliseconds(row["window"]["end"])
                place = (row[key_fields[0]], *window, *(row[field] for field in key_fields[1:]))
                values = tuple(row[field] for field in value_fields)
            except (ValueError, KeyError, TypeError):
                findings.add("wrong", f"{path}, line {number}: not a row of {name}")
                continue
            if place in seen:
                findings.add("duplicated", f"{name} {place}: again {values}")
            elif expected.get(place) != values:
                findings.add("wrong", f"{name} {place}: {values} instead of {expected.get(place)}")
            seen.add(place)
    for place in expected.keys() - seen:
        findings.add("lost", f"{name} {place}: {expected[place]}")


def compare(truth, output, recent, windows=Windows()):
    """Findings of the job's output folder; `recent` and `windows` as the job was told."""
    output = pathlib.Path(output)
    findings = Findings()
    FoldCheck(truth, "user", truth.users, findings).check(output / "users")
    FoldCheck(truth, "item", truth.items, findings).check(output / "items")
    check_totals(truth, output / "totals", findings)
    RecentCheck(truth, recent, findings).check(output / "recent")
    check_dead_letters(truth, output / "dead_letters", findings)
    if windows.session_gap:
        check_windows("session", truth.sessions(windows.session_gap), output / "sessions", ["user"],
                      ["events", "items", "orders"], findings)
    if windows.visits_window:
        check_windows("visits", truth.visits(windows.visits_window), output / "visits", ["action"],
                      ["events", "users"], findings)
    if windows.hot:
        expected = truth.hot_items(windows.hot, windows.hot_window, windows.hot_slide)
        check_windows("hot items", expected, output / "hot_items", ["category", "rank"],
                      ["item", "views", "visitors"], findings)
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="+", help="event files, by the same paths as the job was given")
    parser.add_argument("--output", required=True, help="the job's output folder")
    parser.add_argument("--recent", type=int, default=50, help="the job's parameter")
    for name, value in vars(Windows()).items():
        what = "the job's parameter" if name == "hot" else "the job's parameter, in ms"
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value, help=what)
    given = parser.parse_args()
    truth = Truth(given.input)
    windows = Windows(**{name: getattr(given, name) for name in vars(Windows())})
    findings = compare(truth, given.output, given.recent, windows)
    for told in findings.told:
        print(told, file=sys.stderr)
    print(f"recount: events={truth.events} dead_letters={len(truth.dead_letters)} {findings}")
    sys.exit(0 if findings.clean else 1)


if __name__ == "__main__":
    main()
