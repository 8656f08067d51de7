# SPDX-License-Identifier: GPL-2.0
"""Patches and quilt series, applied to copies of the files that they touch."""

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import process
from console import Trouble
from layout import PATCHES

FIX = "0001"
EXACT = 0
FUZZY = 2


@dataclass(frozen=True)
class Patch:
    name: str
    text: str
    needs: Tuple[str, ...] = ()
    for_tests: bool = False

    @property
    def number(self) -> str:
        return self.name.split("-")[0]

    @property
    def files(self) -> List[str]:
        names = re.findall(r"^(?:---|\+\+\+) [ab]/(\S+)", self.text, re.MULTILINE)
        if any(".." in Path(name).parts for name in names):
            raise Trouble(f"{self.name}: leaves the kernel tree")
        return sorted(set(names))

    def moved_to(self, client: str) -> "Patch":
        """The same patch for a tree that has the client in another directory."""
        text = re.sub(r"\bfs/(?:smb/client|cifs)/", f"{client}/", self.text)
        return replace(self, text=text)


def read_patch(path: Path) -> Patch:
    return Patch(path.name, path.read_text(errors="surrogateescape"))


class Entry(NamedTuple):
    """A line of a series file: '# needs NUMBER...' or '# tests' may follow the name."""

    name: str
    needs: Tuple[str, ...] = ()
    for_tests: bool = False


def parse_series(text: str) -> List[Entry]:
    entries = []
    for line in text.splitlines():
        entry, _, comment = line.partition("#")
        if entry.strip():
            words = comment.split()
            needs = words[1:] if words[:1] == ["needs"] else []
            entries.append(Entry(entry.split()[0], tuple(needs), words[:1] == ["tests"]))
    return entries


def read_series(line: str) -> List[Patch]:
    directory = PATCHES / line
    entries = parse_series((directory / "series").read_text())
    if not entries:
        raise Trouble(f"{directory}/series is empty")
    try:
        patches = [
            replace(read_patch(directory / name), needs=needs, for_tests=for_tests)
            for name, needs, for_tests in entries
        ]
    except FileNotFoundError as error:
        raise Trouble(f"{directory}/series names a missing file: {error.filename}") from None
    # the last one lets the suites in
    return [*patches[:-1], replace(patches[-1], for_tests=True)]


def must_fail(patch: Path) -> List[str]:
    """The cases that a mutant names."""
    message = patch.read_text().split("\n--- ")[0]
    return [name.strip() for name in re.findall(r"^Fails:(.*)", message, re.MULTILINE)]


def _listed(line: str, name: str) -> List[str]:
    """suite.case names, one a line, with comments; none if there is no such file."""
    file = PATCHES / line / name
    text = file.read_text() if file.is_file() else ""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def expected_failures(line: str, state: str) -> List[str]:
    """What must fail in a state."""
    return _listed(line, f"{state}.fails")


def possible_failures(line: str, state: str) -> List[str]:
    """What fails in a state where a race of the kernel's goes wrong, and else passes."""
    return _listed(line, f"{state}.flakes")


def after_fix(series: Sequence[Patch], state: str) -> List[Patch]:
    """What a state has on top of a tree where patch 1 is in, or out, as that state wants."""
    if state == "stock":
        return [patch for patch in series if patch.for_tests]
    left_out = {FIX} if state == "unfixed" else set()
    kept = []
    for patch in series[1:]:
        if left_out.intersection(patch.needs):
            left_out.add(patch.number)
        else:
            kept.append(patch)
    return kept


def first_failure(output: str) -> str:
    """The first hunk, or whatever else it was, that patch(1) complains about."""
    name = ""
    for line in output.splitlines():
        if line.startswith(("patching file ", "checking file ")):
            name = line.split(" ", 2)[2]
        failed = re.match(r"Hunk (#\d+) (?:FAILED|ignored)(?: at (\d+))?", line)
        if failed:
            return f"{name}: hunk {failed[1]} fails at line {failed[2] or '?'}"
        if re.match(r"patch: \*{4}|can't find file|The next patch would", line):
            return line
    return output.strip().splitlines()[-1] if output.strip() else "patch(1) gives no reason"


class Misfit(NamedTuple):
    """How far patch(1) had to go to make hunks fit: context lines left out, lines moved by."""

    fuzz: int = 0
    offset: int = 0

    def plus(self, output: str) -> "Misfit":
        fuzz = sum(map(int, re.findall(r"^Hunk .* with fuzz (\d+)", output, re.MULTILINE)))
        offset = sum(map(int, re.findall(r"^Hunk .*\(offset -?(\d+) line", output, re.MULTILINE)))
        return Misfit(self.fuzz + fuzz, self.offset + offset)


class Workbench:
    """Copies of the files of a kernel source that are to change."""

    def __init__(self, source: Path, directory: Path, fuzz: int = EXACT) -> None:
        self.source = source
        self.root = directory / "files"
        self.root.mkdir()
        self.fuzz = fuzz
        self.misfit = Misfit()
        self.applied = 0
        self.failed_part = 0.0
        self.paths: Set[str] = set()
        self._patch_file = directory / "patch"

    def bring(self, paths: Sequence[str]) -> None:
        for path in sorted(set(paths) - self.paths):
            if (self.source / path).is_file():
                (self.root / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.source / path, self.root / path)
            self.paths.add(path)

    def put(self, path: str, data: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)
        self.paths.add(path)

    def content(self, path: str) -> Optional[bytes]:
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def contents(self) -> Dict[str, Optional[bytes]]:
        return {path: self.content(path) for path in self.paths}

    def failure(self, patch: Patch, *options: str) -> str:
        """Runs patch(1); returns what fails, or nothing."""
        self.bring(patch.files)
        self._patch_file.write_text(patch.text, errors="surrogateescape")
        command = ["patch", "-p1", "--force", f"--fuzz={self.fuzz}", "--no-backup-if-mismatch"]
        status, output = process.run(
            [*command, "--reject-file=-", *options, f"--input={self._patch_file}"], cwd=self.root
        )
        if not status and "--dry-run" not in options:
            self.misfit = self.misfit.plus(output)
            self.applied += 1
        failed = re.findall(r"^Hunk .*(?:FAILED|ignored)", output, re.MULTILINE)
        self.failed_part = len(failed) / max(1, patch.text.count("\n@@ "))
        return first_failure(output) if status else ""

    def has(self, patch: Patch) -> bool:
        return not self.failure(patch, "--reverse", "--dry-run")

    def apply(self, patch: Patch) -> None:
        failure = self.failure(patch)
        if failure:
            raise Trouble(f"{patch.name} does not apply: {failure}")

    def reverse(self, patch: Patch) -> None:
        failure = self.failure(patch, "--reverse")
        if failure:
            raise Trouble(f"{patch.name} does not reverse: {failure}")


def bring_fix(bench: Workbench, fix: Patch, state: str) -> None:
    """Puts patch 1 in or takes it out, as the state wants."""
    if state == "stock":
        return
    if bench.has(fix):
        bench.bring(fix.files)
        before = {path: bench.content(path) for path in fix.files}
        bench.reverse(fix)
        if state == "fixed":
            bench.apply(fix)
            check_same(bench, fix, before)
    elif state == "fixed":
        bench.apply(fix)


def check_same(bench: Workbench, fix: Patch, before: Dict[str, Optional[bytes]]) -> None:
    for path in fix.files:
        if bench.content(path) != before[path]:
            raise Trouble(f"{fix.name}, reversed and applied again, changes {path}")


def apply_state(
    bench: Workbench,
    series: Sequence[Patch],
    state: str,
    fix: Optional[Callable[[], None]] = None,
) -> List[str]:
    """Brings the workbench from the source as it is to a state; returns what was there already.

    The fix is brought by patch 1, unless by something else.
    """
    if fix:
        fix()
    else:
        bring_fix(bench, series[0], state)
    there = []
    for patch in after_fix(series, state):
        if patch != series[-1] and bench.fuzz and bench.has(patch):
            there.append(patch.name)
        else:
            bench.apply(patch)
    return there
