"""Runs benchmarks by name, prints a table of their figures and writes it as JSON. scripts/bench.sh builds and calls it."""

import argparse
import json
import pathlib
import sys

import checkpoint
import idle
import keyed_count
import latency
import micro
import pipeline
import rare_branch
import reads
import recovery
import retries
import scale
import skew
import startup
import state
import user_behavior
from harness import Wrong, machine

BENCHMARKS = {"keyed_count": keyed_count, "pipeline": pipeline, "user_behavior": user_behavior, "latency": latency,
              "skew": skew, "rare_branch": rare_branch, "reads": reads, "retries": retries, "startup": startup,
              "idle": idle, "recovery": recovery, "checkpoint": checkpoint, "state": state, "scale": scale,
              "micro": micro}


def table(rows):
    lines = [("FIGURE", "MEDIAN", "MIN", "MAX", "UNIT", "TARGET", "")]
    for row in rows:
        lines.append((row.figure, f"{row.median:.3g}", f"{row.values[0]:.3g}", f"{row.values[-1]:.3g}", row.unit,
                      row.target, row.verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench.sh")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    print("machine: {processor}, {cores} cores, load {load:.2f}".format(**machine()))
    rows, went_wrong = [], []
    for name in arguments.names or BENCHMARKS:
        try:
            rows += BENCHMARKS[name].bench(arguments.runs, lambda what: print(f"  {what}", file=sys.stderr, flush=True))
        except Wrong as wrong:
            went_wrong.append(f"error: {name} went wrong, its figures mean nothing: {wrong}")
            print(went_wrong[-1], file=sys.stderr)
    print(table(rows))
    arguments.json.write_text(json.dumps({"machine": machine(), "figures": [row.as_json() for row in rows]}, indent=1))
    print(f"as JSON: {arguments.json}")
    if went_wrong:
        sys.exit("\n".join(went_wrong))


if __name__ == "__main__":
    main()
