# SPDX-License-Identifier: GPL-2.0
"""How a source of unknown version comes to a state: which series fits it, or what does instead."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import List, Optional, Sequence, Tuple, Union

import semantic
import series
from console import Trouble, say
from series import FUZZY, Misfit, Patch, Workbench, apply_state, read_series

NO_KUNIT = "it has no KUnit"


@dataclass(frozen=True)
class Fit:
    """A line whose series fits; the fix comes from its patch 1, or from the semantic patch.

    Without suites, only the fix is brought.
    """

    line: str
    by_rules: bool = False
    suites: bool = True
    misfit: Misfit = Misfit()
    there: Tuple[str, ...] = ()
    why_no_suites: str = ""

    @property
    def fix(self) -> str:
        return semantic.RULES.name if self.by_rules else f"patch 1 of line {self.line}"

    @property
    def closeness(self) -> str:
        fuzz, offset = self.misfit
        if fuzz:
            return f"with fuzz ({fuzz} lines of context left out, hunks {offset} lines off in all)"
        return f"without fuzz (hunks {offset} lines off in all)" if offset else "exactly"


@dataclass(frozen=True)
class Miss:
    """What stops a line, how many patches fit before that, and what part of the next does not."""

    applied: int
    failed_part: float
    reason: str

    @property
    def nearness(self) -> Tuple[int, float]:
        return self.applied, -self.failed_part


def bring_fix(bench: Workbench, fit: Fit, client: str, state: str) -> None:
    """Puts the fix in or takes it out, as the state wants, by what fits."""
    if fit.by_rules:
        semantic.bring_fix(bench, client, state)
    else:
        fix = read_series(fit.line)[0].moved_to(client)
        series.bring_fix(bench, fix, state)
        if bench.fuzz:
            look_at(bench, fix, client, state)


def bring(bench: Workbench, fit: Fit, client: str, state: str) -> List[str]:
    """Brings a workbench to a state; returns the patches whose change is in the source already."""

    def fix() -> None:
        bring_fix(bench, fit, client, state)

    if fit.suites:
        patches = [patch.moved_to(client) for patch in read_series(fit.line)]
        return apply_state(bench, patches, state, fix)
    fix()
    return []


def look_at(bench: Workbench, fix: Patch, client: str, state: str) -> None:
    """A patch that fits with fuzz may have gone wrong; one that is not there takes nothing out."""
    changed = {Path(path).name: bench.content(path) for path in fix.files}
    code = semantic.read_client(bench.source / client, changed)
    if state == "unfixed" and code.has_fix:
        failure = bench.failure(fix, "--reverse", "--dry-run")
        raise Trouble(f"{fix.name} does not reverse: {failure}")
    lack = semantic.first_lack(code)
    if state == "fixed" and bench.misfit.fuzz and lack:
        raise Trouble(f"{fix.name} applies with fuzz, but does not do what {lack} does")


def attempt(source: Path, client: str, state: str, fit: Fit) -> Union[Fit, Miss]:
    with tempfile.TemporaryDirectory(prefix="cifs-kunit.") as directory:
        bench = Workbench(source, Path(directory), FUZZY)
        try:
            there = bring(bench, fit, client, state)
        except Trouble as trouble:
            which = "" if fit.by_rules and not fit.suites else f"line {fit.line}: "
            return Miss(bench.applied, bench.failed_part, f"{which}{trouble}")
    return replace(fit, misfit=bench.misfit, there=tuple(there))


def best(
    source: Path, client: str, lines: Sequence[str], state: str, suites: bool
) -> Tuple[Optional[Fit], List[Miss]]:
    """The line that fits with the least fuzz, by its own patch 1 if any does; else the nearest
    miss by patch, and that by the semantic patch."""
    misses: List[Miss] = []
    for by_rules in (False, True):
        found = [attempt(source, client, state, Fit(line, by_rules, suites)) for line in lines]
        fits = [fit for fit in found if isinstance(fit, Fit)]
        if fits:
            return min(fits, key=lambda fit: fit.misfit), misses
        misses.append(max((m for m in found if isinstance(m, Miss)), key=lambda m: m.nearness))
    return None, misses


def find(source: Path, client: str, lines: Sequence[str], state: str, kunit: bool) -> Fit:
    """What brings a source to a state: with the suites if that can be, else the fix alone."""
    has_fix = semantic.read_client(source / client).has_fix
    why = NO_KUNIT
    if kunit:
        fit, misses = best(source, client, lines, state, suites=True)
        if fit:
            return fit
        why = max(misses, key=lambda miss: miss.applied).reason
        if has_fix or state != "fixed":
            raise Trouble(f"no series fits {source}: {why}")
    fit, misses = best(source, client, lines, state, suites=False)
    if fit:
        return replace(fit, why_no_suites=why)
    raise Trouble(f"nothing fits {source}: {'; '.join(miss.reason for miss in misses)}")


def describe(source: Path, client: str, fit: Fit, state: str) -> None:
    has_fix = semantic.read_client(source / client).has_fix
    say(f"    the fix is {'in the tree' if has_fix else 'missing'}")
    if fit.by_rules and state == "fixed" and not has_fix:
        say(f"    no series' patch 1 fits: {fit.fix} puts the fix in")
    if fit.suites:
        say(f"    the series of line {fit.line} fits{' for the rest' if fit.by_rules else ''}, "
            f"{fit.closeness}")  # fmt: skip
    elif not fit.by_rules and (state == "fixed" or has_fix and state == "unfixed"):
        say(f"    {fit.fix} fits, {fit.closeness}")
    for name in fit.there:
        say(f"    the tree has {name} already")
