"""What the benchmarks share: running commands, folders that go away, medians, and rows of the table at the end."""

import json
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
FRESHET = BUILD / "bin" / "freshet"
LONGEST_COMMAND_S = 300


class Wrong(Exception):
    """A run whose own results are not what they must be: its times mean nothing."""


class Row:
    """One figure: its values over the runs, and the target that its median is held against."""

    def __init__(self, figure, values, unit, at_least=None, at_most=None):
        self.figure, self.values, self.unit = figure, sorted(values), unit
        self.at_least, self.at_most = at_least, at_most

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def target(self):
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return f"< {self.at_most:g}" if self.at_most is not None else ""

    @property
    def verdict(self):
        if not self.target:
            return ""
        good = self.median >= self.at_least if self.at_least is not None else self.median < self.at_most
        return "met" if good else "MISSED"

    def as_json(self):
        return {"figure": self.figure, "unit": self.unit, "median": self.median, "min": self.values[0],
                "max": self.values[-1], "runs": len(self.values), "target": self.target, "verdict": self.verdict}


def demand(condition, what):
    if not condition:
        raise Wrong(what)


def wait_for(what, ask, patience_s=60, poll_s=0.05):
    """The first answer of `ask` that is true."""
    limit = time.monotonic() + patience_s
    while not (answer := ask()):
        demand(time.monotonic() < limit, f"{what}: not within {patience_s} s")
        time.sleep(poll_s)
    return answer


def run(*command, **options):
    """Standard output of a command that must succeed."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_COMMAND_S, **options)
    demand(done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def library(name):
    return BUILD / "lib" / f"lib{name}.so"


def folder():
    return tempfile.TemporaryDirectory(prefix="freshet-bench-")


def free_ports(count):
    """Ports of the loopback interface that nobody listens on right now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """A cluster of its own with one agent; stopped at the end."""

    def __init__(self):
        self.ports = free_ports(2)
        self.home = folder()
        self.up_ms = None

    def __enter__(self):
        begin = time.monotonic()
        self.start_again()
        self.up_ms = (time.monotonic() - begin) * 1000
        return self

    def __exit__(self, *_):
        run(FRESHET, "cluster", "stop", "--data", self.home.name)
        self.home.cleanup()

    def start_again(self):
        """Starts what does not run."""
        run(FRESHET, "cluster", "start", "--agents", 1, "--port", self.ports[0], "--control-port", self.ports[1],
            "--data", self.home.name)

    def call(self, verb, *arguments):
        return run(FRESHET, verb, *arguments, "--manager", f"127.0.0.1:{self.ports[0]}")

    def status(self, job):
        return json.loads(self.call("status", job, "--json"))


def proportional_kib(pid):
    """Memory of a process with what it shares counted by its share (PSS)."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise Wrong(f"process {pid} has no proportional set size")


def machine():
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    return {"processor": model, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
