"""The parts of the record path one by one, without threads and sockets: google-benchmark, tests/bench/micro."""

import json

from harness import BUILD, Row, demand, run


def bench(runs, progress):
    progress("micro")
    found = json.loads(run(BUILD / "bin" / "bench_micro", "--benchmark_format=json", f"--benchmark_repetitions={runs}",
                           "--benchmark_min_time=0.1"))
    values = {}
    for each in found["benchmarks"]:
        if each.get("run_type") == "iteration":
            values.setdefault(each["run_name"], []).append(each["items_per_second"] / 1e6)
    demand(values, "no benchmark was run")
    return [Row(f"micro: {name}", rates, "M/s") for name, rates in values.items()]
