#!/usr/bin/env python3
"""Checks every #include against the table of layers, and that no files include each other in a circle."""

import re

from source_tree import CPP, PUBLIC_FOLDERS, Finding, expect, findings_in, run

# What the files of a folder may include, besides the C++ standard library, third-party libraries and their own
# folder. "public:x" means the headers of x/include, written <freshet/...>; any other entry is a folder's "..." headers.
# The longest folder that fits a file is its row.
VALUES = {"public:operators"}  # records, results, fields: what the graph and the engine speak about
PUBLIC = {"public:operators", "public:dag", "public:runtime"}
LAYERS = {
    "operators/include": {"public:operators"},
    "operators": {"public:operators"},
    "operators/redis": {"public:operators"},
    "dag/include": {"public:operators", "public:dag"},
    "dag": {"public:operators", "public:dag"},
    "runtime/include": PUBLIC,
    "runtime/base": VALUES,
    "runtime/wire": PUBLIC | {"dag", "runtime/base"},
    "runtime/transport": VALUES | {"runtime/base", "runtime/wire"},
    "runtime/state": VALUES | {"runtime/base", "runtime/wire"},
    "runtime/checkpoint": VALUES | {"runtime/base", "runtime/wire"},
    "runtime/task": PUBLIC | {"runtime/base", "runtime/wire", "runtime/state", "runtime/checkpoint"},
    "runtime/reads": PUBLIC | {"dag", "runtime/base", "runtime/wire", "runtime/checkpoint"},
    "runtime/worker": PUBLIC | {"dag", "runtime/base", "runtime/wire", "runtime/state", "runtime/checkpoint",
                                "runtime/transport", "runtime/task", "runtime/reads"},
    "runtime/agent": VALUES | {"runtime/base", "runtime/wire", "runtime/transport", "runtime/reads"},
    "runtime/job_manager": PUBLIC | {"dag", "runtime/base", "runtime/wire", "runtime/transport", "runtime/state",
                                     "runtime/checkpoint", "runtime/reads"},
    "runtime/cli": PUBLIC | {"dag", "runtime"},
    "jobs": PUBLIC,
    "tests": PUBLIC | {"operators", "dag", "runtime", "jobs", "tests"},
}

# A library that one folder alone may include; tests may, too.
FENCED = {
    "ZeroMQ": (re.compile(r"zmq(_addon)?\.h(pp)?$"), "runtime/transport"),
    "RocksDB": (re.compile(r"rocksdb/"), "runtime/state"),
    "hiredis": (re.compile(r"hiredis/"), "operators/redis"),
    "Abseil": (re.compile(r"absl/"), "operators"),
}

STANDARD_C = re.compile(r"(assert|errno|math|signal|stdint|stdio|stdlib|string|time|unistd)\.h$")


def within(path, folder):
    return path.startswith(folder + "/")


def layer_of(path):
    return max((layer for layer in LAYERS if within(path, layer)), key=len, default=None)


def is_public(path):
    return path.startswith(PUBLIC_FOLDERS)


def may_include(path, target):
    """Does the table let this file include that file of the tree?"""
    layer = layer_of(path)
    if is_public(target):
        owner = target.split("/")[0]
        return within(target, layer) or f"public:{owner}" in LAYERS[layer]
    if is_public(path):
        return False
    # jobs/a and jobs/b are strangers to each other.
    own = "/".join(path.split("/")[:2]) if layer == "jobs" else layer
    return within(target, own) or any(within(target, folder) for folder in LAYERS[layer] if ":" not in folder)


def check_include(tree, path, line, kind, name):
    layer = layer_of(path)
    target = tree.resolve(path, kind, name)
    if target is None:
        if kind == '"' or name.startswith("freshet/"):
            yield Finding(path, line, f"no file of this tree is meant by {name}",
                          'write "folder/file.h" from the top of the tree, <freshet/file.h> for a public header, '
                          "<...> for a library")
            return
        for library, (pattern, home) in FENCED.items():
            if pattern.match(name) and layer not in (home, "tests"):
                yield Finding(path, line, f"{layer} includes {library} (<{name}>)",
                              f"only {home} knows {library}: use that folder's port")
        if layer == "jobs" and ("/" in name or "." in name) and not STANDARD_C.match(name):
            yield Finding(path, line, f"a job includes <{name}>",
                          "a job sees the standard library and <freshet/...> and nothing else")
        return
    if is_public(target) and kind == '"':
        yield Finding(path, line, f'public header in quotes: "{name}"', f"write <freshet/{target.split('/freshet/')[1]}>")
    elif not may_include(path, target):
        allowed = ", ".join(sorted(LAYERS[layer])) or "nothing else"
        what = "a public header of " + layer.split("/")[0] if is_public(path) else layer
        yield Finding(path, line, f"{what} includes {target}",
                      f"besides its own folder it may include: {allowed}. Move the code down a layer, or pass it in")


def find_cycle(graph):
    """One circle of files as a list that begins and ends with the same file, or None. Iterative depth-first search."""
    done = set()
    for start in sorted(graph):
        trail, waiting = [], [(start, iter(graph.get(start, ())))]
        on_trail = {start}
        trail.append(start)
        while waiting and start not in done:
            node, targets = waiting[-1]
            target = next(targets, None)
            if target is None:
                waiting.pop()
                trail.pop()
                on_trail.discard(node)
                done.add(node)
            elif target in on_trail:
                return trail[trail.index(target):] + [target]
            elif target not in done:
                waiting.append((target, iter(graph.get(target, ()))))
                trail.append(target)
                on_trail.add(target)
    return None


def check(tree):
    findings, graph, lines = [], {}, {}
    for path in tree.with_suffix(*CPP):
        if layer_of(path) is None:
            findings.append(Finding(path, 1, "this folder is in no layer",
                                    "give it a row in LAYERS of scripts/checks/layers.py, or move the file"))
            continue
        for line, kind, name in tree.includes(path):
            findings += check_include(tree, path, line, kind, name)
            target = tree.resolve(path, kind, name)
            if target:
                graph.setdefault(path, []).append(target)
                lines[path, target] = line
    cycle = find_cycle(graph)
    if cycle:
        findings.append(Finding(cycle[0], lines[cycle[0], cycle[1]], "files include each other: " + " -> ".join(cycle),
                                "move what both need into a third file, or declare it forward"))
    return findings


def self_test():
    base = {"runtime/base/a.h": "#include <vector>\n", "runtime/wire/b.h": '#include "runtime/base/a.h"\n',
            "operators/include/freshet/r.h": "#pragma once\n", "dag/include/freshet/d.h": "#include <freshet/r.h>\n",
            "dag/p.h": "#include <freshet/d.h>\n", "runtime/transport/z.cpp": "#include <zmq.hpp>\n",
            "runtime/state/s.cpp": "#include <rocksdb/db.h>\n", "runtime/cli/m.cpp": '#include "runtime/wire/b.h"\n',
            "jobs/x/x.cpp": '#include <map>\n#include <freshet/d.h>\n#include "e.h"\n', "jobs/x/e.h": ""}
    expect(findings_in(check, base))
    refused = [
        ("runtime/base/c.h", '#include "runtime/wire/b.h"\n', "c.h:1: runtime/base includes runtime/wire/b.h"),
        ("runtime/agent/c.cpp", '\n#include "dag/p.h"\n', "c.cpp:2: runtime/agent includes dag/p.h"),
        ("runtime/base/c.h", "#include <freshet/d.h>\n", "runtime/base includes dag/include/freshet/d.h"),
        ("operators/o.cpp", "#include <freshet/d.h>\n", "operators includes dag/include/freshet/d.h"),
        ("operators/o.cpp", '#include "dag/p.h"\n', "operators includes dag/p.h"),
        ("dag/include/freshet/c.h", '#include "dag/p.h"\n', "a public header of dag includes dag/p.h"),
        ("operators/include/freshet/c.h", '#include "runtime/base/a.h"\n', "a public header of operators includes"),
        ("runtime/worker/c.cpp", "#include <zmq.h>\n", "runtime/worker includes ZeroMQ"),
        ("runtime/task/c.cpp", "#include <rocksdb/db.h>\n", "runtime/task includes RocksDB"),
        ("jobs/y/y.cpp", '#include "runtime/base/a.h"\n', "jobs includes runtime/base/a.h"),
        ("jobs/y/y.cpp", '#include "jobs/x/e.h"\n', "jobs includes jobs/x/e.h"),
        ("jobs/y/y.cpp", "#include <nlohmann/json.hpp>\n", "a job includes <nlohmann/json.hpp>"),
        ("runtime/base/c.cpp", '#include "runtime/base/gone.h"\n', "no file of this tree is meant by runtime/base/gone.h"),
        ("operators/c.cpp", "#include <hiredis/hiredis.h>\n", "operators includes hiredis"),
        ("dag/c.cpp", '#include "dag/include/freshet/d.h"\n', "write <freshet/d.h>"),
        ("dag/c.cpp", '#include "freshet/d.h"\n', 'public header in quotes: "freshet/d.h"'),
        ("elsewhere/c.cpp", "", "this folder is in no layer"),
        ("runtime/base/a.h", '#include "runtime/base/a.h"\n', "files include each other"),
        ("dag/p.h", '#include "dag/q.h"\n', "dag/p.h -> dag/q.h -> dag/p.h"),
    ]
    for path, text, said in refused:
        expect(findings_in(check, base | {"dag/q.h": '#include "dag/p.h"\n'} | {path: text}), said)
    expect(findings_in(check, base | {"runtime/base/c.h": '// #include "runtime/wire/b.h"\n'}))


if __name__ == "__main__":
    run("layers", __doc__, check, self_test, lambda tree: f"{len(tree.with_suffix(*CPP))} files keep to the layers")
