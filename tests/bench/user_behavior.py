"""The main job whole: made-up events of a shop, all outputs to files, exactly once, two workers."""

import csv
import pathlib
import time

from harness import FRESHET, Row, demand, folder, library, run

EVENTS = 10_000_000


def rate(*more):
    """Events a second, from the begin of the command to its end."""
    with folder() as output:
        begin = time.monotonic()
        run(FRESHET, "run", library("user_behavior"), "--workers", 2, "--parallelism", 2, "--json",
            "--param", "input=shop:", "--param", "input.rate=0", "--param", f"input.events={EVENTS}",
            "--param", "input.partitions=2", "--param", f"output={output}", *more)
        took_s = time.monotonic() - begin
        counted = 0
        for path in pathlib.Path(output, "totals").glob("part-*.csv"):
            with path.open() as lines:
                counted = max([counted] + [int(row["events"]) for row in csv.DictReader(lines) if row["action"] == "all"])
    demand(counted == EVENTS, f"the totals say {counted} events, not {EVENTS}")
    return EVENTS / took_s / 1e6


def bench(runs, progress):
    at_end, exactly_once = [], []
    for number in range(runs):
        progress(f"user_behavior, pair {number + 1} of {runs}")
        at_end.append(rate())
        exactly_once.append(rate("--checkpoint-interval", "1s", "--param", "emit=1s"))
    return [Row("user_behavior: generator, all outputs each second, exactly once", exactly_once, "M/s", at_least=1),
            Row("user_behavior: the same, outputs at the end, no checkpoints", at_end, "M/s")]
