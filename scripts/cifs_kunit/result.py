# SPDX-License-Identifier: GPL-2.0
"""The verdict: test cases from kunit.py, and what the kernel itself had to say."""

import json
import re
import sys
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple, Union

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
STATUSES = (PASSED, FAILED, SKIPPED)

TIMESTAMP = re.compile(r"^\[ *(\d+\.\d+)\](?:\[[^]]*\])? ?")
START = re.compile(r"K?TAP version \d+")
SUBTEST = re.compile(r"( *)# Subtest: (.*)")
RESULT = re.compile(r"( *)(not )?ok \d+ (?:- )?(.*?)(?: # SKIP ?(.*))?$")
PLAN = re.compile(r"1\.\.(\d+)$")
TEST_OUTPUT = re.compile(r" *(?:#|(?:not )?ok \d|1\.\.\d|K?TAP version)")
FAILURE = re.compile(r" *# .*(?:FAILED|ERROR) at |.*try faulted|.*test case timed out")
REPORT = re.compile(
    r"WARNING: |BUG: |BUG [\w-]+ \(|kernel BUG at |UBSAN: |KCSAN: |Oops|Kernel panic|ODEBUG: "
    r"|possible (?:circular|recursive) locking|inconsistent lock state"
    r"|kmemleak: \d+ new suspected|INFO: task .* blocked|INFO: trying to register non-static key"
    r"|self-detected stall|detected stalls|[Dd]entry .*still in use|Busy inodes|refcount_t: "
    r"|list_(?:add|del) corruption|general protection|Kernel mode fault"
    r"|sleeping function called"
)
# The suites that mount the client say this when they cannot go on in the same kernel.
NEW_BOOT = re.compile(r"new boot: cifs_mount\.skip=(\d+)")
MOUNT_SUITES = "cifs_mount"
# What the suites on a mount quote of the kernel's log has been seen there.
SUITES_WORD = "the kernel complains: "
PANIC = "Kernel panic - not syncing"
# As many as two tasks need to say what they wait for, and where.
REASON_LINES = 30


@dataclass
class Case:
    """Seconds are of the kernel's clock, where it says them; the line is of its log."""

    suite: str
    name: str
    status: str
    reason: Optional[str] = None
    log_line: Optional[int] = None
    seconds: Optional[float] = None

    @property
    def full_name(self) -> str:
        return full_name([self.suite, self.name])


@dataclass
class Report:
    """Something in the kernel's log that no test should cause."""

    title: str
    log_line: Optional[int] = None
    case: Optional[str] = None

    def __str__(self) -> str:
        line = f" (line {self.log_line} of the kernel's log)" if self.log_line else ""
        return f"{self.title}{line}" + (f", during {self.case}" if self.case else "")


@dataclass
class Outcome:
    cases: List[Case]
    reports: List[Report] = field(default_factory=list)
    started: bool = True

    def count(self, status: str) -> int:
        return sum(case.status == status for case in self.cases)

    @property
    def failed(self) -> int:
        return self.count(FAILED) + len(self.reports)

    @property
    def failed_names(self) -> Set[str]:
        """Cases that failed, or in which the kernel complained."""
        names = {case.full_name for case in self.cases if case.status == FAILED}
        return names | {report.case or report.title for report in self.reports}

    @property
    def nothing_matched(self) -> bool:
        """The kernel has come up, had no case to run, and complained of nothing itself."""
        complained = any(report.log_line for report in self.reports)
        return self.started and not self.cases and not complained


def closing_line(passed: int, failed: int, skipped: int = 0) -> str:
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def in_words(counts: Mapping[str, int]) -> str:
    """What there is of each status, without what there is not."""
    words = [f"{counts[status]} {status}" for status in STATUSES if counts.get(status)]
    return ", ".join(words) or "nothing"


def full_name(path: Sequence[str]) -> str:
    """suite, suite.case or suite.case/parameter"""
    return ".".join(filter(None, (path[0], "/".join(path[1:]))))


def matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name.split("/")[0], pattern)


@dataclass
class Log:
    """What a kernel log says beyond kunit.py's JSON."""

    started: bool = False
    unfinished: Optional[str] = None
    reports: List[Report] = field(default_factory=list)
    # what has ended, containers included, by full name
    ended: Dict[str, Case] = field(default_factory=dict)
    cases: List[Case] = field(default_factory=list)
    suites: int = 0
    planned: Optional[int] = None
    panicked: bool = False
    lines: int = 0
    # how many cases of the mount suites are done with, by the one that needs a new boot
    skip: Optional[int] = None

    @property
    def done(self) -> Optional[int]:
        """How many cases of the mount suites to skip in a new boot, if one is needed."""
        if self.skip is None and is_of_mount(self.unfinished or ""):
            return sum(is_of_mount(case.suite) for case in self.cases) + 1
        return self.skip

    def of_boot(self, booted: str) -> "Log":
        """The log of a boot with this suite, or with one case, which is named when it ends."""
        if self.unfinished == booted.partition(".")[0]:
            for report in self.reports:
                report.case = booted if report.case == self.unfinished else report.case
            self.unfinished = booted
        return self


def is_of_mount(name: str) -> bool:
    return name.startswith(MOUNT_SUITES)


def resumed(first: Log, done: int, later: Log) -> Log:
    """Two boots as one: the later one has skipped the mount suites' cases that were done with."""
    mount = [case for case in first.cases if is_of_mount(case.suite)][:done]
    later_mount = [case for case in later.cases if is_of_mount(case.suite)]
    for crashed in later_mount[len(mount) : done]:
        reports = [report for report in first.reports if report.case == first.unfinished]
        for report in reports:
            report.case = crashed.full_name
        line = reports[-1].log_line if reports else None
        reason = f"the kernel {'panicked' if first.panicked else 'did not go on'} in this case"
        mount.append(replace(crashed, status=FAILED, reason=reason, log_line=line))
    items: List[Union[Case, Report]] = [*later_mount[done:], *later.reports]
    for item in items:
        item.log_line = item.log_line and item.log_line + first.lines
    others = [case for case in first.cases if not is_of_mount(case.suite)]
    return replace(
        later,
        cases=[*others, *mount, *later_mount[done:]],
        reports=[*first.reports, *later.reports],
        lines=first.lines + later.lines,
    )


class LogReader:
    def __init__(self) -> None:
        self.log = Log()
        self._containers: Dict[int, str] = {}
        self._open_reports: List[Report] = []
        self._failure: List[str] = []
        self._failure_line = 0
        self._now: Optional[float] = None
        self._since: Optional[float] = None
        self._in_warning = self._counted = False

    @property
    def failed(self) -> bool:
        """Whether a case has ended that failed, or in which the kernel complained."""
        failed = any(case.status == FAILED for case in self.log.cases[-1:])
        return failed or any(report.case for report in self.log.reports)

    def line(self, number: int, text: str) -> None:
        self.log.lines = number
        stamp = TIMESTAMP.match(text)
        self._now = float(stamp[1]) if stamp else self._now
        text = TIMESTAMP.sub("", text.rstrip())
        self.log.started = self.log.started or START.match(text) is not None
        if not self.log.started:
            return
        new_boot = NEW_BOOT.search(text)
        if new_boot and self.log.skip is None:
            self.log.skip = int(new_boot[1])
        self.log.panicked = self.log.panicked or PANIC in text
        subtest, end = SUBTEST.match(text), RESULT.match(text)
        if subtest:
            self._enter(len(subtest[1]), subtest[2])
        elif end:
            status = FAILED if end[2] else PASSED
            self._end(len(end[1]), end[3], end[4], status if end[4] is None else SKIPPED, number)
        elif PLAN.match(text) and self.log.planned is None:
            self.log.planned = int(text[3:])
        elif FAILURE.match(text) or self._failure:
            self._failure_line = self._failure_line or number
            self._failure.append(text.strip())
        if not text.lstrip().startswith(("#", SUITES_WORD)) and not end:
            self._look_for_report(number, text)

    def _enter(self, indent: int, name: str) -> None:
        self._containers = {i: n for i, n in self._containers.items() if i < indent}
        self._containers[indent] = name
        self._since = self._now

    def _end(
        self, indent: int, name: str, skip: Optional[str], status: str, number: int
    ) -> None:
        is_case = not any(i > indent for i in self._containers)
        self.log.suites += indent == 0
        self._containers = {i: n for i, n in self._containers.items() if i <= indent}
        path = [n for _, n in sorted(self._containers.items())] + [name]
        for report in self._open_reports:
            report.case = full_name(path)
        reason = skip or "\n".join(self._failure[:REASON_LINES]) or None
        line, seconds = self._failure_line or number, self._passed()
        case = Case(path[0], "/".join(path[1:]), status, reason, line, seconds)
        self.log.ended[case.full_name] = case
        if is_case:
            self.log.cases.append(case)
        elif status == SKIPPED:
            self._skip_parameters(case)
        self._failure_line = 0
        self._open_reports, self._failure = [], []
        self._in_warning = False

    def _skip_parameters(self, of: Case) -> None:
        """KUnit of 6.1 says 'ok' of each, and of the case only that none has run."""
        for case in self.log.cases:
            if case.status == PASSED and case.full_name.startswith(f"{of.full_name}/"):
                case.status, case.reason = SKIPPED, of.reason

    def _passed(self) -> Optional[float]:
        """The time since the last case ended, or its suite began."""
        since, self._since = self._since, self._now
        return None if since is None or self._now is None else round(self._now - since, 6)

    def close(self) -> Log:
        """What the kernel was at when its log ended, as far as it has said."""
        if self._containers:
            self.log.unfinished = full_name([n for _, n in sorted(self._containers.items())])
            for report in self._open_reports:
                report.case = self.log.unfinished
        return self.log

    def _look_for_report(self, number: int, text: str) -> None:
        """One WARN() is several lines, between its two markers."""
        if "[ cut here ]" in text or "[ end trace" in text:
            self._in_warning, self._counted = "[ cut here ]" in text, False
        elif REPORT.search(text) and not (self._in_warning and self._counted):
            report = Report(text.strip(), number)
            self.log.reports.append(report)
            self._open_reports.append(report)
            self._counted = True


def read_log(lines: Iterable[str]) -> Log:
    reader = LogReader()
    for number, text in enumerate(lines, 1):
        reader.line(number, text)
    return reader.close()


def read_cases(group: Dict[str, Any], path: Tuple[str, ...] = ()) -> List[Case]:
    """Cases of kunit.py's JSON; as kunit.py counts them, a parameter is a case."""
    cases = []
    for item in group["test_cases"]:
        names = (*path, item["name"])
        status = {"PASS": PASSED, "SKIP": SKIPPED}.get(item["status"], FAILED)
        cases.append(Case(names[0], "/".join(names[1:]), status))
    for item in group["sub_groups"]:
        cases += read_cases(item, (*path, item["name"]))
    return cases


def as_logged(case: Case, logged: Optional[Case]) -> Case:
    """The status is kunit.py's word, but that what has passed may have been skipped."""
    if logged is None:
        return case
    skipped = (case.status, logged.status) == (PASSED, SKIPPED)
    return replace(logged, status=SKIPPED if skipped else case.status)


def read_file(log_file: Path) -> Log:
    if not log_file.is_file():
        return Log()
    return read_log(log_file.read_text(errors="backslashreplace").splitlines())


def gather(json_file: Path, log_file: Path, output: Sequence[str], status: int) -> Outcome:
    log = read_file(log_file)
    cases = read_cases(json.loads(json_file.read_text())) if json_file.is_file() else []
    cases = [as_logged(case, log.ended.get(case.full_name)) for case in cases]
    cases.sort(key=lambda case: case.log_line or sys.maxsize)  # kunit.py has parameters last
    outcome = Outcome(cases, log.reports, log.started)
    for text in incomplete(outcome, output, status):
        outcome.reports.append(Report(text, case=log.unfinished))
    return outcome


def gather_log(log_file: Path) -> Outcome:
    """The same without a word of kunit.py, which if old knows no parameters."""
    return outcome_of(read_file(log_file))


def outcome_of(log: Log) -> Outcome:
    """What a whole log says, or one that ends too soon."""
    outcome = Outcome(log.cases, [*log.reports], log.started)
    if log.unfinished or log.planned != log.suites:
        text = f"the test output is incomplete: {log.suites} of {log.planned} suites"
        outcome.reports.append(Report(text, case=log.unfinished))
    return outcome


def incomplete(outcome: Outcome, output: Iterable[str], status: int) -> List[str]:
    """Why kunit.py's word and these results are not the same, if they are not."""
    total: Optional[int] = None
    for line in output:
        timeout = re.search(r" timed out after .* seconds$", line)
        if timeout:
            return [f"the kernel did not end: it{timeout[0]}"]
        summary = re.search(r"Testing complete\. Ran (\d+) tests: ?(.*)", line)
        if summary:
            total = int(summary[1])
            if "errors:" in summary[2]:
                return [f"the test output is incomplete: {summary[2]}"]
    if total is None:
        return [f"kunit.py gives no result, and ends with status {status}"]
    if total != len(outcome.cases):
        return [f"kunit.py ran {total} cases and names {len(outcome.cases)}"]
    if status and not outcome.failed:
        return [f"kunit.py ends with status {status}"]
    return []
