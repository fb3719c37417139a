"""State read while it changes: 100,000 events/s of 1 M users come in, 1,000 reads a second go out, both open loop.

The same once more with the job manager killed. How fresh answers are is seen at a user to whom every hundredth event
belongs: the age of the newest that an answer knows, its own way included. Ingest is what the step that is read has
counted, as the job's status says. All events are counted in the end.
"""

import json
import os
import pathlib
import signal
import time
import urllib.request

from harness import BUILD, Cluster, Row, demand, folder, library, run, wait_for

EVENTS, READS, USERS, SECONDS = 100_000, 1_000, 1_000_000, 60
PATIENCE_S = 60


def records(cluster):
    """Counted by the step that is read, and when the job manager said so, s; it hears of it twice a second."""
    status = cluster.status("reads")
    counted = next(chain["records_in"] for chain in status["operators"] if "count" in chain["chain"])
    return counted, status["now_ms"] / 1000


def ingest_while(cluster, what):
    """Events a second that were counted while `what` was done, and its answer."""
    before, begin = records(cluster)
    answer = what()
    after, end = records(cluster)
    return (after - before) / (end - begin), answer


def read(address):
    numbers = list(map(int, run(BUILD / "bin" / "bench_reader", address, "reads", USERS, READS, SECONDS).split()))
    asked, failed, *times_ns = numbers
    demand(asked == READS * SECONDS and failed == 0, f"{failed} of {asked} reads failed")
    return [each / 1e6 for each in times_ns]


def measure(progress):
    with folder() as report, Cluster() as cluster:
        cluster.call("submit", library("bench_reads"), "--name", "reads", "--workers", 2, "--parallelism", 1,
                     "--checkpoint-interval", "1s", "--param", f"report={report}", "--param", f"users={USERS}",
                     "--param", f"per_second={EVENTS}")
        address = wait_for("an agent that serves reads",
                           lambda: next(iter(pathlib.Path(cluster.home.name).glob("*/reads")), None)).read_text().strip()
        wait_for("all users", lambda: records(cluster)[0] > USERS + EVENTS)
        progress("reads: nobody reads")
        alone, _ = ingest_while(cluster, lambda: time.sleep(SECONDS / 2))
        progress("reads: 1,000 a second")
        ingest, times = ingest_while(cluster, lambda: read(address))
        progress("reads: the job manager is killed")
        with urllib.request.urlopen(f"http://127.0.0.1:{cluster.ports[0]}/v1/cluster", timeout=PATIENCE_S) as answer:
            os.kill(json.load(answer)["manager"]["pid"], signal.SIGKILL)
        without = read(address)
        cluster.start_again()
        wait_for("the job", lambda: cluster.status("reads")["state"] == "Running")
        pathlib.Path(report, "stop").touch()
        wait_for("the end", lambda: cluster.status("reads")["state"] == "Finished")
        made, _ = map(int, pathlib.Path(report, "sent").read_text().split())
        counted = int(pathlib.Path(report, "counted").read_text())
        demand(counted == made + USERS, f"{counted} events were counted of {made + USERS}")
        return ingest / alone, times, without


def bench(runs, progress):
    all_runs = [measure(lambda what, number=number: progress(f"{what}, run {number + 1} of {runs}"))
                for number in range(runs)]
    rows = [Row("reads: ingest with 1,000 reads/s / without", [run[0] for run in all_runs], "", at_least=0.95)]
    limits = (None, 5, None, None, 5, 50, None)
    names = ("p50", "p99", "p99.9", "max", "freshness p50", "freshness p99", "freshness max")
    for which, title in ((1, "reads"), (2, "reads, job manager dead")):
        rows += [Row(f"{title}: {name}", [run[which][i] for run in all_runs], "ms", at_most=limits[i])
                 for i, name in enumerate(names)]
    return rows
