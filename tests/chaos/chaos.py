"""Kills and stops the processes of a running job, and then counts its results again. scripts/chaos.sh calls it.

The job is jobs/user_behavior on files of traffic.py, read at a rate that makes them last for the time asked for. What
is harmed, and when, follows from the seed, as far as the machine keeps time. What was killed is started again by
`freshet cluster start`, on the same folders, as a supervisor would. When the job has finished, recount.py says what is
lost, duplicated and wrong.
"""

import argparse
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

import recount
import traffic
from cluster import GONE_LIMIT_S, Cluster, Trouble
from throughput import Throughput

# How the job is told to survive.
RECOVERY = ("--checkpoint-interval", "1s", "--restart", "fixed 1000 100ms")
# So little that state is on disk all the time.
STATE_MEMORY = "1MiB"
JOB = "chaos"
AGENTS, WORKERS, PARALLELISM = 3, 3, 2
LINES_PER_SECOND = 1_000  # of each file
RECENT = 3
# So short that very many of them end while things are killed. No visits: a key's windows are one value, and with so
# little memory the few keys of actions, each with all its users, would do nothing but leave it and come back.
WINDOWS = recount.Windows(session_gap=3_000, visits_window=0, hot=5, hot_window=10_000, hot_slide=5_000)

# A stop lasts longer than the job manager waits for a sign of life: silence_limit of an agent, worker_silence_limit of
# a worker in runtime/job_manager/manager_options.h.
AGENT_STOP_S, WORKER_STOP_S = 8, 17
MAX_RESTART_DELAY_S = 3.0  # of the supervisor

EXTRA_LIMIT_S, EXTRA_LIMIT_PER_HARM_S = 60, 30
POLL_S = 0.3
OVER = ("Finished", "Stopped", "Cancelled", "Failed")
TAIL_LINES = 15


# What can be harmed, and how many cards of it a deck has.
HARMS = {"worker": 2, "agent": 1, "job-manager": 1, "agent-and-job-manager": 1, "all": 1, "stop-worker": 1,
         "stop-agent": 1}


class Chaos:
    """One run: harms a cluster on schedule until the job is over. `only`: a kind of HARMS, else all kinds have their
    turn. `every_s`: a harm at each multiple of these seconds, else about `harms_per_minute` at random."""

    def __init__(self, cluster, seed, harms_per_minute, only=None, every_s=None):
        self._cluster, self._random = cluster, random.Random(f"chaos {seed}")
        self._mean_gap_s = 60 / harms_per_minute if harms_per_minute else None
        self._only, self._every_s = only, every_s
        self._begin = time.monotonic()
        self._deck = []
        self._seen = None
        self._daemons = self._running_daemons()
        self.kills = self.stops = self.recoveries = 0
        self.state = "?"

    def say(self, text):
        print(f"{time.monotonic() - self._begin:7.1f} s  {text}", file=sys.stderr, flush=True)

    def run(self, seconds):
        """Until the job is over. Throws Trouble when that takes longer than the time it reads, and what is allowed for
        each harm."""
        next_harm = self._harm_behind(0)
        while self._look() not in OVER:
            now = time.monotonic() - self._begin
            limit = seconds + EXTRA_LIMIT_S + EXTRA_LIMIT_PER_HARM_S * (self.kills + self.stops)
            if now > limit:
                raise Trouble(f"the job is still {self.state} after {limit} s")
            # Behind its time the job is left to finish.
            if next_harm is not None and next_harm < now < seconds + EXTRA_LIMIT_PER_HARM_S:
                self._harm()
                next_harm = self._harm_behind(next_harm)
            gone = self._daemons - self._running_daemons()
            if gone:
                raise Trouble(f"ended by itself: {', '.join(sorted(gone))}")
            time.sleep(POLL_S)

    def _running_daemons(self):
        return {process.folder for process in self._cluster.processes() if process.role != "worker"}

    def _harm_behind(self, last):
        """Seconds from the begin on when the next harm is due, the last one having been due at `last`; None: never."""
        now = time.monotonic() - self._begin
        if self._every_s:
            return max(last, now - self._every_s) + self._every_s
        return None if self._mean_gap_s is None else now + self._mean_gap_s * self._random.uniform(0.5, 1.5)

    def _look(self):
        status = self._cluster.ask("status", JOB)
        if status is None:
            return self.state
        self.state, attempt = status["state"], status["attempt"]
        self.recoveries = max(self.recoveries, attempt - 1)
        if (self.state, attempt) != self._seen:
            self._seen = (self.state, attempt)
            self.say(f"job {self.state}, attempt {attempt}" + (f": {status['reason']}" if status["reason"] else ""))
        return self.state

    def _harm(self):
        """The next of a shuffled deck: every kind has its turn."""
        if not self._deck:
            self._deck = [kind for kind, cards in HARMS.items() for _ in range(cards) if self._only in (None, kind)]
            self._random.shuffle(self._deck)
        {"worker": self._kill_worker, "agent": self._kill_agent, "job-manager": self._kill_manager,
         "agent-and-job-manager": self._kill_agent_and_manager, "all": self._kill_all,
         "stop-worker": self._stop_worker, "stop-agent": self._stop_agent}[self._deck.pop()]()

    def _kill(self, processes):
        hit = [process for process in processes if process.send(signal.SIGKILL, self._cluster.data)]
        for process in hit:
            self.say(f"SIGKILL {process}")
        self.kills += bool(hit)

    def _pick(self, processes):
        return [self._random.choice(processes)] if processes else []

    def _restart(self):
        time.sleep(self._random.uniform(0, MAX_RESTART_DELAY_S))
        self._cluster.start()
        self.say("cluster start")

    def _kill_worker(self):
        self._kill(self._pick(self._cluster.workers(JOB)))

    def _kill_agent(self):
        self._kill(self._pick(self._cluster.processes("agent")))
        self._restart()

    def _kill_manager(self):
        self._kill(self._cluster.processes("job-manager"))
        self._restart()

    def _kill_agent_and_manager(self):
        self._kill(self._pick(self._cluster.processes("agent")) + self._cluster.processes("job-manager"))
        self._restart()

    def _kill_all(self):
        self._kill(self._cluster.processes())
        self._restart()

    def _stop(self, processes, seconds):
        stopped = [process for process in processes if process.send(signal.SIGSTOP, self._cluster.data)]
        for process in stopped:
            self.say(f"SIGSTOP {process}, for {seconds} s")
        self.stops += bool(stopped)
        until = time.monotonic() + seconds
        while stopped and time.monotonic() < until and self._look() not in OVER:
            time.sleep(POLL_S)
        for process in stopped:
            gone = "" if process.send(signal.SIGCONT, self._cluster.data) else ", which is gone"
            self.say(f"SIGCONT {process}{gone}")

    def _stop_worker(self):
        self._stop(self._pick(self._cluster.workers(JOB)), WORKER_STOP_S)

    def _stop_agent(self):
        """With its workers: what a machine does that is away for a while."""
        agents = self._pick(self._cluster.processes("agent"))
        workers = [worker for worker in self._cluster.processes("worker")
                   if agents and worker.folder.startswith(agents[0].folder + "/")]
        self._stop(agents + workers, AGENT_STOP_S)


def tail(path):
    try:
        lines = path.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    except OSError:
        return
    print(f"--- the end of {path} ---", *lines, sep="\n", file=sys.stderr)


def explain(cluster, data):
    """What state things are in, and the ends of the logs."""
    status = cluster.ask("status", JOB)
    if status is None:
        print("the job manager says nothing about the job", file=sys.stderr)
    else:
        for name in ("state", "reason", "attempt", "restarts", "last_checkpoint", "records_in", "problems", "workers"):
            print(f"{name}: {status.get(name)}", file=sys.stderr)
    print("processes:", *map(str, cluster.processes()), sep="\n  ", file=sys.stderr)
    newest = sorted(data.glob("cluster/*/jobs/*/*/*.out"), key=lambda path: path.stat().st_mtime)[-WORKERS:]
    for path in (*sorted(data.glob("cluster/*.log")), *newest):
        tail(path)


def recovery_flags(cluster, harms_per_minute):
    """What the job is told; nothing when the engine has no such flags and nothing is killed."""
    if cluster.offers("submit", RECOVERY[0]):
        return (*RECOVERY, "--state-memory", STATE_MEMORY)
    if harms_per_minute:
        raise Trouble(f"this build has no {RECOVERY[0]}: a job does not survive; only --kills-per-minute 0 makes sense")
    return ()


def write_input(given, folder):
    """The truth of the files that were written; throws Trouble when it is not what was meant to be written."""
    totals = traffic.write(folder, given.seed, LINES_PER_SECOND * given.seconds, LINES_PER_SECOND)
    truth = recount.Truth(folder.glob("*.csv"))
    if (truth.events, len(truth.dead_letters)) != (totals["events"], sum(totals["malformed"].values())):
        raise Trouble(f"the recount finds {truth.events} events and {len(truth.dead_letters)} malformed lines in {totals}")
    return truth


def submit(given, cluster, data, recovery):
    parameters = {"input": data / "in", "input.rate": LINES_PER_SECOND, "output": data / "out", "emit": "1s",
                  "recent": RECENT, **{name: f"{value}ms" if name != "hot" else value
                                       for name, value in vars(WINDOWS).items()}}
    cluster.submit(given.build / "lib" / "libuser_behavior.so", "--name", JOB, "--workers", WORKERS, "--parallelism",
                   PARALLELISM, *recovery, *(word for name, value in parameters.items() for word in ("--param", f"{name}={value}")))


def run(given, data):
    """Prints what happens and, at last, how it went; True when all is as it must be."""
    cluster = Cluster(given.build / "bin" / "freshet", data / "cluster", AGENTS)
    recovery = recovery_flags(cluster, given.every or given.kills_per_minute)
    truth = write_input(given, data / "in")
    good = True
    with cluster, Throughput(cluster) as throughput:
        chaos = Chaos(cluster, given.seed, given.kills_per_minute, given.only, given.every)
        try:
            submit(given, cluster, data, recovery)
            chaos.run(given.seconds)
        except Trouble as trouble:
            print(f"error: {trouble}", file=sys.stderr)
            good = False
        if chaos.state != "Finished":
            explain(cluster, data)
            good = False
    for process in cluster.left:
        print(f"error: {process} outlived cluster stop by {GONE_LIMIT_S} s and was killed", file=sys.stderr)
        good = False
    findings = recount.compare(truth, data / "out", RECENT, WINDOWS)
    for told in findings.told:
        print(told, file=sys.stderr)
    print(throughput.summary())
    print(f"chaos: kills={chaos.kills} stops={chaos.stops} recoveries={chaos.recoveries} events={truth.events} {findings}")
    return good and findings.clean


def main():
    parser = argparse.ArgumentParser(prog="scripts/chaos.sh")
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--kills-per-minute", type=float, required=True)
    parser.add_argument("--only", choices=HARMS)
    parser.add_argument("--every", type=int)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path)
    given = parser.parse_args()
    # Ended from outside, the cluster is stopped all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    data = (given.data or pathlib.Path(tempfile.mkdtemp(prefix="freshet-chaos-"))).absolute()
    if data.exists() and any(data.iterdir()):
        sys.exit(f"error: {data} is not empty\n  remedy  give a new folder with --data")
    print(f"seed {given.seed}, in {data}: reading takes {given.seconds} s; given up after {EXTRA_LIMIT_S} s more and "
          f"{EXTRA_LIMIT_PER_HARM_S} s for each harm", file=sys.stderr)
    try:
        good = run(given, data)
    except Trouble as trouble:
        if not any(data.iterdir()):
            data.rmdir()
        sys.exit(f"error: {trouble}")
    if good and not given.data:
        shutil.rmtree(data)
    elif not good:
        schedule = f"--every {given.every}" if given.every else f"--kills-per-minute {given.kills_per_minute:g}"
        print(f"all files are in {data}; once more: --seed {given.seed} --seconds {given.seconds} {schedule}"
              + (f" --only {given.only}" if given.only else ""), file=sys.stderr)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
