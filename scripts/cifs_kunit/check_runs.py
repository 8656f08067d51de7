# SPDX-License-Identifier: GPL-2.0
"""Tests that build kernels and run the suites, on good trees and on broken ones."""

import fcntl
import json
import re
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Set, Tuple

import check_docs
import cover
import kernel
import lockgraph
import machine
import process
import report
import target
from bed import Job, Trial, mutated, trials
from check_base import Bench, ToolRun, expect, tool
from console import USAGE, say
from fitting import Fit
from layout import DEFAULT_LINE, MUTANTS, STATES, available_lines, lock, shown
from result import Case, Outcome, Report, matches
from series import expected_failures, must_fail, possible_failures, read_patch
from tree import Tree, lay, patched

# A short soak; the command does a long one.
BOOTS = 6
# Python has it from 3.10 on.
F_SETPIPE_SZ = 1031


def run_suites(bench: Bench, *args: str, show: bool = True) -> Tuple[ToolRun, Outcome]:
    file = bench.directory / "result.json"
    bench.directory.mkdir(parents=True, exist_ok=True)
    if file.exists():
        file.unlink()
    outcome = tool("run", "--kernel", bench.line, "--json", str(file), *args, show=show)
    expect(outcome.status in (0, 1), f"exit status {outcome.status}: {outcome.last}")
    document: Dict[str, Any] = json.loads(file.read_text())
    cases = [Case(**case) for case in document["cases"]]
    return outcome, Outcome(cases, [Report(**report) for report in document["reports"]])


def compare(failed: Set[str], expected: List[str], possible: Sequence[str] = ()) -> None:
    """The expected cases, which may be patterns, must have failed, and no others but possible."""
    missing = [p for p in expected if not any(matches(name, p) for name in failed)]
    known = [*expected, *possible]
    surplus = [name for name in sorted(failed) if not any(matches(name, p) for p in known)]
    expect(not missing, f"does not fail: {', '.join(missing)}")
    expect(not surplus, f"fails, which is not expected: {', '.join(surplus)}")


def state_run(bench: Bench, state: str) -> None:
    expected = expected_failures(bench.line, state)
    run, outcome = run_suites(bench, "--state", state)
    expect(bool(outcome.cases), "no case has run")
    compare(outcome.failed_names, expected, possible_failures(bench.line, state))
    expect(run.status == (1 if expected else 0), f"exit status {run.status}")


def on_two_processors(bench: Bench) -> None:
    """Tasks that really meet, where UML has SMP; elsewhere it takes another architecture."""
    if "SMP" not in target.known_options(bench.source, target.UM):
        run = tool("run", "--kernel", bench.line, "--smp", "2")
        run.expect(USAGE, f"line {bench.line} has no SMP on um: use --arch x86_64")
        return
    run, outcome = run_suites(bench, "--smp", "2", "cifs_put_race")
    expect(bool(outcome.cases), "no case has run")
    compare(outcome.failed_names, [])
    expect(run.status == 0, f"exit status {run.status}: {run.last}")


def slow_reader(bench: Bench) -> None:
    """A kernel waits for whoever reads late."""
    tree = bench.tree("fixed")
    args = [*machine.kernel_args(tree.target), "kunit.filter_glob=cifs_lock_order*", report.DUMP]
    boot = ["timeout", "--kill-after=5", "300", *machine.command(tree, args)]
    with process.group(boot) as booted:
        assert booted.stdout
        fcntl.fcntl(booted.stdout, F_SETPIPE_SZ, 4096)
        time.sleep(5)
        log = lockgraph.read_log(booted.stdout.read())
    expect(log.whole, f"lines are lost: {len(log.dependencies)} dependencies are left")


def no_match(bench: Bench) -> None:
    """Nothing has changed since the last run: nothing may be built."""
    run = tool("run", "--kernel", bench.line, "nosuchsuite*", show=True)
    run.expect(USAGE, "no test matches 'nosuchsuite*'")
    expect(any("0 objects compiled" in line for line in run.output), "something is rebuilt")


def plain(bench: Bench) -> None:
    """As the cover letter has it: time does not travel, and kunit.py ends what takes 300 s.

    That git am makes the same tree of the mails is a test of the series command.
    """
    tree = bench.tree("fixed")
    with lock(tree.lock_path, f"another run is using {shown(tree.path)}"):
        lay(tree, patched(tree, Fit(bench.line), "fixed", lab=False))
        status, output = kernel.shell(tree, cover.commands(tree))
    summary = [line for line in output if "Testing complete." in line or "Elapsed time: " in line]
    say(f"    {' '.join(summary)}")
    expect(status == 0, f"exit status {status}: {' '.join(summary) or output[-1:]}")


def filters(names: Sequence[str]) -> Tuple[str, ...]:
    """What to boot with for these cases: each alone, with all of its parameters."""
    return tuple(sorted({name.partition("/")[0] for name in names}))


class MutantRuns:
    """Has the mutants tried, and hands on what came of each.

    The beds go on with the next ones meanwhile: no test that runs a command may come between.
    """

    def __init__(self, patches: Sequence[Path]) -> None:
        self._named = {patch: must_fail(patch) for patch in patches}
        self._ended: Optional[Iterator[Tuple[Optional[int], Trial]]] = None
        self._trials: Dict[Path, Trial] = {}
        self._controls: List[Trial] = []

    def _all(self, tree: Tree) -> Iterator[Tuple[Optional[int], Trial]]:
        jobs = []
        for patch, names in self._named.items():
            jobs.append(Job(patch.stem, mutated(tree, read_patch(patch)), filters(names)))
        control = sorted({part.split(".")[0] for job in jobs for part in job.suites})
        with lock(tree.lock_path, f"another run is using {shown(tree.path)}"):
            yield from trials(tree, jobs, control)

    def _next(self, bench: Bench) -> bool:
        """Waits for one more trial to end; whether there was one."""
        if self._ended is None:
            self._ended = self._all(bench.tree("fixed"))
        ended = next(self._ended, None)
        if ended is None:
            return False
        number, trial = ended
        if number is None:
            self._controls.append(trial)
        else:
            self._trials[list(self._named)[number]] = trial
        return True

    def mutant(self, bench: Bench, patch: Path) -> None:
        """Every case that the mutant names must fail; others may fail with it."""
        names = self._named[patch]
        expect(bool(names), "it has no 'Fails: suite.case' line")
        while patch not in self._trials:
            expect(self._next(bench), "it has not been tried")
        trial = self._trials[patch]
        expect(not trial.error, f"it cannot be built: {trial.error}")
        expect(not trial.same, "it changes nothing in what is compiled")
        failed = trial.outcome.failed_names if trial.outcome else set()
        missing = [name for name in names if not any(matches(each, name) for each in failed)]
        others = ", ".join(sorted(failed)) or "none"
        expect(not missing, f"{', '.join(missing)} should fail; failed: {others}")

    def control(self, bench: Bench) -> None:
        """With no mutant left in them, the beds pass."""
        while self._next(bench):
            pass
        expect(bool(self._controls), "none of the beds has come to its end")
        for trial in self._controls:
            expect(not trial.error, trial.error)
            failed = trial.outcome.failed_names if trial.outcome else {"everything"}
            expect(not failed, f"fails without a mutant: {', '.join(sorted(failed))}")


def made_mechanically(bench: Bench) -> None:
    """Every twentieth: all of them are for the command itself."""
    run = tool("mutants", "--kernel", bench.line, "--part", "10/20", show=True)
    expect(run.status == 0, f"exit status {run.status}: {run.last}")


def report_page(bench: Bench) -> None:
    """The page has the cycle without the fix, and none with it."""
    directory = bench.directory / "report"
    run = tool("report", "--kernel", bench.line, "-o", str(directory))
    expect(run.status == 0, f"exit status {run.status}: {run.last}")
    html = (directory / "report.html").read_text()
    expect("finds the cycle" in html, "the page has no cycle without the fix")
    expect("finds no cycle" in html, "the page has a cycle with the fix")
    expect("11 of 11 tasks" in html, "the page has not the report's eleven tasks")
    expect("<script" not in html and "src=" not in html, "the page is not one file")


def bench_measures(bench: Bench) -> None:
    """Whatever the times are, each is compared."""
    run = tool("bench", "--kernel", bench.line, "--pairs", "1")
    run.expect(0, "12 passed, 0 failed")
    rows = [line for line in run.output if re.search(r"\d [num]?s +\S+ +\S+ to \S+$", line)]
    expect(len(rows) == 10, f"{len(rows)} ratios, not 10")


def covered(bench: Bench) -> None:
    """Every line and branch of what coverage.txt lists is executed, or has a reason."""
    directory = bench.directory / "coverage"
    run = tool("coverage", "--kernel", bench.line, "-o", str(directory), show=True)
    expect(run.status == 0, f"exit status {run.status}: {run.last}")
    expect((directory / "index.html").is_file(), "there are no pages")


def soaked(bench: Bench) -> None:
    run = tool("soak", "--kernel", bench.line, "--boots", str(BOOTS), show=True)
    run.expect(0, f"{BOOTS} passed, 0 failed")


def state_tests(line: str, stock: bool) -> List[Tuple[str, Callable[[Bench], None]]]:
    states = [state for state in STATES if stock or state != "stock"]
    return [
        *((f"{line}: run, {state}", partial(state_run, state=state)) for state in states),
        (f"{line}: run on two processors", on_two_processors),
        (f"{line}: what a slow reader gets", slow_reader),
    ]


def plain_tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    """Last: they take the lab out of the tree."""
    without_tool = line in (DEFAULT_LINE, available_lines()[-1])
    return [(f"{line}: run, as the cover letter says", plain)] if without_tool else []


def mutant_tests(
    line: str, directory: Path, wanted: Callable[[str], bool]
) -> List[Tuple[str, Callable[[Bench], None]]]:
    """Of those that are not wanted, none is tried along with the others."""
    names = {file: f"{line}: mutant {file.stem}" for file in sorted(directory.glob("*.patch"))}
    patches = [file for file, name in names.items() if wanted(name)]
    if not patches:
        return []
    runs = MutantRuns(patches)
    return [
        *((names[file], partial(runs.mutant, patch=file)) for file in patches),
        (f"{line}: no mutant is left in the trees", runs.control),
    ]


def line_tests(
    line: str, stock: bool, wanted: Callable[[str], bool]
) -> List[Tuple[str, Callable[[Bench], None]]]:
    """Mutants of a line of its own are those of code that the default line has not."""
    return [
        *state_tests(line, stock),
        *mutant_tests(line, MUTANTS / line, wanted),
        *plain_tests(line),
    ]


def tests(line: str, wanted: Callable[[str], bool]) -> List[Tuple[str, Callable[[Bench], None]]]:
    return [
        *state_tests(line, stock=True),
        (f"{line}: run with a filter that nothing matches", no_match),
        (f"{line}: report", report_page),
        (f"{line}: the picture in locks.rst", check_docs.locks_picture),
        (f"{line}: bench", bench_measures),
        (f"{line}: coverage", covered),
        (f"{line}: soak, {BOOTS} boots", soaked),
        *mutant_tests(line, MUTANTS, wanted),
        (f"{line}: some of the mutants that are made mechanically", made_mechanically),
        *plain_tests(line),
    ]
