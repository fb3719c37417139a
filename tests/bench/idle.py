"""Memory of a cluster with one agent and one worker whose job has nothing to do, shared pages counted by their share."""

import json
import time

from harness import Cluster, Row, demand, folder, library, proportional_kib

SETTLE_S = 2.0


def bench(runs, progress):
    parts = {"job manager": [], "agent": [], "worker": []}
    for number in range(runs):
        progress(f"idle, run {number + 1} of {runs}")
        with folder() as report, Cluster() as cluster:
            cluster.call("submit", library("bench_keyed_count"), "--job", "keyed_count", "--name", "idle",
                         "--param", "records=1", "--param", "stays=true", "--param", f"report={report}")
            time.sleep(SETTLE_S)
            status = cluster.status("idle")
            demand(status["state"] == "Running", f"the idle job is {status['state']}")
            overview = json.loads(cluster.call("cluster", "status", "--json"))
            pids = {"job manager": overview["manager"]["pid"], "agent": overview["agents"][0]["pid"],
                    "worker": status["workers"][0]["pid"]}
            for part, pid in pids.items():
                parts[part].append(proportional_kib(pid) / 1024)
            cluster.call("cancel", "idle")
    together = [sum(values) for values in zip(*parts.values())]
    return [Row("idle: together", together, "MiB", at_most=60)] + [
        Row(f"idle: {part}", values, "MiB") for part, values in parts.items()]
