"""How old records are when they come out of a branch that one in 100,000 takes, beside a branch at full speed."""

import json
import pathlib

from harness import FRESHET, Row, demand, folder, library, run

RECORDS = 40_000_000
ONE_IN = 100_000


def bench(runs, progress):
    ages = {"rare": [], "all": []}
    for number in range(runs):
        progress(f"rare_branch, run {number + 1} of {runs}")
        with folder() as report:
            status = json.loads(run(FRESHET, "run", library("bench_rare_branch"), "--workers", 3, "--parallelism", 1,
                                    "--param", f"records={RECORDS}", "--param", f"report={report}", "--json"))
            workers = [chain["tasks_detail"][0]["worker"] for chain in status["operators"]]
            demand(len(set(workers)) >= 3, f"source and sinks are not each in a worker of their own: {workers}")
            for branch, expected in (("rare", RECORDS // ONE_IN), ("all", RECORDS)):
                count, *times = map(int, pathlib.Path(report, branch).read_text().split())
                demand(count == expected, f"branch {branch} got {count} of {expected} records")
                ages[branch].append([time / 1e6 for time in times])
    return [Row(f"rare_branch: {branch} records, {name}", [times[i] for times in ages[branch]], "ms")
            for branch in ages for i, name in enumerate(("p50", "p99", "max"))]
