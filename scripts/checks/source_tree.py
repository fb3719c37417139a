"""What the checks share: the files of the tree, C++ text without comments and strings, includes, findings.

A check is a script of its own. It calls run(), which gives it --root, --self-test and --help, prints its findings as
`file:line: what` with one remedy each, and exits with 1 when there are any.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

CPP = (".h", ".cpp")

# <freshet/x.h> lives in one of these.
PUBLIC_FOLDERS = ("operators/include/freshet/", "dag/include/freshet/", "runtime/include/freshet/")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)

# Comments, literals with their prefixes, digit separators (so that 1'000 opens no character literal).
TOKENS = re.compile(
    r"//(?:\\\n|[^\n])*"
    r"|/\*.*?\*/"
    r'|(?:u8|u|U|L)?R"([^()\\\s]{0,16})\(.*?\)\1"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'"
    r"|(?<![0-9A-Za-z_])(?:u8|u|U|L)'(?:\\.|[^'\\\n])+'",
    re.DOTALL)


class Finding:
    """One broken rule: where, what, and what to do."""

    def __init__(self, path, line, what, remedy):
        self.path, self.line, self.what, self.remedy = path, line, what, remedy

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}\n    remedy: {self.remedy}"


class Tree:
    """The files of a checkout: tracked ones and new ones that git does not ignore; without git, all but build/."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.files = sorted(path for path in self._list() if (self.root / path).is_file())
        self._known = set(self.files)
        self._texts = {}

    def _list(self):
        command = ["git", "-C", str(self.root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        if (self.root / ".git").exists():
            listed = subprocess.run(command, capture_output=True, text=True)
            if listed.returncode == 0:
                return set(filter(None, listed.stdout.split("\0")))
        found = (path.relative_to(self.root) for path in self.root.rglob("*"))
        return {str(path) for path in found if path.parts[0] not in ("build", ".git", ".cache", "out")}

    def has(self, path):
        return path in self._known

    def with_suffix(self, *suffixes):
        return [path for path in self.files if path.endswith(suffixes)]

    def text(self, path):
        if path not in self._texts:
            self._texts[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self._texts[path]

    def includes(self, path):
        """(line, '<' or '"', name) of each #include."""
        text = without_comments(self.text(path))
        return [(line_of(text, match.start(2)), match[1], match[2]) for match in INCLUDE.finditer(text)]

    def resolve(self, path, kind, name):
        """The file of this tree that an #include means, or None."""
        candidates = []
        if kind == '"':
            candidates = [name, str(pathlib.PurePosixPath(path).parent / name)]
        if name.startswith("freshet/"):
            candidates += [folder + name.removeprefix("freshet/") for folder in PUBLIC_FOLDERS]
        return next((candidate for candidate in candidates if self.has(candidate)), None)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    """The same text with comments blanked; lines and columns stay."""
    return TOKENS.sub(lambda match: _blank(match[0]) if match[0].startswith("/") else match[0], text)


def code_only(text):
    """The same text with comments and literals blanked; lines and columns stay."""
    return TOKENS.sub(lambda match: _blank(match[0]), text)


def run(name, description, check, self_test, summary):
    """Entry of every check. check(tree) gives findings; self_test() raises AssertionError; summary(tree) is a line."""
    parser = argparse.ArgumentParser(
        prog=f"scripts/checks/{name}.py", description=description, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"examples:\n  scripts/checks/{name}.py\n  scripts/checks/{name}.py --self-test    prove that it can fail")
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2], help="tree to check")
    parser.add_argument("--self-test", action="store_true", help="run on small broken trees: each must be refused")
    options = parser.parse_args()
    if options.self_test:
        self_test()
        print(f"{name}: self-test passed")
        return
    tree = Tree(options.root)
    findings = sorted(check(tree), key=lambda finding: (finding.path, finding.line, finding.what))
    for finding in findings:
        print(finding)
    if findings:
        print(f"{name}: {len(findings)} finding{'s' if len(findings) > 1 else ''}")
        sys.exit(1)
    print(f"{name}: {summary(tree)}")


def findings_in(check, files, prepare=None):
    """For self-tests: what check says about a tree made of {path: text}, as one string. prepare(root) may add to it."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            target = pathlib.Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        if prepare:
            prepare(pathlib.Path(folder))
        return "\n".join(map(str, check(Tree(folder))))


def expect(said, *parts):
    """For self-tests: all parts are said; without parts, nothing is."""
    if not parts:
        assert said == "", f"a good tree was refused:\n{said}"
    for part in parts:
        assert part in said, f"expected {part!r} in:\n{said or '(no finding)'}"
