"""From SIGKILL of a worker to the first record that the next attempt counts, and where that time goes.

A job counts 20,000 records a second by 10,000 keys, with a checkpoint each second, on a cluster of one machine; the
restart strategy has no delay, as by default. Once with one worker, which is killed, and once with two, of which each is
killed in turn and the other has to be stopped first. Counts are exact in the end.
"""

import datetime
import json
import os
import pathlib
import signal
import time
import urllib.request

from harness import Cluster, Row, demand, folder, library, wait_for

KILLS_PER_RUN = 4
PATIENCE_S = 60
POLL_S = 0.005

# What ends each part, and how it is seen there. The last is the job's own word.
PARTS = ("detected: the job is Recovering", "scheduled: the next attempt is Deploying",
         "started: the worker logs its first line", "restored: it has its state from the checkpoint",
         "running: its tasks run", "first record counted")
MILESTONES = (" starts, pid ", "restored from checkpoint ", " running ")  # in a worker's log: the third to the fifth


class Recovering:
    """The job on a cluster, and the times at which its attempts got on."""

    def __init__(self, cluster, report, workers):
        self._cluster, self._report, self._workers = cluster, pathlib.Path(report), workers
        cluster.call("submit", library("bench_recovery"), "--name", "recovery", "--workers", workers, "--parallelism", 1,
                     "--checkpoint-interval", "1s", "--restart", "fixed 1000 0ms", "--param", f"report={report}")
        self._checkpoint = 0

    def _get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self._cluster.ports[0]}/v1/jobs/recovery{path}",
                                    timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def _settled(self):
        """The status, once the job runs and has made a checkpoint since the last kill."""
        status = self._get("")
        newest = (status["last_checkpoint"] or {}).get("number") or 0
        return status if status["state"] == "Running" and newest > self._checkpoint else None

    def _counting(self):
        return {path.name for path in self._report.glob("counted-*") if path.read_text().endswith("\n")}

    def kill(self, number):
        """Milliseconds from the kill of a worker to the end of each part."""
        status = wait_for("a checkpoint", self._settled)
        self._checkpoint = status["last_checkpoint"]["number"] + 1  # one that was not open already
        before, attempt = self._counting(), status["attempt"] + 1
        workers = [worker for worker in status["workers"] if worker["phase"] == "running"]
        # Wall and steady clock at one moment: events and logs have the one, the job the other.
        wall_ms, steady_ns = time.time() * 1000, time.monotonic_ns()
        os.kill(workers[number % len(workers)]["pid"], signal.SIGKILL)
        counting = wait_for("a record of the next attempt", lambda: (self._counting() - before or {None}).pop(), poll_s=POLL_S)
        first_ms = (int((self._report / counting).read_text()) - steady_ns) / 1e6
        wait_for("the next attempt", lambda: self._get("")["state"] == "Running")
        status = self._get("")
        demand(status["attempt"] == attempt, f"attempt {status['attempt']} runs, not {attempt}: {status['reason']}")
        ends = self._events(wall_ms) + self._logged(attempt)
        return [end - wall_ms for end in ends] + [first_ms]

    def _events(self, wall_ms):
        """When the job was Recovering and Deploying, epoch ms; events have whole ones."""
        events = [event for event in self._get("/events")["events"]
                  if event["kind"] == "state" and event["time_ms"] >= int(wall_ms)]
        found = [next((event["time_ms"] for event in events if event["text"].startswith(state)), None)
                 for state in ("Recovering", "Deploying")]
        demand(None not in found, f"the time line does not say how the job recovered: {events}")
        return found

    def _logged(self, attempt):
        """When the last of the workers had started, had its state, and ran, epoch ms."""
        folders = pathlib.Path(self._cluster.home.name, "local-1", "jobs")

        def look():
            logs = [path.read_text(errors="replace") for path in folders.glob(f"*/attempt-{attempt}/*/worker.log")]
            times = [[logged(log, words) for log in logs] for words in MILESTONES]
            missing = len(logs) < self._workers or any(None in each for each in times)
            return None if missing else [max(each) for each in times]
        return wait_for("the logs of the next attempt", look)

    def finish(self):
        """Ends the input; every record must have been counted once."""
        (self._report / "stop").touch()
        wait_for("the end", lambda: self._get("")["state"] == "Finished")
        sent = int((self._report / "sent").read_text())
        counted = int((self._report / "end").read_text().split()[1])
        demand(sent == counted, f"{counted} records were counted of {sent}")


def logged(log, words):
    """When the first line with these words was logged, epoch ms; None: there is none."""
    line = next((line for line in log.splitlines() if words in line), None)
    if line is None:
        return None
    return datetime.datetime.fromisoformat(line.split(" ", 1)[0].replace("Z", "+00:00")).timestamp() * 1000


def measure(workers, kills, progress):
    """For each kill, ms from it to the end of each part."""
    with folder() as report, Cluster() as cluster:
        job = Recovering(cluster, report, workers)
        times = []
        for number in range(kills):
            progress(f"recovery with {workers} worker(s), kill {number + 1} of {kills}")
            times.append(job.kill(number))
        job.finish()
    return times


def bench(runs, progress):
    rows = []
    for workers in (1, 2):
        times = measure(workers, KILLS_PER_RUN * runs, progress)
        name = f"recovery, {workers} worker" + ("s" if workers > 1 else "")
        rows.append(Row(f"{name}: kill to first record counted", [each[-1] for each in times], "ms", at_most=1000))
        for part, what in enumerate(PARTS):
            rows.append(Row(f"{name}: + {what}", [each[part] - (each[part - 1] if part else 0) for each in times], "ms"))
    return rows
