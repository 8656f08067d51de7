# SPDX-License-Identifier: GPL-2.0
"""The coverage command: which lines and branches of the client the suites execute.

The kernel counts for the client's directory only (see cifs_coverage.c) and writes the counters
beside the objects. gcov reads them for the figure, lcov for the pages to look at. What the
functions of coverage.txt have that is not executed must have a reason there.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Sequence

import packages
import process
import run
from console import Trouble, say, step
from layout import DEFAULT_LINE, LAB, package_of, scratch_directory, shown
from tree import Tree

PACKAGES = ("lcov",)
PAGE = "index.html"
WANTED = LAB / "coverage.txt"
LCOV = ("--quiet", "--rc", "lcov_branch_coverage=1", "--rc", "genhtml_branch_coverage=1")

# By a function, the lines of it that need not be executed whole, and why.
Wanted = Dict[str, Dict[str, str]]


@dataclass
class Line:
    """A line of code: how often it was executed, and each of its branches taken."""

    number: int
    text: str
    count: int = 0
    branches: List[int] = field(default_factory=list)

    def add(self, count: int, branches: Sequence[int]) -> None:
        """A function that is inlined has its lines more than once."""
        self.count += count
        longest = max(len(self.branches), len(branches))
        padded = [[*each, *[0] * (longest - len(each))] for each in (self.branches, branches)]
        self.branches = [sum(pair) for pair in zip(*padded)]

    @property
    def missing(self) -> int:
        """Branches that were not taken, and the line itself."""
        return (self.count == 0) + self.branches.count(0)


class Function(NamedTuple):
    name: str
    file: str
    lines: List[Line]


@dataclass
class Figure:
    """What is executed of what there is, and what is not for a reason."""

    lines: int = 0
    lines_executed: int = 0
    lines_excused: int = 0
    branches: int = 0
    branches_taken: int = 0
    branches_excused: int = 0
    faults: List[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.lines_executed} of {self.lines} lines ({self.lines_excused} not, for a reason),"
            f" {self.branches_taken} of {self.branches} branches"
            f" ({self.branches_excused} not, for a reason)"
        )


def parse_wanted(text: str) -> Wanted:
    """A function a line; below it, indented, 'source line -- reason'."""
    wanted: Wanted = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            name = line.strip()
            wanted[name] = {}
            continue
        source, found, reason = line.strip().partition(" -- ")
        if not wanted or not found or not reason.strip():
            raise Trouble(f"{WANTED.name}:{number}: neither a function nor 'source -- reason'")
        wanted[name][source] = reason
    return wanted


def functions_of(document: Dict[str, Any], source: Path, wanted: Iterable[str]) -> List[Function]:
    """Of one object's counters, as gcov has them in JSON; paths are relative to 'source'."""
    found = []
    for file in document["files"]:
        named = [f for f in file["functions"] if f["name"] in wanted]
        if not named or not file["file"].endswith(".c"):
            continue
        texts = (source / file["file"]).read_text(errors="replace").splitlines()
        for function in named:
            lines: Dict[int, Line] = {}
            for entry in file["lines"]:
                number = entry["line_number"]
                if function["start_line"] <= number <= function["end_line"]:
                    line = lines.setdefault(number, Line(number, texts[number - 1].strip()))
                    line.add(entry["count"], [b["count"] for b in entry["branches"]])
            path = (source / file["file"]).resolve().name
            found.append(Function(function["name"], path, [lines[n] for n in sorted(lines)]))
    return found


def judge(functions: Iterable[Function], wanted: Wanted) -> Figure:
    figure = Figure()
    for function in functions:
        reasons = wanted[function.name]
        needless = set(reasons)
        for line in function.lines:
            untaken, excused = line.branches.count(0), line.text in reasons
            figure.lines += 1
            figure.lines_executed += line.count > 0
            figure.branches += len(line.branches)
            figure.branches_taken += len(line.branches) - untaken
            if not line.missing:
                continue
            needless.discard(line.text)
            if excused:
                figure.lines_excused += line.count == 0
                figure.branches_excused += untaken
            else:
                what = f"{untaken} of {len(line.branches)} branches" if line.count else "line"
                where = f"{function.file}:{line.number} {function.name}()"
                figure.faults.append(f"{where}: {what} not executed: {line.text}")
        there = {line.text for line in function.lines}
        for text in sorted(needless & there):
            figure.faults.append(f"{function.name}(): needs no reason any more: {text}")
    return figure


def read_counters(tree: Tree, wanted: Wanted) -> List[Function]:
    """gcov, once for each object, since an object without counters ends it."""
    functions: List[Function] = []
    command = ["gcov", "--json-format", "--stdout", "--branch-probabilities"]
    for counters in sorted((tree.kunit_dir / tree.client).glob("*.gcda")):
        path = str(counters.relative_to(tree.kunit_dir))
        status, output = process.run([*command, path], tree.kunit_dir)
        if status:
            raise Trouble(f"gcov cannot read {shown(counters)}: {process.reason(output)}")
        document = next(line for line in output.splitlines() if line.startswith("{"))
        functions += functions_of(json.loads(document), tree.kunit_dir, wanted)
    if not functions:
        raise Trouble(f"{shown(tree.kunit_dir)}: the kernel has written no counters")
    return functions


def draw(tree: Tree, directory: Path) -> None:
    """lcov's pages, of the client's own files."""
    with step(f"lcov {shown(directory)}"), scratch_directory(directory / "coverage.part~") as part:
        info = str(part / "client.info")
        objects = str(tree.kunit_dir / tree.client)
        for command in (
            ["lcov", *LCOV, "--capture", "--directory", objects, "--output-file", info,
             "--base-directory", str(tree.kunit_dir), "--include", f"*/{tree.client}/*.c"],
            ["genhtml", *LCOV, "--prefix", str(tree.path), "--title", str(tree.client),
             "--output-directory", str(directory), info],
        ):  # fmt: skip
            status, output = process.run(command)
            if status:
                raise Trouble(f"{command[0]} fails: {process.reason(output)}")


def absent(functions: Sequence[Function], wanted: Wanted) -> List[str]:
    """What coverage.txt names that a kernel, which should have all of it, has not."""
    there = {function.name: {line.text for line in function.lines} for function in functions}
    names = [name for name in wanted if name not in there]
    lines = [
        f"{name}: {text}"
        for name, reasons in wanted.items()
        for text in reasons
        if text not in there.get(name, {text})
    ]
    return [f"{WANTED.name}: the kernel has no {what}" for what in (*names, *lines)]


def coverage(args: argparse.Namespace) -> int:
    package_of(args.kernel)
    wanted = parse_wanted(WANTED.read_text())
    if packages.on_debian():
        packages.require(PACKAGES)
    with run.executed(args) as (tree, line, outcome):
        functions = read_counters(tree, wanted)
        if args.output:
            draw(tree, args.output)
    figure = judge(functions, wanted)
    if line == DEFAULT_LINE:
        figure.faults += absent(functions, wanted)
    for fault in figure.faults:
        say(fault)
    for name in sorted(outcome.failed_names):
        say(f"also failed: {name}")
    if args.output:
        say(f"coverage: {args.output / PAGE}")
    say(f"{len(functions)} functions: {figure}")
    return 1 if figure.faults or outcome.failed else 0
