"""A cluster of real processes with ports and a data folder of its own, and the means to harm it.

Its processes are known by their command line: one of the engine's roles, with a data folder below this cluster's. A
signal goes through a pidfd, after pid, start time and command line were looked at again, so it never hits another
process.
"""

import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

ROLES = ("job-manager", "agent", "worker")
COMMAND_LIMIT_S = 90
GONE_LIMIT_S = 30  # workers without agent and job manager end by themselves after 10 s


class Trouble(Exception):
    """The run cannot go on, and why."""


@dataclasses.dataclass(frozen=True)
class Process:
    """A living process of a cluster; `folder` is its own, relative to the cluster's."""

    pid: int
    start_ticks: int
    role: str
    folder: str

    def __str__(self):
        return f"{self.role} {self.folder} (pid {self.pid})"

    def send(self, number, data):
        """False when the process is not there any more."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if process_at(self.pid, data) != self:
                return False
            signal.pidfd_send_signal(descriptor, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)


def flags_in(words):
    """--name=value and --name value, as a dictionary."""
    flags = {}
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            flags[name] = value if equals else words[index + 1] if index + 1 < len(words) else ""
    return flags


def process_at(pid, data):
    """The process with this pid if it is one of the cluster of the folder `data`, and no zombie; else None."""
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        # The name may hold blanks and parentheses: fields are counted behind it, from field 3, the state.
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    if len(words) < 2 or words[1] not in ROLES or fields[0] in "ZX":
        return None
    folder = pathlib.Path(flags_in(words).get("--data", "/"))
    if not folder.is_relative_to(data):
        return None
    return Process(pid, int(fields[19]), words[1], str(folder.relative_to(data)))


def free_ports(count):
    """Ports of the loopback interface that nobody listens on right now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """Started and stopped by `freshet cluster`; all processes are gone when a with block ends."""

    def __init__(self, freshet, data, agents):
        self._freshet, self.data, self._agents = freshet, pathlib.Path(data), agents
        self._port, self._control_port = free_ports(2)
        self.left = []  # processes that were still there at the end, and were killed

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        for process in self.processes():
            process.send(signal.SIGCONT, self.data)
        try:
            self.run("cluster", "stop", "--data", self.data)
            limit = time.monotonic() + GONE_LIMIT_S
            while self.processes() and time.monotonic() < limit:
                time.sleep(0.1)
        finally:  # whatever has gone wrong, nothing of it stays behind
            self.left = self.processes()
            for process in self.left:
                process.send(signal.SIGKILL, self.data)

    def run(self, *words):
        """Any verb; gives what it printed, and whether it succeeded."""
        command = [str(word) for word in (self._freshet, *words)]
        try:
            done = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=COMMAND_LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            raise Trouble(f"{' '.join(command)}: does not end within {COMMAND_LIMIT_S} s") from None
        return done.returncode == 0, done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def ask(self, *words):
        """A verb that asks the job manager and prints JSON; None when it does not answer."""
        good, said = self.run(*words, "--json", "--manager", f"127.0.0.1:{self._port}")
        return json.loads(said) if good else None

    def start(self):
        """Starts what does not run, on the same ports and folders, as a supervisor would; waits until all are ready."""
        good, said = self.run("cluster", "start", "--agents", self._agents, "--port", self._port, "--control-port",
                              self._control_port, "--data", self.data, "--timeout", "60s")
        if not good:
            raise Trouble(f"the cluster does not start: {said}")

    def submit(self, *words):
        good, said = self.run("submit", *words, "--manager", f"127.0.0.1:{self._port}", "--timeout", "60s")
        if not good:
            raise Trouble(f"the job does not start: {said}")

    def offers(self, verb, flag):
        """Whether the command line knows the flag."""
        return f"{flag} " in self.run(verb, "--help")[1]

    def processes(self, role=None):
        found = (process_at(int(entry.name), self.data) for entry in pathlib.Path("/proc").iterdir()
                 if entry.name.isdecimal())
        return sorted((each for each in found if each and role in (None, each.role)), key=lambda each: each.folder)

    def workers(self, job):
        """The workers that run the job now, as far as the job manager tells; else all there are."""
        workers, status = self.processes("worker"), self.ask("status", job)
        if status is None:
            return workers
        running = {worker["pid"] for worker in status["workers"] if worker["phase"] == "running"}
        return [worker for worker in workers if worker.pid in running]
