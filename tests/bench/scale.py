"""What a record costs as the graph grows: more tasks, more channels out of one task, more operators in a chain; two workers."""

import pathlib

from harness import FRESHET, Row, demand, folder, library, run

RECORDS = 20_000_000
TASKS = (1, 2, 4, 8)  # that generate, and as many that count
RECEIVERS = (10, 100, 1000)  # of one task that generates
OPERATORS = (1, 10, 100)  # in one chain


def cost(records=RECORDS, **parameters):
    """Nanoseconds a record, by the clock."""
    with folder() as report:
        words = [word for name, value in {"records": records, "report": report, **parameters}.items()
                 for word in ("--param", f"{name}={value}")]
        run(FRESHET, "run", library("bench_scale"), "--workers", 2, "--key-groups", 1024, *words, "--json")
        start_ns = int(pathlib.Path(report, "start").read_text())
        ends = [list(map(int, line.split())) for line in pathlib.Path(report, "end").read_text().splitlines()]
    counted = sum(count for _, count, _ in ends)
    demand(counted == records, f"{parameters}: {counted} of {records} records were counted")
    return (max(end_ns for end_ns, _, _ in ends) - start_ns) / records


def bench(runs, progress):
    cases = [(f"scale: {tasks} + {tasks} tasks", RECORDS, {"senders": tasks, "receivers": tasks}) for tasks in TASKS]
    cases += [(f"scale: {many:,} channels out of one task", RECORDS, {"receivers": many}) for many in RECEIVERS]
    cases += [(f"scale: {many} operators in a chain",
               RECORDS // (10 if many > 10 else 1), {"maps": many}) for many in OPERATORS]
    rows = []
    for name, records, parameters in cases:
        costs = []
        for number in range(runs):
            progress(f"{name}, run {number + 1} of {runs}")
            costs.append(cost(records, **parameters))
        rows.append(Row(name, costs, "ns a record"))
    return rows
