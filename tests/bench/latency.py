"""How old records are at the sink of another worker: open loop, a checkpoint every second, 1 M keys.

The generator keeps to a schedule, whatever the engine does; ages count from the time at which a record was due, so that
a stall shows in every record that it held up.
"""

import json
import pathlib

from harness import FRESHET, Row, demand, folder, library, run

SECONDS = 15
SHARES = (0.5, 0.8)
FIXED = ((10_000, None), (100_000, (0.5, 2, 5)), (1_000_000, None))
FIGURES = ("p50", "p99", "p99.9", "max")


def ages(per_second, seconds):
    """(records per second, ms at FIGURES); `per_second` 0: as fast as they are taken."""
    with folder() as report:
        status = json.loads(run(FRESHET, "run", library("bench_latency"), "--workers", 2, "--parallelism", 1,
                                "--checkpoint-interval", "1s", "--param", f"per_second={per_second}",
                                "--param", f"seconds={seconds}", "--param", f"report={report}", "--json"))
        sent = int(pathlib.Path(report, "sent").read_text())
        count, took_ns, *ages_ns = map(int, pathlib.Path(report, "ages").read_text().split())
    demand(count == sent, f"{count} of {sent} records came")
    demand((status["last_checkpoint"] or {}).get("number", 0) >= seconds / 2, "there were fewer checkpoints than asked for")
    workers = {chain["tasks_detail"][0]["worker"] for chain in status["operators"]}
    demand(len(workers) == 2, f"source and sink are not in two workers: {workers}")
    return count / took_ns * 1e9, [age / 1e6 for age in ages_ns]


def bench(runs, progress):
    progress("latency: the most that goes through")
    most, _ = ages(0, 5)
    loads = [(f"{rate:,} records/s", rate, limits) for rate, limits in FIXED]
    loads += [(f"{share:.0%} of the maximum", int(most * share), (None, 20, None) if share == max(SHARES) else None)
              for share in SHARES]
    rows = [Row("latency: the most that goes through, each change emitted", [most / 1e6], "M/s")]
    for name, rate, limits in loads:
        all_ages = []
        for number in range(runs):
            progress(f"latency, {name}, run {number + 1} of {runs}")
            reached, got = ages(rate, SECONDS)
            demand(reached > 0.9 * rate, f"{reached:.0f} records/s came of {rate}")
            all_ages.append(got)
        limits = (*(limits or (None,) * 3), None)
        rows += [Row(f"latency, {name}: {figure}", [got[i] for got in all_ages], "ms", at_most=limits[i])
                 for i, figure in enumerate(FIGURES)]
    return rows
