"""Seeded event files for jobs/user_behavior, with totals that are known, and dirty in known ways.

Each file has the columns id,user,item,category,action,time,amount,quantity and its own users, as a log that is
partitioned by user: what a job makes of one user's events then depends on one file's order alone. Items occur in all
files. Events come out of order by less than the job's default disorder, some come twice with the same id (the job
counts them twice), some have no user, and some lines are no events; those must become dead letters.
"""

import argparse
import collections
import itertools
import json
import pathlib
import random

HEADER = "id,user,item,category,action,time,amount,quantity\n"
FIRST_TIME_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
MAX_LATE_MS = 20_000  # the job allows 30 s
FILES = 4
USERS_PER_FILE = 5_000
ITEMS = 1_000

LATE = 0.10  # shares of the lines
REPEATED = 0.02
WITHOUT_USER = 0.01
MALFORMED = 0.004  # the job pauses a source at 5 % within a minute
REPEATED_FROM = 1_000  # newest events of a file, of which one is repeated
ACTIONS = {"view": 60, "click": 20, "cart": 8, "favorite": 4, "order": 4, "rate": 2, "cancel": 1, "other": 1}

# How a good line's cells are spoilt; what is wrong is a dead letter's reason in the job's words.
SPOILT = {
    "malformed: 3 fields, 8 needed": lambda cells: cells[:3],
    "malformed: field action": lambda cells: cells[:4] + ["buy"] + cells[5:],
    "malformed: field time": lambda cells: cells[:5] + ["yesterday"] + cells[6:],
    "malformed: field amount": lambda cells: cells[:6] + ["1.2.3"] + cells[7:],
    "malformed: field quantity": lambda cells: cells[:7] + [""],
    "malformed: event time": lambda cells: cells[:5] + ["1000"] + cells[6:],  # the second second of 1970
}


def line_of(cells):
    return ",".join('"' + cell.replace('"', '""') + '"' if "," in cell or '"' in cell else cell
                    for cell in cells) + "\n"


class Visitors:
    """The lines of one file, one after another, for ever; the same for the same seed and number."""

    def __init__(self, seed, number, rate):
        self._random = random.Random(f"traffic {seed} {number}")
        self._number, self._rate = number, rate
        self._actions, weights = zip(*ACTIONS.items())
        self._weights = list(itertools.accumulate(weights))
        self._recent = collections.deque(maxlen=REPEATED_FROM)
        self._made = 0

    def next(self):
        """(line, what it is: "event", "repeated" or a dead letter's reason)"""
        chance = self._random.random()
        if chance < REPEATED and self._recent:
            return self._random.choice(self._recent), "repeated"
        cells = self._event()
        if chance > 1 - MALFORMED:
            reason = self._random.choice(list(SPOILT))
            return line_of(SPOILT[reason](cells)), reason
        line = line_of(cells)
        self._recent.append(line)
        return line, "event"

    def _event(self):
        draw = self._random.random
        self._made += 1
        # Squares make some users and items much busier than others.
        user = "" if draw() < WITHOUT_USER else f"u{self._number}-{int(USERS_PER_FILE * draw() ** 2)}"
        item = int(ITEMS * draw() ** 2)
        time_ms = FIRST_TIME_MS + self._made * 1000 // self._rate
        if draw() < LATE:
            time_ms -= int(MAX_LATE_MS * draw())
        action = self._random.choices(self._actions, cum_weights=self._weights)[0]
        amount, quantity = "0", 1
        if action in ("order", "cancel"):
            amount, quantity = f"{1 + int(20_000 * draw()) / 100:.2f}", 1 + int(3 * draw())
        elif action == "rate":
            amount = str(1 + int(5 * draw()))
        # A comma and quotes in a name must not tear a line apart.
        name = f'item {item}, "new"' if item % 50 == 7 else f"item-{item}"
        return [f"{self._number}-{self._made}", user, name, f"c{item % 20}", action, str(time_ms), amount,
                str(-quantity if action == "cancel" else quantity)]


def write(folder, seed, lines_per_file, rate):
    """Writes events-N.csv into `folder`, for about `rate` lines per second of event time. Gives the totals: files,
    events (lines that are events, repeated ones too), repeated, malformed by reason."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    totals = {"files": FILES, "events": 0, "repeated": 0, "malformed": dict.fromkeys(SPOILT, 0)}
    for number in range(1, FILES + 1):
        visitors = Visitors(seed, number, rate)
        with open(folder / f"events-{number}.csv", "w", encoding="utf-8", newline="") as file:
            file.write(HEADER)
            for _ in range(lines_per_file):
                line, kind = visitors.next()
                file.write(line)
                if kind in SPOILT:
                    totals["malformed"][kind] += 1
                else:
                    totals["events"] += 1
                    totals["repeated"] += kind == "repeated"
    return totals


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where the files go")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", type=int, default=10_000, help="per file")
    parser.add_argument("--rate", type=int, default=1_000, help="lines per second of event time, in each file")
    given = parser.parse_args()
    print(json.dumps(write(given.folder, given.seed, given.lines, given.rate), indent=1))


if __name__ == "__main__":
    main()
