# SPDX-License-Identifier: GPL-2.0
"""The report command: the lock order as lockdep has seen it, to look at."""

import argparse
import os
from pathlib import Path
from typing import List, Sequence

import kernel
import packages
import picture
import result
import run
import symbols
from console import Trouble, say, step
from layout import package_of, scratch_directory, shown
from lockgraph import read_log
from page import Side, page
from tree import version_of

PAGE = "report.html"
STATES = ("unfixed", "fixed")
# Has the suite cifs_lock_order print what lockdep has recorded.
DUMP = "cifs_lockdep.dump=1"


def output_directory(name: str) -> Path:
    """A directory that is there or can be made, which is not done before all is well."""
    path = Path(name).absolute()
    there = next(each for each in (path, *path.parents) if each.exists() or each.is_symlink())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"'{name}' cannot be written")
    return path


def inspect_log(
    state: str,
    version: str,
    text: str,
    vmlinux: Path,
    tree: Path,
    client: str,
    outcome: result.Outcome,
) -> Side:
    """All there is to say of a kernel's log, with the kernel that it is of and its source."""
    log = read_log(text)
    if not log.dependencies:
        raise Trouble(f"{state}: the kernel's log has no lock order: did cifs_lock_order run?")
    if not log.whole:
        raise Trouble(f"{state}: the kernel's log lacks some of the lock order: run it again")
    places = symbols.decode(log.frames(), vmlinux, tree)
    spelled = symbols.spell(log.report_frames(), vmlinux, tree)
    graph = picture.graph_of(log, places, client, picture.client_sources(tree / client))
    svg = picture.draw(graph, state)
    return Side(state, version, client, outcome, log, places, spelled, graph, svg)


def look(args: argparse.Namespace, state: str) -> Side:
    """Runs a state; a failure of its tests is part of what there is to show."""
    chosen = argparse.Namespace(**{**vars(args), "state": state})
    with run.executed(chosen, [DUMP]) as (tree, _, outcome):
        log = tree.kunit_dir / kernel.LOG
        if not log.is_file():
            raise Trouble(f"{shown(tree.path)}: the kernel has left no log")
        with step(f"decode {shown(log)}"):
            text = log.read_text(errors="backslashreplace")
            vmlinux = tree.kunit_dir / "vmlinux"
            version = version_of(tree.source)
            return inspect_log(state, version, text, vmlinux, tree.path, tree.client, outcome)


def write(sides: Sequence[Side], directory: Path) -> None:
    """All files or none."""
    files = {f"lock-order-{side.state}.svg": side.svg + "\n" for side in sides}
    files[PAGE] = page(sides)
    with scratch_directory(directory / "report.part~") as part:
        for name, text in files.items():
            (part / name).write_text(text)
        for name in files:
            (part / name).replace(directory / name)


def report(args: argparse.Namespace) -> int:
    package_of(args.kernel)
    states: List[str] = list(dict.fromkeys(args.state or STATES))
    if packages.on_debian():
        packages.require([*packages.BUILD_PACKAGES, *picture.PACKAGES, *symbols.PACKAGES])
    sides = [look(args, state) for state in states]
    write(sides, args.output)
    say(f"report: {args.output / PAGE}")
    return 0
