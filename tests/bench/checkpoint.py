"""What checkpoints cost: throughput with one every second against none, the longest time that the counting task stood
still, and how long one takes when little has changed.

Counting by key on a cluster of one machine; source and counting task are in one worker each, so that all records cross
the wire. First each key comes once; what is timed begins behind that.
"""

import json
import pathlib
import time
import urllib.request

from harness import Cluster, Row, demand, folder, library, proportional_kib, wait_for

KEYS, RECORDS = 1_000_000, 60_000_000
MANY_KEYS, PER_SECOND, CHECKPOINTS = 5_000_000, 50_000, 5
PATIENCE_S = 300


class Run:
    """One run of the job; `every`: between checkpoints."""

    def __init__(self, cluster, report, every, *more, **parameters):
        self._cluster, self._report = cluster, pathlib.Path(report)
        words = [word for name, value in {"report": report, **parameters}.items()
                 for word in ("--param", f"{name}={value}")]
        cluster.call("submit", library("bench_checkpoint"), "--name", "checkpoint", "--workers", 2, "--parallelism", 1,
                     "--checkpoint-interval", every, *more, *words)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self._cluster.ports[0]}/v1/jobs/checkpoint{path}",
                                    timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def over(self):
        status = self.get("")
        demand(status["state"] in ("Running", "Finished", "Deploying", "Scheduling"), f"{status['state']}: {status['reason']}")
        return status if status["state"] == "Finished" else None

    def finished(self, records=None):
        """Records a second behind the sweep, and the longest pause, ms; every record must have been counted once."""
        status = wait_for("the end", self.over, PATIENCE_S)
        told = wait_for("the counting task's word", self._told)  # it comes when the worker ends
        counted, swept_ns, last_ns, longest_ns = map(int, told.split())
        total = int((self._report / "end").read_text().split()[1])
        demand(total == counted and records in (None, counted), f"{total} records of {counted}, {records} were counted")
        demand(status["attempt"] == 1, "something died on the way")
        return counted, swept_ns, last_ns, longest_ns / 1e6

    def _told(self):
        path = self._report / "counted"
        return path.read_text() if path.exists() and path.read_text().endswith("\n") else None

    def stop(self):
        (self._report / "stop").touch()


def throughput(every, keys, records, *more, shape="uniform"):
    """Records a second behind the sweep, the longest pause, ms, and what the counting worker took at most, MiB."""
    with folder() as report, Cluster() as cluster:
        run = Run(cluster, report, every, *more, count=records, keys=keys, hot=keys, shape=shape)
        most_kib = 0
        while run.over() is None:
            for worker in run.get("")["workers"]:
                try:
                    most_kib = max(most_kib, proportional_kib(worker["pid"]))
                except (OSError, KeyError):
                    pass  # not there yet, or no longer
            time.sleep(0.2)
        counted, swept_ns, last_ns, pause_ms = run.finished(records)
    return (counted - keys) / ((last_ns - swept_ns) / 1e9), pause_ms, most_kib / 1024


def small_changes():
    """For each checkpoint: ms that it took, and what was new of its bytes."""
    with folder() as report, Cluster() as cluster:
        run = Run(cluster, report, "1s", keys=MANY_KEYS, hot=MANY_KEYS // 100, per_second=PER_SECOND)
        wait_for("the sweep", lambda: (pathlib.Path(report) / "swept").exists(), PATIENCE_S)
        begin = wait_for("a checkpoint", lambda: (run.get("")["last_checkpoint"] or {}).get("number"))

        def enough():
            done = [each for each in run.get("/checkpoints")["checkpoints"]
                    if each["state"] == "done" and each["number"] > begin + 1]
            return done if len(done) >= CHECKPOINTS else None
        done = wait_for("checkpoints", enough, PATIENCE_S)
        run.stop()
        run.finished()
    return done


def bench(runs, progress):
    ratios, with_pauses, without_pauses = [], [], []
    for number in range(runs):
        progress(f"checkpoint, run {number + 1} of {runs}")
        without, pause_without, _ = throughput("0", KEYS, RECORDS)
        often, pause_with, _ = throughput("1s", KEYS, RECORDS)
        ratios.append(often / without)
        with_pauses.append(pause_with)
        without_pauses.append(pause_without)
    progress("checkpoints of small changes")
    small = small_changes()
    million = f"{KEYS // 1_000_000} M keys"
    return [
        Row(f"{million}: a checkpoint every second / none", ratios, "of the throughput", at_least=0.85),
        Row(f"{million}: longest pause of the counting task, a checkpoint every second", with_pauses, "ms"),
        Row(f"{million}: longest pause of the counting task, none", without_pauses, "ms"),
        Row(f"{MANY_KEYS // 1_000_000} M keys, 1 % changed: a checkpoint", [each["took_ms"] for each in small], "ms"),
        Row(f"{MANY_KEYS // 1_000_000} M keys, 1 % changed: new of its bytes",
            [100 * each["new_bytes"] / each["bytes"] for each in small], "%"),
    ]
