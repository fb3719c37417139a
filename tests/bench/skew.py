"""What it costs that half of all records are of one key: two counting tasks in two workers, against uniform keys."""

import pathlib

from harness import FRESHET, Row, demand, folder, library, run

RECORDS = 40_000_000


def rate(keys):
    """Records per second."""
    with folder() as report:
        run(FRESHET, "run", library("bench_keyed_count"), "--job", "keyed_count", "--workers", 2, "--parallelism", 2,
            "--param", f"records={RECORDS}", "--param", f"report={report}", "--param", f"shape={keys}", "--json")
        start_ns = int(pathlib.Path(report, "start").read_text())
        ends = [list(map(int, path.read_text().split())) for path in pathlib.Path(report).glob("end*")]
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
