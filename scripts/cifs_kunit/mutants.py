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
from mutation import Mutant, mutants_of
from run import prepare
from tree import Tree, packaged_source

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


def try_all(tree: Tree, chosen: List[Mutant], reasons: Dict[str, str]) -> List[Tuple[str, Verdict]]:
    jobs = [
        Job(each.name, {each.path: each.new.encode(errors="surrogateescape")}, hasty=True)
        for each in chosen
    ]
    verdicts = []
    for number, trial in trials(tree, jobs, ["*"]):
        if number is None:
            failed = trial.outcome.failed_names if trial.outcome else set()
            if trial.error or failed:
                raise Trouble(f"the tree fails with no mutant in it: {trial.error or failed}")
            continue
        verdict = judge(trial, reasons.get(chosen[number].name))
        verdicts.append((chosen[number].name, verdict))
        how = f": {verdict.how}" if verdict.how else ""
        say(f"{len(verdicts)}/{len(jobs)} {chosen[number].name} {verdict.kind}{how}")
    if len(verdicts) < len(jobs):
        raise Trouble(f"{len(jobs) - len(verdicts)} mutants were not tried: a process was killed")
    return verdicts


def complaints(
    verdicts: List[Tuple[str, Verdict]], reasons: Dict[str, str], known: Set[str]
) -> List[str]:
    """What is wrong with the suites, or with the list of those that are equivalent."""
    wrong = [f"{name}: survived" for name, verdict in verdicts if verdict.kind == SURVIVED]
    wrong += [
        f"{name}: listed as equivalent, but {verdict.kind} {verdict.how}"
        for name, verdict in verdicts
        if name in reasons and verdict.by != "reason"
    ]
    unknown = [name for name in reasons if name not in known]
    return wrong + [f"{name}: listed as equivalent, but there is no such one" for name in unknown]


def summary(verdicts: List[Tuple[str, Verdict]], seconds: float) -> str:
    def count(kind: str, by: str = "") -> int:
        return sum(v.kind == kind and by in ("", v.by) for _, v in verdicts)

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
        verdicts = try_all(tree, chosen, reasons)
    wrong = complaints(verdicts, reasons, {each.name for each in every})
    for line in wrong:
        say(f"not ok: {line}")
    say(summary(verdicts, time.monotonic() - start))
    skipped = sum(verdict.kind == REFUSED for _, verdict in verdicts)
    say(result.closing_line(len(verdicts) - skipped - len(wrong), len(wrong), skipped))
    return 1 if wrong else 0
