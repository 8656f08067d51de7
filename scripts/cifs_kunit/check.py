# SPDX-License-Identifier: GPL-2.0
"""The check command: the project's own tests."""

import argparse
import shutil
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Callable, List, Sequence, Tuple

import check_ci
import check_docs
import check_e2e
import check_foreign
import check_project
import check_runs
import check_series
import check_tool
import packages
from check_base import Bench, Failed, Skipped
from console import USAGE, Trouble, say
from layout import (
    BUILD_VARIABLE,
    DEFAULT_LINE,
    available_lines,
    build_dir,
    lock,
    scratch_directory,
    shown,
)
from result import FAILED, PASSED, SKIPPED, STATUSES, closing_line

PACKAGES = (*packages.BUILD_PACKAGES, "mypy", "shellcheck")

# What the trees of a line take, and what the tests play with, in GB
LINE_ROOM = 3
PLAY_ROOM = 3

NamedTest = Tuple[str, Callable[[Bench], None]]


def tests_of(line: str, stock: bool, wanted: Callable[[str], bool]) -> List[NamedTest]:
    """All of it on the default line, on others what may come out otherwise there."""
    if line != DEFAULT_LINE:
        return [
            *check_project.line_tests(line),
            *check_docs.tests(line),
            *check_foreign.tests(line),
            *check_series.tests(line),
            *check_runs.line_tests(line, stock, wanted),
            *check_foreign.late_tests(line),
            *check_e2e.tests(line),
            *check_docs.late_tests(line),
        ]
    return [
        *check_project.tests(line),
        *check_docs.tests(line),
        *check_foreign.tests(line),
        *check_series.tests(line),
        *check_tool.early_tests(),
        *check_runs.tests(line, wanted),
        *check_foreign.late_tests(line),
        *check_ci.tests(line),
        *check_e2e.tests(line),
        *check_docs.late_tests(line),
        *check_tool.late_tests(),
    ]


@dataclass(frozen=True)
class Test:
    line: str
    name: str
    function: Callable[[Bench], None]

    def run(self, number: int, directory: Path) -> str:
        """Says what came of it, as TAP does; returns the status."""
        start = time.monotonic()
        status, verdict, reason = PASSED, "ok", ""
        try:
            self.function(Bench(self.line, directory / self.line))
        except Skipped as lack:
            status, reason = SKIPPED, f" # SKIP {lack}"
        except (Failed, Trouble) as failure:
            status, verdict, reason = FAILED, "not ok", f": {failure}"
        say(f"{verdict} {number} - {self.name}{reason} ({time.monotonic() - start:.1f} s)")
        return status


def selected(lines: Sequence[str], pattern: str, stock: bool) -> List[Test]:
    """As unittest's -k: a part of the name, or wildcards."""
    pattern = pattern if "*" in pattern else f"*{pattern}*"

    def wanted(name: str) -> bool:
        return fnmatchcase(name, pattern)

    tests = [Test(line, *named) for line in lines for named in tests_of(line, stock, wanted)]
    return [test for test in tests if wanted(test.name)]


def run_tests(tests: Sequence[Test], directory: Path) -> List[str]:
    """Those that failed are named once more at the end of a long output."""
    statuses = [test.run(number, directory) for number, test in enumerate(tests, 1)]
    for test, status in zip(tests, statuses):
        if status == FAILED:
            say(f"failed: {test.name}")
    return statuses


def require_room(lines: Sequence[str]) -> None:
    """Better at once than when half of the lines are done."""
    build = build_dir()
    build.mkdir(parents=True, exist_ok=True)
    missing = [line for line in lines if not (build / line / "fixed").is_dir()]
    needed = LINE_ROOM * len(missing) + PLAY_ROOM
    free = shutil.disk_usage(build).free // 10**9
    if free < needed:
        raise Trouble(
            f"{shown(build)} has {free} GB free, and this check takes up to {needed}: "
            f"make room, or set {BUILD_VARIABLE} to a directory that has it"
        )


def check(args: argparse.Namespace) -> int:
    lines = available_lines() if args.all else [DEFAULT_LINE]
    tests = selected(lines, args.pattern, args.stock)
    if not tests:
        raise Trouble(f"no test matches '{args.pattern}'; --list shows them", USAGE)
    if args.list:
        for test in tests:
            say(test.name)
        return 0
    packages.require(PACKAGES)
    require_room(sorted({test.line for test in tests}))
    with lock(build_dir() / "check.lock", "another check is running"):
        with scratch_directory(build_dir() / "check") as directory:
            statuses = run_tests(tests, directory)
    say(closing_line(*(statuses.count(status) for status in STATUSES)))
    return 1 if FAILED in statuses else 0
