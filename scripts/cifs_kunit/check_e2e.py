# SPDX-License-Identifier: GPL-2.0
"""Tests with a real Samba server: the report's deadlock without the fix, and none with it."""

from typing import Callable, List, Tuple

from check_base import Bench, Skipped, expect, tool
from e2e import REPORTED, obstacle

LINES = ("5.10", "6.1")


def need_user_space(bench: Bench) -> None:
    if obstacle(bench.source):
        raise Skipped(obstacle(bench.source))


def fixed(bench: Bench) -> None:
    need_user_space(bench)
    run = tool("e2e", "--kernel", bench.line, "--seconds", "0", show=True)
    run.expect(0, " 0 failed")
    expect(any("ok 2 put_deadlock" in line for line in run.output), "the reproducer has not run")


def unfixed(bench: Bench) -> None:
    """It hangs, and every task of the report is said to."""
    need_user_space(bench)
    run = tool("e2e", "--kernel", bench.line, "--state", "unfixed", "--seconds", "0", show=True)
    run.expect(1, " failed")
    expect(any("not ok 2 put_deadlock" in line for line in run.output), "the mount does not hang")
    text = "\n".join(run.output)
    missing = [task for task in REPORTED if f"task {task} of the report" not in text]
    expect(not missing, f"not among those that wait: {', '.join(missing)}")


def tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    if line not in LINES:
        return []
    return [(f"{line}: e2e, fixed", fixed), (f"{line}: e2e, unfixed", unfixed)]
