# SPDX-License-Identifier: GPL-2.0
"""What a kernel log says of locks: lockdep's graph and report, and the table of stuck tasks."""

import re
from dataclasses import dataclass, field
from typing import Iterable, List, Optional, Sequence, Tuple

from result import RESULT, TIMESTAMP

ELEVEN = "eleven_tasks_of_the_report"

DEPENDENCY = re.compile(r" *cifs_lockdep: (\S.*/\d+) -> (\S.*/\d+)$")
DUMP_FRAME = re.compile(r" *cifs_lockdep:  +(\S+)$")
TOTALS = re.compile(r" *cifs_lockdep: (\d+) classes, (\d+) lines$")

REPORT = re.compile(r"WARNING: .*(?:lock|dependency)")
LINK = re.compile(r"-> #\d+ \((.+)\)\{[^}]*\}-\{[^}]*\}:$")
LINK_FRAME = re.compile(r" {4,}(\S+\+0x[0-9a-f]+/0x[0-9a-f]+)$")
ANY_FRAME = re.compile(r"[^\s(]+\+0x[0-9a-f]+/0x[0-9a-f]+")
KTAP = re.compile(r" *(?:# |KTAP version )")

TASK = re.compile(rf" *# {ELEVEN}: (\S.*?) +(?:holds (.*); waits for (.*), in:|finished)$")
TASK_FRAME = re.compile(rf" *# {ELEVEN}:  +(\S+)$")


@dataclass(frozen=True)
class Dependency:
    """'after' was taken while 'before' was held; frames innermost first."""

    before: str
    after: str
    frames: Tuple[str, ...]


@dataclass
class Task:
    """A task of the report; one that waits for nothing has finished."""

    name: str
    holds: str
    waits_for: Optional[str]
    frames: List[str] = field(default_factory=list)


@dataclass
class LockLog:
    dependencies: List[Dependency] = field(default_factory=list)
    classes: int = 0
    # Whether the dependencies have as many lines as the kernel says that it has printed.
    whole: bool = False
    report: List[str] = field(default_factory=list)
    cycle: List[Dependency] = field(default_factory=list)
    tasks: List[Task] = field(default_factory=list)

    def report_frames(self) -> List[str]:
        """Those of the report, once each, but for what the kernel itself doubts."""
        lines = (line for line in self.report if " ? " not in line)
        return list(dict.fromkeys(f for line in lines for f in ANY_FRAME.findall(line)))

    def frames(self) -> List[str]:
        """Every frame there is a need to decode."""
        traces: List[Sequence[str]] = [link.frames for link in self.dependencies + self.cycle]
        traces += [task.frames for task in self.tasks]
        traces += [ANY_FRAME.findall(line) for line in self.report]
        return [frame for trace in traces for frame in trace]


def class_of(name: str) -> str:
    """A class by one name, in the dump and in a report: subclass 0 and the version go."""
    found = re.fullmatch(r"(.+?)(?:#\d+)?(?:/(\d+))?", name)
    assert found
    return found[1] + (f"/{found[2]}" if found[2] not in (None, "0") else "")


def read_dump(lines: Iterable[str]) -> Tuple[List[Dependency], int, bool]:
    """The dependencies that the suite has printed, how many classes it has met; is it whole?"""
    found: List[Tuple[str, str, List[str]]] = []
    classes, whole = 0, False
    for line in lines:
        dependency, frame = DEPENDENCY.match(line), DUMP_FRAME.match(line)
        if dependency:
            found.append((class_of(dependency[1]), class_of(dependency[2]), []))
        elif frame and found:
            found[-1][2].append(frame[1])
        if total := TOTALS.match(line):
            classes = int(total[1])
            whole = int(total[2]) == sum(1 + len(trace) for _, _, trace in found)
    dependencies = [Dependency(before, after, tuple(trace)) for before, after, trace in found]
    return dependencies, classes, whole


def read_report(lines: Sequence[str]) -> List[str]:
    """The lines of lockdep's report: after the first one it says no more."""
    start = next((i for i, line in enumerate(lines) if REPORT.match(line)), len(lines))
    report: List[str] = []
    for line in lines[start:]:
        if KTAP.match(line) or RESULT.match(line):
            break
        report.append(line)
    return report


def read_cycle(report: Iterable[str]) -> List[Dependency]:
    """The chain of a report, each lock after the one before it, the last one closing it.

    Lockdep prints it in reverse. The frames of a lock are where it was taken under the lock
    before it; those of #0 where it was to be taken under the last one.
    """
    chain: List[Tuple[str, List[str]]] = []
    for line in report:
        link, frame = LINK.match(line), LINK_FRAME.match(line)
        if link:
            chain.append((class_of(link[1]), []))
        elif frame and chain:
            chain[-1][1].append(frame[1])
        elif line.startswith("other info"):
            break
    chain.reverse()
    names = [name for name, _ in chain]
    pairs = list(zip(names[-1:] + names[:-1], chain))
    links = [Dependency(before, name, tuple(trace)) for before, (name, trace) in pairs]
    return links[1:] + links[:1]


def read_tasks(lines: Iterable[str]) -> List[Task]:
    tasks: List[Task] = []
    for line in lines:
        task, frame = TASK.match(line), TASK_FRAME.match(line)
        if task:
            tasks.append(Task(task[1], task[2] or "", task[3]))
        elif frame and tasks:
            tasks[-1].frames.append(frame[1])
    return tasks


def read_log(text: str) -> LockLog:
    lines = [TIMESTAMP.sub("", line.rstrip()) for line in text.splitlines()]
    dependencies, classes, whole = read_dump(lines)
    report = read_report(lines)
    cycle, tasks = read_cycle(report), read_tasks(lines)
    return LockLog(dependencies, classes, whole, report, cycle, tasks)
