# SPDX-License-Identifier: GPL-2.0
"""The bench command: what the fix costs a put and a close, and what it saves them."""

import argparse
import contextlib
import re
from statistics import median, quantiles
from typing import Dict, Iterable, List, NamedTuple, Tuple

import kernel
import machine
import process
import result
import run
from console import say, step
from layout import package_of, shown
from tree import Tree

PAIRS, MAX_PAIRS = 8, 100
LIMIT = 120  # seconds
# The suite instead of all others, in real time, without what takes longer than what is timed.
KERNEL_ARGS = (
    "cifs_put_bench_kunit.samples=400", "kunit.filter_glob=none",
    "kmemleak=off", "no_debug_objects", "slub_debug=-",
)  # fmt: skip
SUMMARY = re.compile(r" *# takes_its_time: (.+): \d+ samples, quartiles \d+ (\d+) \d+ ns")

# The suite's name of a span, and what it is; in their order in the table.
SPANS = {
    "put, caller": "a last put takes its caller",
    "put, end": "  until the file is freed",
    "close, caller": "close() takes its caller",
    "put, lock_sem held, caller": "a last put, lock_sem held",
    "put, lock_sem held, end": "  until the file is freed",
    "close, lock_sem held, caller": "close(), lock_sem held",
}
INLINE = "inline "
HELD = "put, lock_sem held, held"
WIDTH = 30

# The median of each span, in ns.
Times = Dict[str, int]


class Pair(NamedTuple):
    """What two boots in a row have measured."""

    unfixed: Times
    fixed: Times


def pairs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PAIRS:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 to {MAX_PAIRS}")
    return int(text)


def read_times(lines: Iterable[str]) -> Times:
    found = (SUMMARY.match(result.TIMESTAMP.sub("", line)) for line in lines)
    return {summary[1]: int(summary[2]) for summary in found if summary}


def duration(ns: float) -> str:
    for unit in ("ns", "us", "ms"):
        if ns < 999.5:
            return f"{ns:.3g} {unit}"
        ns /= 1000
    return f"{ns:.3g} s"


def times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio > 0.1 else f"1/{1 / ratio:.0f}"


def row(what: str, sides: List[Tuple[int, int]]) -> str:
    """Two medians, and the ratios of the pairs: their median, and the middle half of them."""
    one, other = (duration(median(side)) for side in zip(*sides))
    ratios = [after / before for before, after in sides]
    low, _, high = quantiles(ratios if ratios[1:] else ratios * 2, method="inclusive")
    spread = f"{times(low)} to {times(high)}"
    return f"{what:{WIDTH}}{one:>10}{other:>11}   {times(median(ratios)):<8} {spread}"


def table(measured: List[Pair]) -> List[str]:
    held = duration(median(pair.unfixed[HELD] for pair in measured))
    of = f"middle half of {len(measured)} pairs" if measured[1:] else "of one pair"
    return [
        f"lock_sem held: by a reader, for {held} after the call",
        f"{'':{WIDTH}}{'unfixed':>10}{'fixed':>11}   ratio    {of}",
        *(row(what, [(p.unfixed[s], p.fixed[s]) for p in measured]) for s, what in SPANS.items()),
        f"{'fixed only':{WIDTH}}{'inline':>10}{'offloaded':>11}   ratio    {of}",
        *(
            row(what, [(p.fixed[INLINE + s], p.fixed[s]) for p in measured])
            for s, what in SPANS.items() if s.startswith("put")
        ),
    ]  # fmt: skip


def boot(tree: Tree) -> Tuple[Times, result.Outcome]:
    log = tree.kunit_dir / kernel.LOG
    limit = ["timeout", "--kill-after=5", str(LIMIT)]
    _, output = process.run([*limit, *machine.command(tree, KERNEL_ARGS)])
    log.write_text(f"{output}\n")
    return read_times(output.splitlines()), result.gather_log(log)


def complain(tree: Tree, outcome: result.Outcome) -> None:
    for name in sorted(outcome.failed_names) or ["no case has run"]:
        say(f"failed: {name}")
    say(f"the whole log: {shown(tree.kunit_dir / kernel.LOG)}")


def measure(trees: Dict[str, Tree], wanted: int) -> int:
    """Boots in pairs, each in the other order than the last: what drifts, drifts for both."""
    measured: List[Pair] = []
    passed = 0
    for number in range(wanted):
        times: Dict[str, Times] = {}
        with step(f"pair {number + 1} of {wanted}"):
            for state in list(trees)[:: -1 if number % 2 else 1]:
                times[state], outcome = boot(trees[state])
                passed += outcome.count(result.PASSED)
                if outcome.failed or not outcome.cases:
                    complain(trees[state], outcome)
                    say(result.closing_line(passed, max(outcome.failed, 1)))
                    return 1
        measured.append(Pair(**times))
    for line in table(measured):
        say(line)
    say(result.closing_line(passed, 0))
    return 0


def bench(args: argparse.Namespace) -> int:
    package_of(args.kernel)
    with contextlib.ExitStack() as stack:
        trees = {}
        for state in Pair._fields:
            chosen = argparse.Namespace(**{**vars(args), "state": state})
            trees[state], _ = stack.enter_context(run.built(chosen))
        status = measure(trees, args.pairs)
    return status
