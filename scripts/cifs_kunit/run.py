# SPDX-License-Identifier: GPL-2.0
"""The run command: from nothing to a verdict."""

import argparse
import contextlib
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import foreign
import formats
import kernel
import mutation
import packages
import result
import show
import target
from console import USAGE, Trouble, say, step
from fitting import Fit
from layout import (
    BUILD_VARIABLE,
    MUTANTS,
    STATES,
    build_dir,
    lock,
    package_of,
    results_dir,
    shown,
)
from series import Patch, read_patch
from tree import Tree, lay, make_tree, packaged_source, patched, version_of


def find_mutant(name: str) -> Optional[Patch]:
    """A patch; none if it takes the tree to make it."""
    for file in (MUTANTS / f"{name}.patch", Path(name)):
        if file.is_file():
            return read_patch(file)
    if ":" in name:
        return None
    files = (file.relative_to(MUTANTS) for file in MUTANTS.rglob("*.patch"))
    known = ", ".join(sorted(str(file.with_suffix("")) for file in files)) or "(none)"
    raise Trouble(f"no mutant '{name}', neither a file nor one of: {known}", USAGE)


def prepare(tree: Tree, fit: Fit, state: str, mutant: Optional[Patch] = None) -> None:
    """Brings the tree to its state; the caller holds its lock."""
    with step(f"patch {shown(tree.path)} ({state})"):
        contents = patched(tree, fit, state, mutant)
    variants = tree.target.seeds
    make_tree(tree, seeds=[f"{seed}{v}" for v in variants for seed in (state, *STATES)])
    if tree.foreign:
        foreign.mirror(tree)
    lay(tree, contents)


def find_tree(args: argparse.Namespace) -> Tree:
    wanted = target.target_of(args)
    leaf = args.state + wanted.variant + (".mutant" if args.mutant else "")
    if args.tree:
        directory = Path(args.tree).resolve()
        return Tree(foreign.base_of(directory) / leaf, directory, wanted, foreign=True)
    return Tree(build_dir() / args.kernel / leaf, packaged_source(args.kernel), wanted)


def needed_packages(wanted: target.Target) -> List[str]:
    qemu = packages.QEMU_PACKAGES if wanted.arch != target.UM else ()
    return [*packages.BUILD_PACKAGES, *qemu]


def check_source(args: argparse.Namespace, needed: Sequence[str]) -> None:
    """Sees that there can be a source, and that there are the packages that are needed with it."""
    if args.tree:
        foreign.check_kernel(Path(args.tree))
    else:
        package_of(args.kernel)
    if packages.on_debian():
        packages.require(needed)
    elif not args.tree:
        raise Trouble("without Debian's apt-get there is no packaged kernel: use --tree DIR")


def check_target(tree: Tree, name: str) -> None:
    lacking = target.check(tree.source, tree.target, name)
    if lacking:
        say(f"    {', '.join(lacking)}: not on {tree.target.arch} of this kernel")


def keep(
    tree: Tree, line: str, state: str, about: Dict[str, Any], outcome: result.Outcome
) -> None:
    """For the table: the last whole run of each kind."""
    results_dir().mkdir(parents=True, exist_ok=True)
    words = [line, state, *map(str, filter(None, tree.target))]
    formats.write_json(results_dir() / f"{'-'.join(words)}.json", about, outcome)


def conclude(args: argparse.Namespace, tree: Tree, line: str, outcome: result.Outcome) -> int:
    about = {
        "line": line,
        "kernel": version_of(tree.source),
        "state": args.state,
        **tree.target._asdict(),
        "mutant": args.mutant,
    }
    log = tree.kunit_dir / kernel.LOG
    if args.json:
        formats.write_json(args.json, about, outcome)
    if args.junit:
        formats.write_junit(args.junit, about, outcome)
    if args.ktap:
        formats.write_ktap(args.ktap, log)
    if not (args.tree or args.mutant or args.filter):
        keep(tree, line, args.state, about, outcome)
    if args.filter and outcome.nothing_matched:
        raise Trouble(f"no test matches '{args.filter}'", USAGE)
    show.failures(outcome, tree, log, args)
    show.verdict(outcome)
    return 1 if outcome.failed or not outcome.cases else 0


@contextlib.contextmanager
def built(args: argparse.Namespace) -> Iterator[Tuple[Tree, Fit]]:
    """From nothing to a kernel; the tree is locked as long as one looks at it."""
    mutant = find_mutant(args.mutant) if args.mutant else None
    check_source(args, needed_packages(target.target_of(args)))
    tree = find_tree(args)
    check_target(tree, str(tree.source) if tree.foreign else f"line {args.kernel}")
    fit = foreign.find_fit(tree, args.state) if tree.foreign else Fit(args.kernel)
    if args.mutant and not mutant:
        mutant = mutation.find(tree, fit, args.state, args.mutant)
    busy = f"another run is using {shown(tree.path)}: wait for it, or set {BUILD_VARIABLE}"
    with lock(tree.lock_path, busy):
        prepare(tree, fit, args.state, mutant)
        if not fit.suites:
            kernel.build_client(tree)
            raise foreign.without_suites(tree, fit)
        kernel.build(tree, args.verbose)
        yield tree, fit


@contextlib.contextmanager
def executed(
    args: argparse.Namespace, kernel_args: Sequence[str] = ()
) -> Iterator[Tuple[Tree, str, result.Outcome]]:
    """The same, and an outcome of the suites."""
    with built(args) as (tree, fit):
        yield tree, fit.line, kernel.execute(tree, args.filter, kernel_args, args.verbose)


def run(args: argparse.Namespace) -> int:
    for stale in (args.json, args.junit, args.ktap):
        if stale:
            stale.unlink(missing_ok=True)
    with executed(args) as (tree, line, outcome):
        return conclude(args, tree, line, outcome)
