#!/usr/bin/env python3
"""Checks the length of files (500 lines) and functions (70 lines).

What is longer must stand in scripts/checks/lengths.txt with its present length, and may only shrink: a number that is
too high is refused like one that is too low, and no number may be greater than it ever was in the history of the list.
A line is `file PATH LENGTH` or `function PATH NAME LENGTH`; # begins a comment.

Warns when the public headers together exceed their budget of 4,000 lines.
"""

import ast
import re
import subprocess
import sys

from source_tree import CPP, PUBLIC_FOLDERS, Finding, code_only, expect, findings_in, line_of, run

FILE_LIMIT = 500
FUNCTION_LIMIT = 70
PUBLIC_HEADER_BUDGET = 4000
LIST = "scripts/checks/lengths.txt"

DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum)\b|\bextern\s*$")
ANNOTATION = re.compile(r"\[\[.*?\]\]|\balignas\s*\([^()]*\)")
TEMPLATE = re.compile(r"\btemplate\s*<")
NAME = re.compile(r"(operator\s*\(\s*\)|operator\s*[^\s\w(]+|operator\s+[\w:&* ]+|~?[\w:]*~?\w+)\s*(?:<[^<>]*>\s*)?$")
CONTROL = ("if", "for", "while", "switch", "catch", "do", "else", "return", "requires", "decltype")


def without_template_heads(head):
    while match := TEMPLATE.search(head):
        depth, end = 1, match.end()
        while end < len(head) and depth:
            depth += (head[end] == "<") - (head[end] == ">")
            end += 1
        head = head[:match.start()] + " " * (end - match.start()) + head[end:]
    return head


def depth_zero(head):
    """The head with everything inside parentheses left out: `f(int a = 1)` -> `f()`."""
    kept, depth = [], 0
    for char in head:
        depth -= char == ")"
        if depth == 0 or (char == "(" and depth == 0):
            kept.append(char)
        depth += char == "("
    return "".join(kept)


def kind_of_brace(head):
    """What a { opens after this text: ("scope", ""), ("function", name) or ("value", "")."""
    head = without_template_heads(ANNOTATION.sub(" ", head)).rstrip()
    flat = depth_zero(re.sub(r"operator\s*(\(\s*\)|[^\s\w(]+)", "operator_", head))
    if "(" not in flat:
        return ("scope", "") if SCOPE.search(flat) or not flat.strip() else ("value", "")
    if re.search(r"(?<![=!<>+\-*/%&|^])=(?!=)", flat.split("(", 1)[0]):
        return "value", ""
    before, _, after = flat.partition("(")
    if re.search(r"\)\s*(?:noexcept(?:\(\))?\s*)?:(?!:)", "(" + after) and re.search(r"[\w>]$", flat):
        return "value", ""  # a member's braces in a constructor's list of initialisers
    found = NAME.search(head[:head.index("(")] if "operator" not in before else head.split("operator")[0] + "operator()")
    name = re.sub(r"\s+", "", found[1]).removeprefix("::") if found else "?"
    if name in ("TEST", "TEST_F", "TEST_P", "TYPED_TEST", "BENCHMARK"):
        name = re.sub(r"\s+", "", head[head.index(name):])
    return ("value", "") if name in CONTROL else ("function", name)


def functions(text):
    """(name, first line, length) of every function body that stands in a namespace or class; lambdas count in theirs."""
    code = DIRECTIVE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), code_only(text))
    found, open_braces = [], []  # an open brace is (kind, name, offset of its head)
    head_start = parentheses = 0
    for offset, char in enumerate(code):
        at_scope = all(kind == "scope" for kind, _, _ in open_braces)
        if char in "()":
            parentheses += 1 if char == "(" else -1
        elif char == "{":
            kind, name = ("value", "") if parentheses or not at_scope else kind_of_brace(code[head_start:offset])
            open_braces.append((kind, name, head_start))
            if kind == "scope":
                head_start = offset + 1
        elif char == "}" and open_braces:
            kind, name, start = open_braces.pop()
            if kind == "function":
                first = start + len(code[start:]) - len(code[start:].lstrip())
                found.append((name, line_of(code, first), line_of(code, offset) - line_of(code, first) + 1))
            if kind != "value":
                head_start = offset + 1
        elif char == ";" and at_scope and not parentheses:
            head_start = offset + 1
        elif char == ":" and at_scope and re.search(r"\b(public|protected|private)\s*$", code[head_start:offset]):
            head_start = offset + 1
    return found


def python_functions(text):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(node.name, node.lineno, node.end_lineno - node.lineno + 1) for node in ast.walk(ast.parse(text))
            if isinstance(node, kinds)]


def long_ones(tree):
    """{("file", path) or ("function", path, name): (line, length)} of everything over its limit."""
    long = {}
    for path in tree.with_suffix(*CPP, ".py", ".sh"):
        text = tree.text(path)
        lines = text.count("\n")
        if lines > FILE_LIMIT:
            long["file", path] = (1, lines)
        found = functions(text) if path.endswith(CPP) else python_functions(text) if path.endswith(".py") else []
        for name, line, length in found:
            key = ("function", path, name)
            if length > FUNCTION_LIMIT and length > long.get(key, (0, 0))[1]:
                long[key] = (line, length)
    return long


def parse_list(text):
    """{key: (line in the list, length)}, and the lines that are none."""
    entries, bad = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        wanted = {"file": 3, "function": 4}.get(words[0])
        if wanted != len(words) or not words[-1].isdigit():
            bad.append(number)
        else:
            entries[tuple(words[:-1])] = (number, int(words[-1]))
    return entries, bad


def least_ever(tree):
    """{key: the least length that a committed version of the list had for it}."""
    def git(*arguments):
        result = subprocess.run(["git", "-C", str(tree.root), *arguments], capture_output=True, text=True)
        return result.stdout if result.returncode == 0 else ""

    least = {}
    if (tree.root / ".git").exists():
        for commit in git("log", "--format=%H", "--", LIST).split():
            for key, (_, length) in parse_list(git("show", f"{commit}:{LIST}"))[0].items():
                least[key] = min(length, least.get(key, length))
    return least


def describe(key):
    return f"{key[0]} {key[2]}" if key[0] == "function" else "file"


def check(tree):
    listed, bad = parse_list(tree.text(LIST)) if tree.has(LIST) else ({}, [])
    findings = [Finding(LIST, line, "not a line of this list", "file PATH LENGTH, or function PATH NAME LENGTH")
                for line in bad]
    long = long_ones(tree)
    for key, (line, length) in long.items():
        limit = FILE_LIMIT if key[0] == "file" else FUNCTION_LIMIT
        allowed = listed.get(key, (0, limit))[1]
        if length > allowed:
            findings.append(Finding(key[1], line, f"{describe(key)} has {length} lines, allowed are {allowed}",
                                    "divide it by its tasks"))
    least = least_ever(tree)
    for key, (line, length) in listed.items():
        present = long.get(key, (0, 0))[1]
        if present == 0:
            findings.append(Finding(LIST, line, f"{key[1]}: {describe(key)} is not too long any more",
                                    "take the line out"))
        elif present < length:
            findings.append(Finding(LIST, line, f"{key[1]}: {describe(key)} has shrunk to {present} lines",
                                    f"write {present} instead of {length}"))
        if length > least.get(key, length):
            findings.append(Finding(LIST, line, f"{key[1]}: {describe(key)} was listed with {least[key]} before",
                                    "this list only shrinks: divide it instead"))
    return findings


def summary(tree):
    lines = sum(tree.text(path).count("\n") for path in tree.files if path.startswith(PUBLIC_FOLDERS))
    if lines > PUBLIC_HEADER_BUDGET:
        print(f"warning: the public headers have {lines} lines together, their budget is {PUBLIC_HEADER_BUDGET}",
              file=sys.stderr)
    return f"files and functions keep to their lengths; public headers: {lines} of {PUBLIC_HEADER_BUDGET} lines"


def self_test_functions():
    text = """#define BAD(x) {
namespace a {
/* { */ const char* brace = "{"; char c = '{'; int big = 1'000;
template <typename T, int N = 3>
class [[nodiscard]] C : public D<T> {
 public:
  C(int a) : x_{a}, y_(a) {
    run();
  }
  bool operator()(int v = {}) const { return v == 1; }
  bool operator==(const C&) const = default;
  int x_{3}, y_ = 4;
  enum class E { kOne, kTwo };
};
constexpr int kTable[] = {1, 2};
auto C<int>::f(Options o = {}) const
    -> Result<int> {
  if (x) { call([&] { return 1; }); }
}
TEST(Suite, Name) {
}
}
"""
    expected = [("C", 7, 3), ("operator()", 10, 1), ("f", 16, 4), ("TEST(Suite,Name)", 20, 2)]
    assert functions(text) == expected, functions(text)


def self_test():
    self_test_functions()

    def function(lines):
        return "int f() {\n" + "  g();\n" * (lines - 2) + "}\n"

    expect(findings_in(check, {"a.cpp": function(FUNCTION_LIMIT), "b.h": "\n" * FILE_LIMIT}))
    expect(findings_in(check, {"a.cpp": "\n" + function(71)}), "a.cpp:2: function f has 71 lines, allowed are 70")
    expect(findings_in(check, {"b.h": "\n" * 501}), "b.h:1: file has 501 lines, allowed are 500")
    expect(findings_in(check, {"c.py": "def f():\n" + "    g()\n" * 70}), "c.py:1: function f has 71 lines")

    def listed(lines, entry):
        return {"a.cpp": function(lines), LIST: entry + "  # why\n"}

    expect(findings_in(check, listed(80, "function a.cpp f 80")))
    expect(findings_in(check, listed(81, "function a.cpp f 80")), "a.cpp:1: function f has 81 lines, allowed are 80")
    expect(findings_in(check, listed(79, "function a.cpp f 80")), "lengths.txt:1: a.cpp: function f has shrunk to 79")
    expect(findings_in(check, listed(10, "function a.cpp f 80")), "is not too long any more")
    expect(findings_in(check, listed(10, "function a.cpp 80")), "lengths.txt:1: not a line of this list")

    def commit_then_grow(root):
        def git(*arguments):
            subprocess.run(["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t", *arguments], check=True,
                           capture_output=True)

        git("init", "-q")
        git("add", "-A")
        git("commit", "-q", "-m", "x")
        (root / "a.cpp").write_text(function(90))
        (root / LIST).write_text("function a.cpp f 90\n")

    expect(findings_in(check, listed(80, "function a.cpp f 80"), commit_then_grow), "was listed with 80 before")


if __name__ == "__main__":
    run("lengths", __doc__, check, self_test, summary)
