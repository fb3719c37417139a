"""What state beyond its memory costs: counting by key with a tenth of the state in memory against all of it.

The job of checkpoint.py: first each key comes once, which fills what there is; what is timed begins behind that.
"""

from checkpoint import throughput
from harness import Row

# A key and its count take about 36 bytes; see LiveTable.
KEYS, STATE_MIB = 2_000_000, 7
BESIDES_MIB = 80  # what a worker may take besides, see README.md
CASES = (("uniform", 4_000_000, None), ("zipf-1.0", 6_000_000, 0.15), ("zipf-1.2", 10_000_000, None))


def bench(runs, progress):
    rows, most_mib = [], []
    for keys, records, target in CASES:
        ratios, rates = [], []
        for number in range(runs):
            progress(f"state, {keys} keys, pair {number + 1} of {runs}")
            within, _, _ = throughput("1s", KEYS, records, shape=keys)
            beyond, _, mib = throughput("1s", KEYS, records, "--state-memory", f"{STATE_MIB}MiB", shape=keys)
            ratios.append(beyond / within)
            rates.append(beyond / 1e6)
            most_mib.append(mib)
        name = f"state, ten times the memory ({STATE_MIB} MiB), {keys} keys"
        rows += [Row(f"{name} / in memory", ratios, "of the throughput", at_least=target), Row(name, rates, "M/s")]
    return rows + [Row("state: the counting worker takes", most_mib, "MiB", at_most=STATE_MIB + BESIDES_MIB)]
