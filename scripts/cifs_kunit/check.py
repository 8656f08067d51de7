# SPDX-License-Identifier: GPL-2.0
"""The check command: the project's own tests."""

import argparse
import shutil
import time
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
from console import Trouble, say
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

PACKAGES = (*packages.BUILD_PACKAGES, "shellcheck")

# What the trees of a line take, and what the tests play with, in GB
LINE_ROOM = 3
PLAY_ROOM = 3

Test = Tuple[str, Callable[[Bench], None]]


def tests_of(line: str) -> List[Test]:
    """All of it on the default line, on others what may come out otherwise there."""
    if line != DEFAULT_LINE:
        return [
            *check_project.line_tests(line),
            *check_docs.tests(line),
            *check_foreign.tests(line),
            *check_series.tests(line),
            *check_runs.line_tests(line),
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
        *check_runs.tests(line),
        *check_foreign.late_tests(line),
        *check_ci.tests(line),
        *check_e2e.tests(line),
        *check_docs.late_tests(line),
        *check_tool.late_tests(),
    ]


def run_test(number: int, name: str, function: Callable[[Bench], None], bench: Bench) -> str:
    """Says what came of a test, as TAP does; returns the status."""
    start = time.monotonic()
    status, verdict, reason = PASSED, "ok", ""
    try:
        function(bench)
    except Skipped as lack:
        status, reason = SKIPPED, f" # SKIP {lack}"
    except (Failed, Trouble) as failure:
        status, verdict, reason = FAILED, "not ok", f": {failure}"
    say(f"{verdict} {number} - {name}{reason} ({time.monotonic() - start:.1f} s)")
    return status


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
    packages.require(PACKAGES)
    lines = available_lines() if args.all else [DEFAULT_LINE]
    require_room(lines)
    with lock(build_dir() / "check.lock", "another check is running"):
        with scratch_directory(build_dir() / "check") as directory:
            statuses: List[str] = []
            for line in lines:
                for name, function in tests_of(line):
                    bench = Bench(line, directory / line)
                    statuses.append(run_test(len(statuses) + 1, name, function, bench))
    say(closing_line(*(statuses.count(status) for status in STATUSES)))
    return 1 if FAILED in statuses else 0
