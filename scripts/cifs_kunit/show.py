# SPDX-License-Identifier: GPL-2.0
"""What a run shows: a line for each suite; of what failed, why, where, and what to run next."""

import argparse
import re
import shlex
import shutil
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Tuple

import picture
import result
import symbols
from console import GREEN, RED, YELLOW, painted, say
from layout import DEFAULT_LINE, LAB, REPO, TESTS, shown
from lockgraph import ANY_FRAME, KTAP
from result import FAILED, PASSED, SKIPPED, Case, Outcome
from tree import Tree

COLOURS = {PASSED: GREEN, FAILED: RED, SKIPPED: YELLOW}
# kunit.py's words; it wants to mend a terminal, which it is not given.
NOISE = "stty: "
CLOCK = re.compile(r"\[\d\d:\d\d:\d\d\] ?")
VERDICT = re.compile(r"(=+ )?\[(PASSED|FAILED|CRASHED|SKIPPED|NO TESTS RUN)\] (.*?)( =+)?")
HEADER = re.compile(r"=+ .* =+")
STATUSES = {"PASSED": PASSED, "SKIPPED": SKIPPED}
# The parts of a failure's reason: what KUnit puts before a line, a place, a frame of a stack
PREFIX = re.compile(r"# \S+?: ?")
PLACE = re.compile(r"([\w./-]+\.[ch]):(\d+)")
FRAME = re.compile(r" *(\w[\w.]*(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?)")
COLUMN = 34


class Screen:
    """Shows the progress of a run: all that is said of it, or a line for each suite."""

    def __init__(self, verbose: bool) -> None:
        self.verbose = verbose
        self._depth = 0
        self._counts: "Counter[str]" = Counter()
        self._log = result.LogReader()
        self._number = 0

    def kunit_line(self, line: str) -> None:
        """A line of kunit.py's output."""
        text, stamped = CLOCK.subn("", line, count=1)
        verdict = VERDICT.fullmatch(text)
        if self.verbose and not line.startswith(NOISE):
            colour = COLOURS[STATUSES.get(verdict[2], FAILED)] if verdict else ""
            say(painted(colour, line) if colour else line)
        elif text.startswith("[ERROR]") or not (stamped or line.startswith(NOISE) or not line):
            say(f"    {text}")
        if verdict and verdict[1]:
            self._depth -= 1
            self._suite_ends(verdict[3]) if self._depth == 0 else None
        elif verdict:
            self._counts[STATUSES.get(verdict[2], FAILED)] += 1
        else:
            self._depth += HEADER.fullmatch(text) is not None

    def kernel_line(self, line: str) -> None:
        """A line of the kernel's, where no kunit.py reads it."""
        text = result.TIMESTAMP.sub("", line)
        if self.verbose and result.TEST_OUTPUT.match(text):
            say(text)
        suites, self._number = self._log.log.suites, self._number + 1
        self._log.line(self._number, line)
        if self._log.log.suites > suites:
            self._counts.update(case.status for case in self._log.log.cases)
            self._suite_ends(next(reversed(self._log.log.ended)))
            self._log.log.cases.clear()

    def _suite_ends(self, name: str) -> None:
        if not self.verbose:
            worst = next((s for s in (FAILED, PASSED, SKIPPED) if self._counts[s]), FAILED)
            say(f"    {name}: {painted(COLOURS[worst], result.in_words(self._counts))}")
        self._counts.clear()


def place(tree: Tree, file: str, line: str) -> str:
    """A place in the tree, by a path that opens from here; the suites' are in the project."""
    path = tree.path / file
    for directory in (TESTS, LAB):
        if Path(file).parent == Path(tree.client, directory.name):
            path = directory / path.name if (directory / path.name).is_file() else path
    return f"{shown(path)}:{line}" if path.is_file() else f"{file}:{line}"


class Finder:
    """Finds frames of the client in its source, with the debug info of the kernel."""

    def __init__(self, tree: Tree, frames: Iterable[str]) -> None:
        vmlinux = tree.kunit_dir / "vmlinux"
        self._tree = tree
        self._places: symbols.Places = {}
        if vmlinux.is_file() and shutil.which("addr2line"):
            self._places = symbols.decode(frames, vmlinux, tree.path)

    def first(self, frames: Iterable[str]) -> Optional[str]:
        """The innermost one in the client, and its place."""
        found = picture.call_site(frames, self._places, self._tree.client)
        return f"{found.function}() {self._shown(found)}" if found else None

    def of(self, frame: str) -> Optional[str]:
        found = picture.call_site([frame], self._places, self._tree.client)
        return self._shown(found) if found else None

    def _shown(self, found: symbols.Place) -> str:
        return place(self._tree, found.file, str(found.line))


def frames_after(log: List[str], start: Optional[int]) -> List[str]:
    """Of a report of the kernel, as far as the kernel does not doubt them."""
    frames: List[str] = []
    for line in log[start - 1 :] if start else ():
        text = result.TIMESTAMP.sub("", line)
        if KTAP.match(text) or result.RESULT.match(text):
            break
        frames += ANY_FRAME.findall(text) if " ? " not in text else []
    return frames


def command(args: argparse.Namespace, pattern: str) -> str:
    """What runs this again."""
    words = [shown(REPO / "scripts/cifs-kunit"), "run"]
    words += ["--tree", args.tree] if args.tree else []
    words += ["--kernel", args.kernel] if not args.tree and args.kernel != DEFAULT_LINE else []
    words += ["--state", args.state] if args.state != "fixed" else []
    words += ["--arch", args.arch] if args.arch != "um" else []
    words += ["--smp", str(args.smp)] if args.smp > 1 else []
    words += [{"kasan": "--sanitize", "kcsan": "--kcsan"}[args.sanitize]] if args.sanitize else []
    words += ["--mutant", args.mutant] if args.mutant else []
    return shlex.join([*words, pattern])


def plain_reason(case: Case) -> List[str]:
    """Without what KUnit puts before each line, which names the case."""
    lines = (case.reason or "it gives no reason").splitlines()
    return list(filter(None, (PREFIX.sub("", line, count=1).rstrip() for line in lines)))


def reason_lines(case: Case, tree: Tree, finder: Finder) -> List[str]:
    lines = []
    for text in plain_reason(case):
        frame = FRAME.fullmatch(text)
        where = finder.of(frame[1]) if frame else None
        text = PLACE.sub(lambda found: place(tree, found[1], found[2]), text)
        lines.append(f"{text:{COLUMN}} {where}" if where else text)
    return lines


def groups(failed: List[Case]) -> List[List[Case]]:
    """Those of a suite that fail for one reason, together."""
    alike: Dict[Tuple[str, ...], List[Case]] = {}
    for case in failed:
        alike.setdefault((case.suite, *plain_reason(case)), []).append(case)
    return list(alike.values())


def _block(title: str, lines: List[str]) -> None:
    say("")
    say(f"{painted(RED, 'FAILED')} {title}")
    for line in lines:
        say(f"    {line}".rstrip())


def failures(outcome: Outcome, tree: Tree, log: Path, args: argparse.Namespace) -> None:
    """Each failed case and each report of the kernel, with all there is to go on."""
    # kunit.py has cases without a name for those that never came: a report tells of them
    failed = [case for case in outcome.cases if case.status == FAILED and case.name]
    if not failed and not outcome.reports:
        return
    text = log.read_text(errors="backslashreplace").splitlines() if log.is_file() else []
    traces = {id(report): frames_after(text, report.log_line) for report in outcome.reports}
    found = (FRAME.fullmatch(line) for case in failed for line in plain_reason(case))
    frames = {frame[1] for frame in found if frame}
    finder = Finder(tree, sorted(frames.union(*traces.values())))

    def next_steps(pattern: str, line: Optional[int]) -> List[str]:
        steps = [f"log:   {shown(log)}" + (f":{line}" if line else "")] if text else []
        again = pattern not in ("", args.filter)
        return steps + ([f"again: {command(args, pattern)}"] if again else [])

    for alike in groups(failed):
        lines = reason_lines(alike[0], tree, finder)
        names = {case.full_name.split("/")[0] for case in alike}
        pattern = names.pop() if len(names) == 1 else f"{alike[0].suite}.*"
        more = [f"       {case.full_name}" for case in alike[1:]]
        title = "\n".join([alike[0].full_name, *more])
        _block(title, lines + next_steps(pattern, alike[0].log_line))
    for report in outcome.reports:
        where = finder.first(traces[id(report)])
        lines = [report.title, *([f"in {where}"] if where else [])]
        title = f"kernel log, during {report.case}" if report.case else "kernel log"
        _block(title, lines + next_steps((report.case or "").split("/")[0], report.log_line))
    say("")


def verdict(outcome: Outcome) -> None:
    passed, skipped = outcome.count(PASSED), outcome.count(SKIPPED)
    line = result.closing_line(passed, outcome.failed, skipped)
    good = outcome.cases and not outcome.failed
    say(painted(GREEN if good else RED, line))
