"""Counting by key, two workers over ZeroMQ TCP, against a program written by hand for this alone (keyed_count/ceiling.cpp).

The two run in turn, A B A B; each figure is the ratio of a pair. The ceiling runs with the frame size that suits it best.
"""

import json
import pathlib

from harness import BUILD, FRESHET, Row, demand, folder, library, run

KEYS = 1_000_000
FRAMES = (16 << 10, 64 << 10, 256 << 10)

# Job, the ceiling's name for its record, records, the ratio asked for. Some seconds each: the engine's table has to grow
# first, the ceiling's is made for the keys.
CASES = (
    ("keyed_count", "click", 60_000_000, 0.5),
    ("keyed_count_text", "visit", 30_000_000, None),
    ("keyed_count_undo", "click", 60_000_000, None),
)


def ceiling(record, records, frame):
    """(records per second, payload bytes)"""
    said = run(BUILD / "bin" / "keyed_count_ceiling", records, KEYS, frame, record).split()
    took_ns, counted, _, size = map(int, said)
    demand(counted == records, f"the ceiling counted {counted} of {records} records")
    return records / took_ns * 1e9, size


def engine(job, records, least_bytes):
    """Records per second; looks at counts, and that every record crossed the wire between two processes."""
    with folder() as report:
        status = json.loads(run(FRESHET, "run", library("bench_keyed_count"), "--job", job, "--workers", 2,
                                "--parallelism", 1, "--param", f"records={records}", "--param", f"report={report}",
                                "--json"))
        start_ns = int(pathlib.Path(report, "start").read_text())
        end_ns, counted, keys = map(int, pathlib.Path(report, "end").read_text().split())
    demand(counted == records, f"{job} counted {counted} of {records} records")
    demand(0.99 * KEYS < keys <= KEYS, f"{job} found {keys} keys of about {KEYS}")
    chains = {chain["id"]: chain for chain in status["operators"]}
    sender, receiver = chains["generator"], chains["count"]
    demand(sender["tasks_detail"][0]["worker"] != receiver["tasks_detail"][0]["worker"], "both tasks are in one worker")
    demand(sender["bytes_out"] == receiver["bytes_in"], "sent and received bytes differ")
    demand(receiver["bytes_in"] >= least_bytes,
           f"{receiver['bytes_in']} bytes on the wire are too few: the records alone take {least_bytes}")
    return records / (end_ns - start_ns) * 1e9


def bench(runs, progress):
    rows = []
    for job, record, records, target in CASES:
        best = max(FRAMES, key=lambda frame: ceiling(record, records, frame)[0])
        ceilings, engines = [], []
        for number in range(runs):
            progress(f"{job}, pair {number + 1} of {runs}")
            rate, size = ceiling(record, records, best)
            ceilings.append(rate / 1e6)
            engines.append(engine(job, records, size) / 1e6)
        ratios = [own / limit for own, limit in zip(engines, ceilings)]
        rows += [Row(f"{job}: engine / ceiling ({best >> 10} KiB frames)", ratios, "", at_least=target),
                 Row(f"{job}: engine", engines, "M/s"), Row(f"{job}: ceiling", ceilings, "M/s")]
    return rows
