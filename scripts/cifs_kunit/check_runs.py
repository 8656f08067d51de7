# SPDX-License-Identifier: GPL-2.0
"""Tests that build kernels and run the suites, on good trees and on broken ones."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Set, Tuple

from check_base import Bench, Failed, ToolRun, expect, tool
from console import USAGE
from layout import MUTANTS, PATCHES, STATES
from result import Case, Outcome, Report, matches


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


def read_names(file: Path) -> List[str]:
    """suite.case names, one a line, with comments; none if there is no such file."""
    text = file.read_text() if file.is_file() else ""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def compare(failed: Set[str], expected: List[str]) -> None:
    """Exactly the expected cases, which may be patterns, must have failed."""
    missing = [p for p in expected if not any(matches(name, p) for name in failed)]
    surplus = [name for name in sorted(failed) if not any(matches(name, p) for p in expected)]
    expect(not missing, f"does not fail: {', '.join(missing)}")
    expect(not surplus, f"fails, which is not expected: {', '.join(surplus)}")


def state_run(bench: Bench, state: str) -> None:
    expected = read_names(PATCHES / bench.line / f"{state}.fails")
    run, outcome = run_suites(bench, "--state", state)
    expect(bool(outcome.cases), "no case has run")
    compare(outcome.failed_names, expected)
    expect(run.status == (1 if expected else 0), f"exit status {run.status}")


def no_match(bench: Bench) -> None:
    """Nothing has changed since the last run: nothing may be built."""
    run = tool("run", "--kernel", bench.line, "nosuchsuite*", show=True)
    run.expect(USAGE, "no test matches 'nosuchsuite*'")
    expect(any("0 objects compiled" in line for line in run.output), "something is rebuilt")


def headers(patch: Path) -> Dict[str, List[str]]:
    found: Dict[str, List[str]] = {"Fails": [], "State": []}
    for line in patch.read_text().split("\n--- ")[0].splitlines():
        header = re.match(r"(Fails|State): *(.*)", line)
        if header:
            found[header[1]].append(header[2].strip())
    return found


def mutant_run(bench: Bench, patch: Path) -> None:
    """Every case that the mutant names must fail; others may fail with it."""
    about = headers(patch)
    expect(bool(about["Fails"]), "it has no 'Fails: suite.case' line")
    state = (about["State"] or ["fixed"])[0]
    suites = {name.split(".")[0] for name in about["Fails"]}
    only = [f"{suites.pop()}*"] if len(suites) == 1 else []
    _, outcome = run_suites(bench, "--state", state, "--mutant", str(patch), *only, show=False)
    failed = outcome.failed_names
    survivors = [p for p in about["Fails"] if not any(matches(name, p) for name in failed)]
    if survivors:
        raise Failed(f"{', '.join(survivors)} should fail; failed: {', '.join(sorted(failed))}")


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


def state_tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    return [(f"{line}: run, {state}", partial(state_run, state=state)) for state in STATES]


def tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    mutants = sorted(MUTANTS.glob("*.patch"))
    return [
        *state_tests(line),
        (f"{line}: run with a filter that nothing matches", no_match),
        (f"{line}: report", report_page),
        *((f"{line}: mutant {file.stem}", partial(mutant_run, patch=file)) for file in mutants),
    ]
