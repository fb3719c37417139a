"""How long it takes until something runs: a cluster, and a job on it."""

import pathlib
import time

from harness import Cluster, Row, demand, folder, library


def first_record_ms(cluster):
    """From the start of `freshet submit` to a record counted in another worker process."""
    with folder() as report:
        begin_ns = time.monotonic_ns()  # the clock that the job writes down, too
        cluster.call("submit", library("bench_keyed_count"), "--job", "keyed_count", "--workers", 2, "--wait",
                     "--param", "records=1", "--param", f"report={report}")
        end_ns, counted, _ = map(int, pathlib.Path(report, "end").read_text().split())
    demand(counted == 1, f"the job counted {counted} records of 1")
    return (end_ns - begin_ns) / 1e6


def bench(runs, progress):
    up, first = [], []
    for number in range(runs):
        progress(f"startup, run {number + 1} of {runs}")
        with Cluster() as cluster:
            up.append(cluster.up_ms)
            first.append(first_record_ms(cluster))
    return [Row("startup: cluster up", up, "ms", at_most=200),
            Row("startup: submit to first record counted", first, "ms", at_most=300)]
