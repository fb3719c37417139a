"""What records that fail cost the others: a hundredth of all finds no price in Redis for a minute, and waits in its lane.

20,000 records a second on a schedule, a minute with all prices and a minute with one of a hundred missing, in one run;
then the price is there, and what waited comes through. Ages are of the items whose price is never missing.
"""

import pathlib
import shutil
import socket
import subprocess
import time

from harness import Cluster, Row, demand, folder, library, wait_for

RATE, SECONDS, ITEMS = 20_000, 60, 100


class Redis:
    """A server of its own, on a unix socket in a folder that goes away."""

    def __init__(self, home):
        # The program looks at the name it is called by; some packages have it as the checker alone.
        program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
        demand(program, "there is no redis-server: scripts/install_dependencies.sh")
        self.socket = f"{home}/redis"
        self._process = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "",
                                          "--dir", home], executable=program, stdout=subprocess.DEVNULL)
        wait_for("Redis", self._listens)

    def _listens(self):
        demand(self._process.poll() is None, "Redis does not start")
        return pathlib.Path(self.socket).is_socket()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def call(self, *words):
        command = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.socket)
            connection.sendall(command.encode())
            answer = connection.recv(100)
        demand(answer[:1] in b"+:", f"Redis answers {answer}")


def measure(progress):
    """Ages in ms at p50, p99, p99.9 and the greatest, of either phase."""
    with folder() as report, Cluster() as cluster, Redis(report) as redis:
        for item in range(ITEMS):
            redis.call("SET", f"price:{item}", str(item))
        cluster.call("submit", library("bench_retries"), "--name", "retries", "--workers", 1, "--parallelism", 1,
                     "--checkpoint-interval", "1s", "--param", f"report={report}", "--param", f"per_second={RATE}",
                     "--param", f"seconds={SECONDS}", "--param", f"redis=unix:{redis.socket}")
        begin = pathlib.Path(report, "begin")
        begin_ns = int(wait_for("the first record", lambda: begin.is_file() and begin.read_text().strip()))
        progress("retries: all prices are there")
        time.sleep(max(0, begin_ns / 1e9 + SECONDS - time.monotonic()))
        redis.call("DEL", "price:0")
        progress("retries: one of a hundred is missing")
        time.sleep(SECONDS)
        waiting = cluster.status("retries")["retrying"]
        redis.call("SET", "price:0", "0")
        wait_for("the end", lambda: cluster.status("retries")["state"] == "Finished", 120)
        status = cluster.status("retries")
        sent = int(pathlib.Path(report, "sent").read_text())
        first, second, others = pathlib.Path(report, "ages").read_text().splitlines()
    ages = [list(map(int, line.split())) for line in (first, second)]
    demand(sum(phase[0] for phase in ages) + int(others) == sent, f"not all of {sent} records came: {ages} {others}")
    demand(waiting > RATE * SECONDS / ITEMS / 2, f"only {waiting} records waited to be tried again")
    demand(status["dead_letters"] == 0, f"{status['dead_letters']} dead letters")
    return [[age / 1e6 for age in phase[1:]] for phase in ages]


def bench(runs, progress):
    all_runs = [measure(lambda what, number=number: progress(f"{what}, run {number + 1} of {runs}"))
                for number in range(runs)]
    rows = [Row("retries: p99 with 1 % that fail / without", [second[1] / first[1] for first, second in all_runs], "",
                at_most=1.1)]
    for which, title in enumerate(("none fails", "1 % fail")):
        rows += [Row(f"retries, {title}: {name}", [run[which][i] for run in all_runs], "ms")
                 for i, name in enumerate(("p50", "p99", "p99.9", "max"))]
    return rows
