#!/usr/bin/env python3
"""Checks that the paths which README.md, ARCHITECTURE.md and the folders' READMEs name do exist.

Looked at: words in backticks that begin with a top-level folder or are files of this tree's kinds, <freshet/...>
headers in backticks, links to files, and scripts/... in code blocks. Not looked at: build/, words with placeholders
(YOUR, <name>, $x, …). A path with * or {a,b} must match something.
"""

import fnmatch
import itertools
import pathlib
import re

from source_tree import PUBLIC_FOLDERS, Finding, expect, findings_in, line_of, run

TOP_FOLDERS = ("runtime", "operators", "dag", "jobs", "tests", "scripts", ".ci")
FILE_KINDS = (".h", ".cpp", ".py", ".sh", ".md", ".cmake", ".yaml")
FENCE = re.compile(r"^(```+|~~~+)[^\n]*\n.*?^\1", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")
SCRIPT = re.compile(r"(?<![\w./-])(?:\./)?(scripts/[\w./-]*\w)")
PUBLIC_HEADER = re.compile(r"<(freshet/[\w/]+\.h)>")
PLACEHOLDER = re.compile(r"[<>$…=()]|\.\.\.|YOUR|://")


def is_document(path):
    name = path.rpartition("/")[2]
    return name == "README.md" or path == "ARCHITECTURE.md"


def alternatives(path):
    """`a/{b,c}.h` -> a/b.h, a/c.h."""
    parts = re.split(r"\{([^{}]*)\}", path)
    choices = [part.split(",") if index % 2 else [part] for index, part in enumerate(parts)]
    return ["".join(choice) for choice in itertools.product(*choices)]


def exists(tree, folders, path):
    if "*" in path:
        return bool(fnmatch.filter(tree.files, path))
    return path in folders or tree.has(path)


def looks_like_path(word):
    if PLACEHOLDER.search(word) or word.startswith(("/", "~", "-", "build/")):
        return False
    if word.split("/")[0] in TOP_FOLDERS and "/" in word:
        return True
    return word.endswith(FILE_KINDS) and re.fullmatch(r"[\w./*{},-]+", word) is not None


def named_paths(text):
    """(line, word, kind) of everything that claims to exist; kind is path, link or header."""
    prose = FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for match in SPAN.finditer(prose):
        line = line_of(prose, match.start())
        for header in PUBLIC_HEADER.finditer(match[1]):
            yield line, header[1], "header"
        for word in PUBLIC_HEADER.sub(" ", match[1]).split():
            word = re.sub(r":\d+$", "", word.strip("\"',;:").removeprefix("./"))
            if looks_like_path(word):
                yield line, word.rstrip("/"), "path"
    for match in LINK.finditer(prose):
        if "://" not in match[1] and not match[1].startswith("mailto:"):
            yield line_of(prose, match.start()), match[1].rstrip("/"), "link"
    for block in FENCE.finditer(text):
        for match in SCRIPT.finditer(block[0]):
            yield line_of(text, block.start() + match.start()), match[1], "path"


def meant(document, word, kind):
    """The paths of which one must exist."""
    if kind == "header":
        return [folder + word.removeprefix("freshet/") for folder in PUBLIC_FOLDERS]
    folder = document.rpartition("/")[0]
    beside = []
    for path in alternatives(word):
        parts = []
        for part in pathlib.PurePosixPath(folder, path).parts:
            if part == "..":
                parts = parts[:-1]
            else:
                parts.append(part)
        beside.append("/".join(parts))
    return beside if kind == "link" else beside + alternatives(word)


def check(tree):
    folders = {str(parent) for path in tree.files for parent in pathlib.PurePosixPath(path).parents}
    names = {path.rpartition("/")[2] for path in tree.files}
    findings = []
    for document in filter(is_document, tree.files):
        for line, word, kind in named_paths(tree.text(document)):
            candidates = meant(document, word, kind)
            if kind == "path" and "/" not in word and word in names:
                continue  # a bare file name in prose, of a file that stands somewhere
            # With {a,b} each alternative must exist in one of the readings: beside the document, or from the top.
            half = len(candidates) // 2
            readings = [candidates[:half], candidates[half:]] if kind == "path" else [[one] for one in candidates]
            if not any(all(exists(tree, folders, path) for path in reading) for reading in readings):
                written = f"<{word}>" if kind == "header" else word
                findings.append(Finding(document, line, f"{written} does not exist",
                                        "name the file that took its place, or take the sentence out"))
    return findings


def self_test():
    tree = {"runtime/base/check.h": "", "dag/include/freshet/job.h": "", "scripts/test.sh": "", "dag/README.md": "",
            "dag/plan.cpp": ""}

    def said(text, document="README.md"):
        return findings_in(check, tree | {document: text})

    expect(said("See `runtime/base/check.h:12`, `runtime/base/`, `runtime/base/*.h`, `runtime/{base/check.h,base}`, "
                "`<freshet/job.h>`, `plan.cpp`, [the graph](dag/README.md), `build/release/bin/x`, `jobs/<name>/`, "
                "`a/b`, `n/a`, `scripts/test.sh --quick`, `out/x.csv`.\n```\n$ scripts/test.sh YOUR.csv\n```\n"))
    expect(said("see `plan.cpp` and `include/freshet/job.h` and [up](../README.md)\n", "dag/NOTE.md"))
    for text, named in [("\n`runtime/base/gone.h`\n", "README.md:2: runtime/base/gone.h does not exist"),
                        ("`runtime/gone/`", "runtime/gone"), ("`runtime/gone/*.h`", "runtime/gone/*.h"),
                        ("`runtime/base/{check,gone}.h`", "{check,gone}"), ("`<freshet/gone.h>`", "<freshet/gone.h>"),
                        ("[x](dag/gone.md)", "dag/gone.md"), ("`gone.cpp`", "gone.cpp"),
                        ("text\n```\n$ scripts/gone.sh\n```\n", "README.md:3: scripts/gone.sh")]:
        expect(said(text), named, "does not exist")
    expect(said("`gone.h`, `plan.cpp`", "dag/README.md"), "dag/README.md:1: gone.h does not exist")


if __name__ == "__main__":
    run("doc_paths", __doc__, check, self_test,
        lambda tree: f"{len(list(filter(is_document, tree.files)))} documents name what exists")
