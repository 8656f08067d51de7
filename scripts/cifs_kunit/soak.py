# SPDX-License-Identifier: GPL-2.0
"""The soak command: many boots of one kernel, each with its suites in another order."""

import argparse
import os
import shlex
import time
from pathlib import Path
from typing import List

import kernel
import machine
import packages
import process
import result
import run
import target
from console import Trouble, say, step
from fitting import Fit
from layout import build_dir, lock, package_of, shown
from tree import Tree

# cifs_shuffle.c's order of suites and cases, and the dice of cifs_put_race.
SEEDED = ("cifs_shuffle.seed", "cifs_put_race_kunit.race_seed")
# Boots from one line that shows progress to the next.
HEARTBEAT = 20
# What timeout(1) ends with where it has ended a boot, or had to kill it.
TIMED_OUT = (124, 137)
# What stands for the seed of a boot in its command.
SEED = "@SEED@"


def seeds_of(first: int, boots: int) -> List[int]:
    """No seed is 0, which keeps the order as it is."""
    return [first + i for i in range(boots)]


def boot_script(tree: Tree, logs: Path) -> str:
    """A boot, as a shell command that says its seed, and how it came out, when it has ended."""
    args = [*machine.kernel_args(tree.target), *(f"{name}={SEED}" for name in SEEDED)]
    limit = ["timeout", "--kill-after=5", str(machine.timeout(tree.target))]
    command = shlex.join([*limit, *machine.command(tree, args)])
    return f"{command} >{shlex.quote(str(logs))}/{SEED}.log 2>&1; echo {SEED} $?"


def replay(line: str, seed: int) -> str:
    return f"scripts/cifs-kunit soak --kernel {line} --seed {seed} --boots 1"


class Soak:
    """What comes of the boots, one by one."""

    def __init__(self, line: str, logs: Path) -> None:
        self.line, self.logs = line, logs
        self.boots = self.flakes = self.cases = 0

    def note(self, seed: int, status: int) -> None:
        """Keeps the log of a boot that fails, and says how to have it again."""
        log = self.logs / f"{seed}.log"
        outcome = result.gather_log(log)
        self.boots += 1
        self.cases += outcome.count(result.PASSED)
        if outcome.failed or not outcome.cases:
            self.flakes += 1
            names = ", ".join(sorted(outcome.failed_names)) or "no case has run"
            late = "stopped at the time limit, " if status in TIMED_OUT else ""
            say(f"fails: {late}{names}: {replay(self.line, seed)} (log: {shown(log)})")
        else:
            log.unlink()
        if self.boots % HEARTBEAT == 0:
            say(f"    {self.boots} boots")


def soak(args: argparse.Namespace) -> int:
    package_of(args.kernel)
    packages.require(run.needed_packages(target.target_of(args)))
    tree = run.find_tree(args)
    logs = build_dir() / "soak" / args.kernel
    logs.mkdir(parents=True, exist_ok=True)
    first = args.seed or int(time.time())
    with lock(tree.lock_path, f"another run is using {shown(tree.path)}: wait for it"):
        run.prepare(tree, Fit(args.kernel), args.state)
        kernel.build(tree)
        going = Soak(args.kernel, logs)
        jobs = str(len(os.sched_getaffinity(0)))
        seeds = " ".join(map(str, seeds_of(first, args.boots)))
        feed = f"printf '%s\\n' {seeds} | xargs -P {jobs} -I {SEED} sh -c \"$1\""
        command = ["sh", "-c", feed, "sh", boot_script(tree, logs)]
        with step(f"boot {shown(tree.path)} {args.boots} times, seed {first}"):
            process.stream(command, lambda line: going.note(*map(int, line.split())), tree.path)
    if going.boots != args.boots:
        raise Trouble(f"{going.boots} of {args.boots} boots have ended")
    say(f"{going.boots} boots, {going.cases} cases passed")
    say(result.closing_line(going.boots - going.flakes, going.flakes))
    return 1 if going.flakes else 0
