#!/usr/bin/env python3
"""Checks that every header compiles alone, so that no file depends on the order of its #includes.

A header that is the first #include of a source file has been shown to by the build; the others are compiled here.
What compiled once is remembered in build/checks/header_alone.json by a hash of the header, of all the headers of this
tree that it includes, of the compiler and of the flags; a repeat compiles only what changed. CXX names the compiler.
"""

import concurrent.futures
import hashlib
import json
import os
import shutil
import subprocess

from source_tree import Finding, expect, findings_in, run

FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
INCLUDE_FOLDERS = [".", "operators/include", "dag/include", "runtime/include"]
CACHE = "build/checks/header_alone.json"
LONGEST_COMPILE_S = 120


BUILT_FOLDERS = ("operators/", "dag/", "runtime/", "tests/")
NOT_BUILT = "tests/checks/"  # sources for the checks, some of them wrong on purpose


def compiler():
    return os.environ.get("CXX") or "c++"


def fingerprints(tree, headers, salt):
    """{header: hash of everything of this tree that its compilation reads}."""
    own = {}

    def files_read(path):
        seen, waiting = {path}, [path]
        while waiting:
            current = waiting.pop()
            if current not in own:
                targets = (tree.resolve(current, kind, name) for _, kind, name in tree.includes(current))
                own[current] = (hashlib.sha256(tree.text(current).encode()).hexdigest(), sorted(filter(None, targets)))
            fresh = [target for target in own[current][1] if target not in seen]
            seen.update(fresh)
            waiting += fresh
        return sorted(seen)

    return {header: hashlib.sha256("".join([salt] + [path + own[path][0] for path in files_read(header)]).encode())
            .hexdigest() for header in headers}


def shown_by_build(tree):
    """The headers that some source file of the build includes before anything else."""
    shown = set()
    for source in tree.with_suffix(".cpp"):
        first = next(iter(tree.includes(source)), None)
        if first is not None and source.startswith(BUILT_FOLDERS) and not source.startswith(NOT_BUILT):
            shown.add(tree.resolve(source, *first[1:]))
    return shown


def compile_alone(tree, header):
    """What the compiler says about a file that includes only this header; empty when it is content."""
    folders = [argument for folder in INCLUDE_FOLDERS for argument in ("-I", str(tree.root / folder))]
    try:
        result = subprocess.run([compiler(), *FLAGS, *folders, "-x", "c++", "-"], input=f'#include "{header}"\n',
                                capture_output=True, text=True, cwd=tree.root, timeout=LONGEST_COMPILE_S)
    except subprocess.TimeoutExpired:
        return f"the compiler took more than {LONGEST_COMPILE_S} s"
    return "" if result.returncode == 0 else result.stderr or f"the compiler ended with {result.returncode}"


def load_cache(tree):
    try:
        return json.loads((tree.root / CACHE).read_text())
    except (OSError, ValueError):
        return {}


def save_cache(tree, good):
    target = tree.root / CACHE
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(good, indent=0, sort_keys=True))
    partial.replace(target)


def first_place(header, said):
    """(line, message) of the first complaint: its line in this header, else line 1 with the place in the message."""
    for line in said.splitlines():
        if ": error: " in line or ": fatal error: " in line:
            place, message = line.split(": error: " if ": error: " in line else ": fatal error: ", 1)
            file, _, rest = place.rpartition("/")[2].partition(":")
            in_header = file == header.rpartition("/")[2] and header in place
            return (int(rest.split(":")[0]), message) if in_header else (1, line)
    return 1, said.strip().splitlines()[0]


def check(tree):
    if shutil.which(compiler()) is None:
        return [Finding("CMakeLists.txt", 1, f"no compiler {compiler()}", "scripts/install_dependencies.sh, or set CXX")]
    version = subprocess.run([compiler(), "--version"], capture_output=True, text=True).stdout
    shown = shown_by_build(tree)
    prints = fingerprints(tree, [header for header in tree.with_suffix(".h") if header not in shown],
                          version + " ".join(FLAGS))
    remembered = load_cache(tree)
    changed = [header for header, print_ in prints.items() if remembered.get(header) != print_]
    good = {header: print_ for header, print_ in prints.items() if header not in changed}
    findings = []
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for header, said in zip(changed, pool.map(lambda header: compile_alone(tree, header), changed)):
            if not said:
                good[header] = prints[header]
                continue
            line, message = first_place(header, said)
            findings.append(Finding(header, line, f"does not compile alone: {message}",
                                    "include in this header what it uses, or declare it forward"))
    save_cache(tree, good)
    return findings


def self_test():
    good = {"runtime/base/a.h": "#pragma once\n#include <string>\nstd::string a();\n",
            "operators/include/freshet/r.h": "#pragma once\nstruct R {};\n",
            "runtime/wire/b.h": '#pragma once\n#include <freshet/r.h>\n#include "runtime/base/a.h"\nstd::string b(R);\n'}
    expect(findings_in(check, good))
    lacking = good | {"runtime/base/c.h": "#pragma once\n\nstd::string c();\n"}
    expect(findings_in(check, lacking), "runtime/base/c.h:3: does not compile alone")
    expect(findings_in(check, good | {"dag/w.h": "inline int f(long x) { return x; }\n"}), "dag/w.h:1: does not compile alone")

    # The build is trusted with what a source file includes first, and with nothing else.
    expect(findings_in(check, lacking | {"runtime/base/c.cpp": '#include "runtime/base/c.h"\n'}))
    expect(findings_in(check, lacking | {"runtime/base/c.cpp": '#include <string>\n#include "runtime/base/c.h"\n'}),
           "runtime/base/c.h:3: does not compile alone")
    expect(findings_in(check, lacking | {"tests/checks/c.cpp": '#include "runtime/base/c.h"\n'}),
           "runtime/base/c.h:3: does not compile alone")

    # A header that was good is looked at again when one that it includes has changed.
    def spoil(root):
        from source_tree import Tree
        assert check(Tree(root)) == []
        assert set(load_cache(Tree(root))) == set(good)
        (root / "runtime/base/a.h").write_text("#pragma once\n")

    expect(findings_in(check, good, spoil), "runtime/wire/b.h:4: does not compile alone")


if __name__ == "__main__":
    run("header_alone", __doc__, check, self_test, lambda tree: f"{len(tree.with_suffix('.h'))} headers compile alone")
