"""Counting by key, two workers over ZeroMQ TCP, against a program written by hand for this alone (keyed_count/ceiling.cpp).

The two run in turn, A B A B; each figure is the ratio of a pair. The ceiling runs with the frame size that suits it best.
"""

import contextlib
import dataclasses
import pathlib
import threading
import urllib.request

from harness import BUILD, Cluster, Row, demand, folder, library, run

KEYS = 1_000_000
FRAMES = (16 << 10, 64 << 10, 256 << 10)
CHECKPOINT_S = 1


@dataclasses.dataclass(frozen=True)
class Case:
    """One way to run the job. `record`: the ceiling's name of it. Some seconds of records each: the engine's table has to
    grow first, the ceiling's is made for the keys."""
    name: str
    job: str = "keyed_count"
    record: str = "click"
    keys: str = "uniform"
    records: int = 60_000_000
    has_checkpoints: bool = False
    is_scraped: bool = False
    is_combined: bool = False  # before it crosses the wire
    tasks: int = 1  # of the generator and of what counts, each
    at_least: float | None = None


CASES = (
    Case("five numbers", at_least=0.75),
    Case("five numbers, exactly once", has_checkpoints=True, at_least=0.6),
    Case("five numbers, Zipf 1.0, exactly once", keys="zipf-1.0", has_checkpoints=True),
    Case("five numbers, Zipf 1.0, added up and so combined, exactly once", job="keyed_count_sum", keys="zipf-1.0",
         has_checkpoints=True, is_combined=True),
    # Combining leaves little to do behind the wire: both workers generate.
    Case("five numbers, Zipf 1.0, combined, exactly once, two generators", job="keyed_count_sum", keys="zipf-1.0",
         has_checkpoints=True, is_combined=True, tasks=2),
    Case("five numbers, Zipf 1.0, in windows of 10 s, exactly once", job="keyed_count_windows", keys="zipf-1.0",
         has_checkpoints=True, is_combined=True),
    Case("five numbers, Zipf 1.0, in windows of 10 s, exactly once, two generators", job="keyed_count_windows",
         keys="zipf-1.0", has_checkpoints=True, is_combined=True, tasks=2, at_least=1),
    Case("five numbers, exactly once, metrics read each second", has_checkpoints=True, is_scraped=True),
    Case("five numbers, dead letters (undo)", job="keyed_count_undo"),
    Case("text of 40 bytes", job="keyed_count_text", record="visit", records=30_000_000),
    Case("text of 40 bytes, exactly once", job="keyed_count_text", record="visit", records=30_000_000,
         has_checkpoints=True, at_least=0.6),
    Case("payload of 1,000 bytes, exactly once", job="keyed_count_payload", record="parcel", records=4_000_000,
         has_checkpoints=True),
)


def ceiling(case, frame):
    """(records per second, payload bytes)"""
    said = run(BUILD / "bin" / "keyed_count_ceiling", case.records, KEYS, case.keys, frame, case.record).split()
    took_ns, counted, _, size = map(int, said)
    demand(counted == case.records, f"the ceiling counted {counted} of {case.records} records")
    return case.records / took_ns * 1e9, size


@contextlib.contextmanager
def scraped(port):
    """Reads the metrics of what serves at `port` once a second."""
    over, reads = threading.Event(), []

    def read():
        while not over.wait(1):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as got:
                reads.append(len(got.read()))
    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield reads
    finally:
        over.set()
        thread.join()


def engine(case, least_bytes):
    """Records per second; looks at counts, and that every record crossed the wire between two processes."""
    with folder() as report, Cluster() as cluster:
        with scraped(cluster.ports[0]) if case.is_scraped else contextlib.nullcontext([1]) as reads:
            cluster.call("submit", library("bench_keyed_count"), "--job", case.job, "--name", "counting", "--wait",
                         "--workers", 2, "--parallelism", case.tasks, "--param", f"sources={case.tasks}",
                         "--param", f"records={case.records}", "--param",
                         f"report={report}", "--param", f"shape={case.keys}", "--checkpoint-interval",
                         f"{CHECKPOINT_S}s" if case.has_checkpoints else "0")
        status = cluster.status("counting")
        start_ns = int(pathlib.Path(report, "start").read_text())
        ends = [list(map(int, line.split())) for line in pathlib.Path(report, "end").read_text().splitlines()]
    end_ns, counted, keys = (total(column) for total, column in zip((max, sum, sum), zip(*ends)))
    took_s = (end_ns - start_ns) / 1e9
    demand(counted == case.records, f"{case.name}: {counted} of {case.records} records were counted")
    demand(case.keys != "uniform" or 0.95 * KEYS < keys <= KEYS, f"{case.name}: {keys} keys of about {KEYS}")
    demand(reads, f"{case.name}: the metrics could not be read")
    checkpoint = (status["last_checkpoint"] or {}).get("number", 0)
    demand(not case.has_checkpoints or checkpoint >= took_s / CHECKPOINT_S / 2, f"{checkpoint} checkpoints in {took_s} s")
    chains = {chain["id"]: chain for chain in status["operators"]}
    sender, receiver = chains["generator"], chains["count"]
    demand(case.tasks > 1 or sender["tasks_detail"][0]["worker"] != receiver["tasks_detail"][0]["worker"],
           "both tasks are in one worker")
    demand(sender["bytes_out"] == receiver["bytes_in"], "sent and received bytes differ")
    demand(case.is_combined or receiver["bytes_in"] >= least_bytes,
           f"{receiver['bytes_in']} bytes on the wire are too few: the records alone take {least_bytes}")
    return case.records / took_s


def bench(runs, progress):
    rows = []
    for case in CASES:
        best = max(FRAMES, key=lambda frame: ceiling(case, frame)[0])
        ceilings, engines = [], []
        for number in range(runs):
            progress(f"keyed_count, {case.name}, pair {number + 1} of {runs}")
            rate, size = ceiling(case, best)
            ceilings.append(rate / 1e6)
            engines.append(engine(case, size) / 1e6)
        ratios = [own / limit for own, limit in zip(engines, ceilings)]
        rows += [Row(f"keyed_count, {case.name}: engine / ceiling ({best >> 10} KiB frames)", ratios, "",
                     at_least=case.at_least),
                 Row(f"keyed_count, {case.name}: engine", engines, "M/s"),
                 Row(f"keyed_count, {case.name}: ceiling", ceilings, "M/s")]
    return rows
