"""What it costs that half of all records are of one key, against uniform keys: two tasks in two workers that add up, before
which records of one key are combined.
"""

import pathlib

from harness import FRESHET, Row, demand, folder, library, run

RECORDS = 40_000_000


def rate(keys):
    """Millions of records per second."""
    with folder() as report:
        run(FRESHET, "run", library("bench_keyed_count"), "--job", "keyed_count_sum", "--workers", 2, "--parallelism", 2,
            "--param", f"records={RECORDS}", "--param", f"report={report}", "--param", f"shape={keys}", "--param", "sources=2", "--json")
        start_ns = int(pathlib.Path(report, "start").read_text())
        ends = [list(map(int, line.split())) for line in pathlib.Path(report, "end").read_text().splitlines()]
    demand(len(ends) == 2, f"{len(ends)} of 2 tasks came to an end")
    counted = sum(records for _, records, _ in ends)
    demand(counted == RECORDS, f"{counted} of {RECORDS} records were counted")
    return RECORDS / (max(end_ns for end_ns, _, _ in ends) - start_ns) * 1e3


def bench(runs, progress):
    uniform, half, ratios = [], [], []
    for number in range(runs):
        progress(f"skew, pair {number + 1} of {runs}")
        uniform.append(rate("uniform"))
        half.append(rate("half"))
        ratios.append(half[-1] / uniform[-1])
    return [Row("skew: half of all records of one key / uniform keys", ratios, "of the throughput", at_least=0.8),
            Row("skew: uniform keys", uniform, "M/s"), Row("skew: half of one key", half, "M/s")]
