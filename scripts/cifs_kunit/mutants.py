# SPDX-License-Identifier: GPL-2.0
"""The mutants command: does a case notice each change that can be made mechanically?"""

import argparse
import re
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

import kernel
import packages
import result
from bed import Job, Trial, trials
from console import USAGE, Trouble, say
from fitting import Fit
from layout import BUILD_VARIABLE, PATCHES, build_dir, lock, package_of, shown
from mutation import CHOICE_VARIABLE, Mutant, mutants_of, with_all
from run import prepare
from tree import Tree, packaged_source

# Enough to see that a tree is as it was.
CONTROL = ["cifs_put", "cifs_mount_close"]
# cifs_init takes as long as all others, and is the first to notice what is wrong with init.
SUITES = ("cifs_[!i]*", "cifs_init")
OF_INIT = ("init_cifs", "exit_cifs")
NONE = "no mutant"
NO_CHOICE = (f"{CHOICE_VARIABLE}=0",)
KILLED, SURVIVED, EQUIVALENT, REFUSED = "killed", "survived", "equivalent", "does not compile"


def read_equivalent(file: Path) -> Dict[str, str]:
    """Names, and why nothing can tell them from the original: 'NAME # reason'."""
    text = file.read_text() if file.is_file() else ""
    entries = [line.partition("#") for line in text.splitlines() if line.partition("#")[0].strip()]
    silent = [name.strip() for name, _, reason in entries if not reason.strip()]
    if silent:
        raise Trouble(f"{shown(file)}: no reason given for {silent[0]}", USAGE)
    return {name.strip(): reason.strip() for name, _, reason in entries}


class Verdict(NamedTuple):
    kind: str
    how: str = ""
    # what killed it: a case, the kernel's complaint, or time
    by: str = ""


def judge(trial: Trial, reason: Optional[str]) -> Verdict:
    if trial.error:
        return Verdict(REFUSED, trial.error)
    if trial.same:
        return Verdict(EQUIVALENT, "the compiler makes the same code of it")
    outcome = trial.outcome
    assert outcome
    failed = [case for case in outcome.cases if case.status == result.FAILED]
    if failed:
        names = [result.full_name([case.suite, case.name]) for case in failed]
        return Verdict(KILLED, f"by {names[0]}", "case")
    if trial.timed_out:
        return Verdict(KILLED, "by time-out", "time-out")
    if outcome.reports:
        report = outcome.reports[0]
        return Verdict(KILLED, f"by the kernel's complaint: {report}", "complaint")
    return Verdict(EQUIVALENT, reason, "reason") if reason else Verdict(SURVIVED)


def part(text: str) -> Tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"'{text}' is no part: say 1/4 for the first of four")
    return int(found[1]), int(found[2])


def select(args: argparse.Namespace, mutants: List[Mutant]) -> List[Mutant]:
    for pattern in args.filters:
        if not any(result.matches(each.name, pattern) for each in mutants):
            raise Trouble(f"no mutant matches '{pattern}'", USAGE)
    patterns = args.filters or ["*"]
    chosen = [m for m in mutants if any(result.matches(m.name, each) for each in patterns)]
    number, of = args.part
    return chosen[number - 1 :: of]


def _data(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def suites_for(mutant: Mutant) -> Tuple[str, ...]:
    """The ones that notice first come first."""
    return SUITES[::-1] if mutant.name.split(":")[1] in OF_INIT else SUITES


def one_kernel(every: List[Mutant]) -> Dict[str, bytes]:
    """The files of a kernel that has all mutants in it, and is told which one to be."""
    contents = {}
    for path in {each.path for each in every}:
        numbered = [
            (number, each) for number, each in enumerate(every, 1)
            if each.path == path and each.can_be_chosen
        ]  # fmt: skip
        old = numbered[0][1].old
        define = Path(path).name == "cifsfs.c"
        contents[path] = _data(with_all(old, [(n, m.mutation) for n, m in numbered], define))
    return contents


def try_jobs(
    tree: Tree, jobs: List[Job], reasons: Dict[str, str], again: str = ""
) -> Dict[str, Verdict]:
    """Says what came of each as it ends; 'again' is said of those that survive."""
    verdicts: Dict[str, Verdict] = {}
    for number, trial in trials(tree, jobs, CONTROL):
        if number is None:
            failed = trial.outcome.failed_names if trial.outcome else set()
            if trial.error or failed:
                raise Trouble(f"the tree fails with no mutant in it: {trial.error or failed}")
            continue
        name = jobs[number].name
        verdict = verdicts[name] = judge(trial, reasons.get(name))
        how = verdict.how or (again if verdict.kind == SURVIVED else "")
        say(f"{len(verdicts)}/{len(jobs)} {name} {verdict.kind}{': ' if how else ''}{how}")
    if len(verdicts) < len(jobs):
        raise Trouble(f"{len(jobs) - len(verdicts)} mutants were not tried: a process was killed")
    return verdicts


def try_all(
    tree: Tree, chosen: List[Mutant], every: List[Mutant], reasons: Dict[str, str]
) -> Dict[str, Verdict]:
    """All in one kernel; then each that survives, or does not go there, in one of its own."""
    contents = one_kernel(every)
    jobs = [
        Job(each.name, contents, suites_for(each), (f"{CHOICE_VARIABLE}={number}",), hasty=True)
        for number, each in enumerate(every, 1)
        if each in chosen and each.can_be_chosen
    ]
    jobs = [Job(NONE, contents, args=NO_CHOICE), *jobs]
    verdicts = try_jobs(tree, jobs, reasons, "to be tried by itself")
    none = verdicts.pop(NONE)
    if none.kind != SURVIVED:
        raise Trouble(f"the kernel with all mutants fails when it is none of them: {none.how}")
    alone = [
        Job(each.name, {each.path: _data(each.new)}, suites_for(each), hasty=True)
        for each in chosen
        if each.name not in verdicts or verdicts[each.name].kind == SURVIVED
    ]
    return {**verdicts, **try_jobs(tree, alone, reasons)}


def complaints(
    verdicts: Dict[str, Verdict], reasons: Dict[str, str], known: Set[str]
) -> List[str]:
    """What is wrong with the suites, or with the list of those that are equivalent."""
    wrong = [f"{name}: survived" for name, verdict in verdicts.items() if verdict.kind == SURVIVED]
    wrong += [
        f"{name}: listed as equivalent, but {verdict.kind} {verdict.how}"
        for name, verdict in verdicts.items()
        if name in reasons and verdict.by != "reason"
    ]
    unknown = [name for name in reasons if name not in known]
    return wrong + [f"{name}: listed as equivalent, but there is no such one" for name in unknown]


def summary(verdicts: Dict[str, Verdict], seconds: float) -> str:
    def count(kind: str, by: str = "") -> int:
        return sum(each.kind == kind and by in ("", each.by) for each in verdicts.values())

    return (
        f"{len(verdicts)} mutants in {seconds:.0f} s: {count(KILLED)} killed "
        f"({count(KILLED, 'case')} by a case, {count(KILLED, 'complaint')} by the kernel's "
        f"complaint, {count(KILLED, 'time-out')} by time-out), {count(SURVIVED)} survived, "
        f"{count(EQUIVALENT)} equivalent ({count(EQUIVALENT, 'reason')} explained, the rest the "
        f"same code), {count(REFUSED)} do not compile"
    )


def mutants(args: argparse.Namespace) -> int:
    package_of(args.kernel)
    packages.require(packages.BUILD_PACKAGES)
    tree = Tree(build_dir() / args.kernel / "fixed", packaged_source(args.kernel))
    fit = Fit(args.kernel)
    every = list(mutants_of(tree, fit))
    chosen = select(args, every)
    if args.list:
        for each in chosen:
            say(each.name)
        return 0
    reasons = read_equivalent(PATCHES / args.kernel / "mutants.equivalent")
    start = time.monotonic()
    busy = f"another run is using {shown(tree.path)}: wait for it, or set {BUILD_VARIABLE}"
    with lock(tree.lock_path, busy):
        prepare(tree, fit, "fixed")
        kernel.build(tree)
        verdicts = try_all(tree, chosen, every, reasons)
    wrong = complaints(verdicts, reasons, {each.name for each in every})
    for line in wrong:
        say(f"not ok: {line}")
    say(summary(verdicts, time.monotonic() - start))
    skipped = sum(verdict.kind == REFUSED for verdict in verdicts.values())
    say(result.closing_line(len(verdicts) - skipped - len(wrong), len(wrong), skipped))
    return 1 if wrong else 0
