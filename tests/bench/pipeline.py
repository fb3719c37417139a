"""Map, filter, map and a sink in one chain, against a plain loop over the same functions; and in two tasks of one worker."""

import json
import pathlib

from harness import BUILD, FRESHET, Row, demand, folder, library, run

RECORDS, KEYS = 100_000_000, 1_000_000


def loop():
    """(records per second, records that passed, their cents)"""
    took_ns, passed, cents = map(int, run(BUILD / "bin" / "pipeline_loop", RECORDS, KEYS).split())
    return RECORDS / took_ns * 1e9, passed, cents


def engine(job, tasks, expected):
    """Records per second."""
    with folder() as report:
        status = json.loads(run(FRESHET, "run", library("bench_pipeline"), "--job", job, "--workers", 1,
                                "--parallelism", 1, "--param", f"records={RECORDS}", "--param", f"report={report}", "--json"))
        start_ns = int(pathlib.Path(report, "start").read_text())
        end_ns, *result = map(int, pathlib.Path(report, "end").read_text().split())
    demand(result == expected, f"{job} comes to {result}, the loop to {expected}")
    demand(len(status["operators"]) == tasks, f"{job} runs as {len(status['operators'])} tasks, not {tasks}")
    return RECORDS / (end_ns - start_ns) * 1e9


def bench(runs, progress):
    loops, chains, pairs = [], [], []
    for number in range(runs):
        progress(f"pipeline, run {number + 1} of {runs}")
        rate, *expected = loop()
        loops.append(rate / 1e6)
        chains.append(engine("pipeline", 1, expected) / 1e6)
        pairs.append(engine("pipeline_of_two", 2, expected) / 1e6)
    return [Row("pipeline: map, filter, map in a chain / plain loop", [a / b for a, b in zip(chains, loops)], "", at_least=0.5),
            Row("pipeline: a chain", chains, "M/s"), Row("pipeline: plain loop", loops, "M/s"),
            Row("pipeline: two tasks of one worker / plain loop", [a / b for a, b in zip(pairs, loops)], "")]
