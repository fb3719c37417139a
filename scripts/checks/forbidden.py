#!/usr/bin/env python3
"""Checks for what has one place or none: clocks, sleeps and chance outside runtime/base; new and delete; absolute paths
and package hosts of one machine.

An exception is a line `RULE PATH  # reason` in scripts/checks/forbidden.txt; one that nothing needs is refused.
"""

import re

from source_tree import CPP, Finding, code_only, expect, findings_in, line_of, run

LIST = "scripts/checks/forbidden.txt"

# Rule -> (pattern in C++ without comments and literals, folders where it is allowed, what, remedy).
CODE_RULES = {
    "clock": (re.compile(r"\b\w*[cC]lock\s*::\s*now\b|\b(?:clock_gettime|gettimeofday)\s*\(|\bstd::time\s*\("),
              ("runtime/base/", "tests/", "scripts/"), "reads the clock", "take the time as a parameter"),
    "sleep": (re.compile(r"\bsleep_(?:for|until)\b|(?<![\w.>])(?:std::|::)?(?:u|nano)?sleep\s*\("),
              ("runtime/base/", "tests/", "scripts/"), "sleeps",
              "work is a step that answers Idle or Blocked; wait on a queue or a port with a time-out"),
    "chance": (re.compile(r"\brandom_device\b|(?<![\w.>:])(?:std::)?s?rand\s*\("),
               ("runtime/base/", "tests/", "scripts/"), "takes chance from the machine",
               "take a seeded generator as a parameter"),
    "new": (re.compile(r"(?<!operator )(?<!operator)\bnew\b(?=\s*[\w:(])"), (), "new expression",
            "std::make_unique, a value, or std::construct_at"),
    "delete": (re.compile(r"(?<!operator )(?<!operator)\bdelete\b(?=\s*(?:\[\s*\]\s*)?[\w:(*])"), (),
               "delete expression", "let a unique_ptr own it, or std::destroy_at"),
}

# Rule -> (pattern in every text file, what, remedy).
TEXT_RULES = {
    "path": (re.compile(r"(?<![\w.~/*$}-])/(?:work|home|root|Users)/[\w.-]+"), "absolute path of one machine",
             "a path relative to the tree, $HOME, or a temporary folder"),
    "host": (re.compile(r"\b(?:pypi\.org|pythonhosted\.org|registry\.[\w-]+\.\w+|crates\.io|(?:deb|security)\.debian\.org|"
                        r"proxy\.golang\.org|conan\.io|[\w-]+\.artifactory\.\w+|[\w.-]+\.internal)\b"),
             "host name of a package registry", "name the package; where it comes from is the machine's affair"),
}
TEXT_FILES = CPP + (".md", ".py", ".sh", ".cmake", ".txt", ".yaml", ".json", ".html", ".clang-format", ".gitignore",
                    ".ci/run")
# These two must write down what they look for.
ABOUT_ITSELF = ("scripts/checks/forbidden.py", LIST)


def exceptions(tree):
    """{(rule, path): line in the list}, and findings about lines that are none."""
    allowed, findings = {}, []
    for number, line in enumerate(tree.text(LIST).splitlines() if tree.has(LIST) else (), 1):
        words, _, reason = line.partition("#")
        words = words.split()
        if not words:
            continue
        if len(words) != 2 or words[0] not in CODE_RULES | TEXT_RULES or not reason.strip():
            findings.append(Finding(LIST, number, "not a line of this list",
                                    "RULE PATH  # reason; rules: " + ", ".join(CODE_RULES | TEXT_RULES)))
        else:
            allowed[words[0], words[1]] = number
    return allowed, findings


def broken_rules(tree):
    """(rule, path, line, what, remedy) of everything forbidden, exceptions not yet counted."""
    for path in tree.with_suffix(*CPP):
        code = code_only(tree.text(path))
        for rule, (pattern, folders, what, remedy) in CODE_RULES.items():
            if not path.startswith(folders):
                for match in pattern.finditer(code):
                    yield rule, path, line_of(code, match.start()), f"{what}: {match[0].strip()}", remedy
    for path in tree.with_suffix(*TEXT_FILES):
        if path not in ABOUT_ITSELF:
            for rule, (pattern, what, remedy) in TEXT_RULES.items():
                for match in pattern.finditer(tree.text(path)):
                    yield rule, path, line_of(tree.text(path), match.start()), f"{what}: {match[0]}", remedy


def check(tree):
    allowed, findings = exceptions(tree)
    unused = dict(allowed)
    for rule, path, line, what, remedy in broken_rules(tree):
        if (rule, path) in allowed:
            unused.pop((rule, path), None)
        else:
            findings.append(Finding(path, line, what, f"{remedy} (rule {rule}; exceptions: {LIST})"))
    findings += [Finding(LIST, line, f"{path} needs no exception from rule {rule}", "take the line out")
                 for (rule, path), line in unused.items()]
    return findings


def self_test():
    good = {"runtime/base/clock.cpp": "auto t = std::chrono::steady_clock::now();\nstd::random_device chance;\n",
            "tests/t.cpp": "std::this_thread::sleep_for(x);\n",
            "dag/a.cpp": '// new Foo, sleep_for\nconst char* s = "delete x; steady_clock::now";\nA(const A&) = delete;\n'
                         "void* operator new(size_t);\nvoid operator delete(void*);\nint renew (int);\n"
                         "queue.sleep(3); clock.now(); int new_ = 1;\n",
            "README.md": "GET /home and ~/.local and $HOME/work/x and https://host/work/x\n"}
    expect(findings_in(check, good))
    for text, said in [("auto t = std::chrono::system_clock::now();", "reads the clock: system_clock::now"),
                       ("auto t = Clock::now();", "reads the clock"), ("clock_gettime(a, &b);", "reads the clock"),
                       ("std::this_thread::sleep_for(1ms);", "sleeps: sleep_for"), ("usleep(3);", "sleeps: usleep("),
                       ("::sleep(3);", "sleeps"), ("std::random_device d;", "takes chance"),
                       ("auto* p = new Foo(1);", "new expression"), ("new (p) Foo;", "new expression"),
                       ("delete p;", "delete expression"), ("delete[] p;", "delete expression"),
                       ('open("/home/me/x");', "absolute path of one machine: /home/me")]:
        expect(findings_in(check, good | {"dag/b.cpp": "\n" + text + "\n"}), "dag/b.cpp:2: " + said)
    expect(findings_in(check, good | {"x.sh": "cd /work/shared\n"}), "x.sh:1: absolute path")
    expect(findings_in(check, good | {"x.md": "from registry.example.com\n"}), "x.md:1: host name")
    bad = {"dag/b.cpp": "delete p;\n"}
    expect(findings_in(check, good | bad | {LIST: "delete dag/b.cpp  # why\n"}))
    expect(findings_in(check, good | bad | {LIST: "delete dag/b.cpp\n"}), "forbidden.txt:1: not a line of this list")
    expect(findings_in(check, good | {LIST: "\nnew dag/a.cpp  # why\n"}), "forbidden.txt:2: dag/a.cpp needs no exception")


if __name__ == "__main__":
    run("forbidden", __doc__, check, self_test, lambda tree: f"{len(tree.files)} files, nothing forbidden")
