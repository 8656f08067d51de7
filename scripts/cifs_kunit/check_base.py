# SPDX-License-Identifier: GPL-2.0
"""What the tests of check share."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional

import process
from console import say
from layout import BUILD_VARIABLE, REPO
from tree import Tree, packaged_source

TOOL = [sys.executable, str(REPO / "scripts/cifs_kunit")]


class Failed(Exception):
    """A test's reason to fail, in one line."""


class Skipped(Exception):
    """What this machine lacks for a test, in one line."""


def expect(condition: bool, reason: str) -> None:
    if not condition:
        raise Failed(reason)


@dataclass(frozen=True)
class ToolRun:
    status: int
    output: List[str]

    @property
    def last(self) -> str:
        return self.output[-1] if self.output else "(no output)"

    def expect(self, status: int, word: str) -> None:
        """The status, and one last line that says why."""
        expect(self.status == status, f"exit status {self.status}, not {status}: {self.last}")
        expect(word in self.last, f"'{word}' is not in the last line: {self.last}")
        expect("Traceback" not in "".join(self.output), "the tool breaks with a traceback")


def tool(*args: str, env: Optional[Dict[str, str]] = None, show: bool = False) -> ToolRun:
    """Runs the tool as a user does."""
    output: List[str] = []

    def on_line(line: str) -> None:
        output.append(line)
        if show:
            say(f"    | {line}")

    return ToolRun(process.stream([*TOOL, *args], on_line, REPO, env), output)


@dataclass(frozen=True)
class Bench:
    """A kernel line, and a directory for the tests of it to play in."""

    line: str
    directory: Path

    @property
    def source(self) -> Path:
        return packaged_source(self.line)

    def tree(self, state: str) -> Tree:
        return Tree(self.source.with_name(state), self.source)

    def private_build(self, *linked: Path) -> Path:
        """A build directory of its own, which shares some files with the real one."""
        build = self.directory / "build"
        (build / self.line).mkdir(parents=True, exist_ok=True)
        for path in linked:
            target = build / self.line / path.name
            if path.is_dir() and not target.exists():
                process.run(["cp", "-al", str(path), str(target)])
            elif not target.exists():
                os.link(path, target)
        return build

    def private(self, build: Path, **env: str) -> Dict[str, str]:
        return {BUILD_VARIABLE: str(build), **env}
