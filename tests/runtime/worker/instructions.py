"""What a record costs in instructions, source to fold, must not creep up: counted by callgrind, so that neither the machine
nor its load matters. A run of few records and one of more take the same steps to begin with; the difference is the records'.

    instructions.py PROGRAM        PROGRAM: record_path_cost of a release
"""

import re
import subprocess
import sys

FEW, MORE = 30_000, 130_000
# Instructions a record; measured, and a fifth more. What makes it dearer on purpose raises the limit and says why.
LIMITS = {"numbers": 1010, "texts": 1700, "undone": 1130, "handed_over": 600}


def count(program, path, records):
    """(instructions, records that came through)"""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, path, str(records)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        sys.exit(f"error: {' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return int(found[1]), int(done.stdout)


def main():
    too_many = False
    for path, limit in LIMITS.items():
        few, records_few = count(sys.argv[1], path, FEW)
        more, records_more = count(sys.argv[1], path, MORE)
        each = (more - few) / (records_more - records_few)
        print(f"{path}: {each:.0f} instructions a record, at most {limit}")
        if each < limit / 2:
            sys.exit(f"error: so few that the limit of {path} guards nothing, or that nothing was run; lower the limit")
        if each > limit:
            too_many = True
            print(f"error: a record of {path} takes more instructions than it may; look where with valgrind "
                  f"--tool=callgrind {sys.argv[1]} {path} {MORE} and callgrind_annotate", file=sys.stderr)
    sys.exit(1 if too_many else 0)


if __name__ == "__main__":
    main()
