"""The main job whole: made-up events of a shop, all outputs to files, two workers; exactly once with a checkpoint a second."""

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
    once, each_second, without = [], [], []
    for number in range(runs):
        progress(f"user_behavior, run {number + 1} of {runs}")
        once.append(rate("--checkpoint-interval", "1s"))
        each_second.append(rate("--checkpoint-interval", "1s", "--param", "emit=1s"))
        without.append(rate("--checkpoint-interval", "0"))
    return [Row("user_behavior: generator, all outputs, exactly once", once, "M/s", at_least=1),
            Row("user_behavior: the same, what has changed goes out each second", each_second, "M/s"),
            Row("user_behavior: outputs at the end, no checkpoints", without, "M/s")]
