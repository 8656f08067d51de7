# SPDX-License-Identifier: GPL-2.0
"""Building and running a tree with its own kunit.py."""

import contextlib
import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

import process
import result
from console import Trouble, say, step
from layout import shown
from tree import KUNIT_DIR, Tree

# Sleeping takes no time.
KERNEL_ARGS: List[str] = ["time-travel"]
LOG = "test.log"
CCACHE = Path("/usr/lib/ccache")
ERROR = re.compile(r"\berror: |No space left|undefined reference|^make.*\*\*\* |^Missing: ")
HEARTBEAT = 30.0
TIMEOUT = 120
# kunit.py wants to mend a terminal, which it is not given.
NOISE = "stty: "


def _environment() -> Dict[str, str]:
    env = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    if CCACHE.is_dir():
        # The directory of the build is in the debug info only: let all trees share objects.
        env.update(PATH=f"{CCACHE}:{os.environ['PATH']}", CCACHE_NOHASHDIR="1")
    return env


def _kunit(tree: Tree, command: str, *options: str) -> List[str]:
    script = str(tree.path / "tools/testing/kunit/kunit.py")
    where = [f"--build_dir={KUNIT_DIR}", f"--kunitconfig={tree.client}"]
    return [sys.executable, script, command, *where, *options]


def _objects(tree: Tree, since: float) -> int:
    count = 0
    for top, _, names in os.walk(tree.kunit_dir):
        for name in names:
            if name.endswith(".o") and name[0] != "." and name != "vmlinux.o":
                with contextlib.suppress(FileNotFoundError):
                    count += os.stat(os.path.join(top, name)).st_mtime >= since
    return count


@contextlib.contextmanager
def _heartbeat(tree: Tree) -> Iterator[None]:
    """kunit.py says nothing while make runs."""
    start = time.time()
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT):
            say(f"    {time.time() - start:.0f} s, {_objects(tree, start)} objects so far")

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    say(f"    {_objects(tree, start)} objects compiled")


def build(tree: Tree) -> None:
    errors: List[str] = []

    def on_line(line: str) -> None:
        say(line)
        if ERROR.search(line):
            errors.append(line.replace("ERROR:root:", ""))

    tree.kunit_dir.mkdir(exist_ok=True)
    with step(f"build {shown(tree.path)}"), _heartbeat(tree):
        command = _kunit(tree, "build", f"--jobs={len(os.sched_getaffinity(0))}")
        if process.stream(command, on_line, tree.path, _environment()):
            raise Trouble(f"{shown(tree.path)} cannot be built: {(errors + ['see above'])[0]}")


def execute(
    tree: Tree, pattern: Optional[str], kernel_args: Sequence[str] = ()
) -> result.Outcome:
    """Boots the kernel, shows kunit.py's output, and gathers what came of it."""
    json, log = tree.kunit_dir / "kunit.json", tree.kunit_dir / LOG
    for stale in (json, log):
        with contextlib.suppress(FileNotFoundError):
            stale.unlink()
    output: List[str] = []

    def on_line(line: str) -> None:
        if not line.startswith(NOISE):
            output.append(line)
            say(line)

    options = [f"--timeout={TIMEOUT}", f"--json={json}"]
    options += [f"--kernel_args={arg}" for arg in (*KERNEL_ARGS, *kernel_args)]
    options += [pattern] if pattern else []
    with step(f"run {shown(tree.path)}"):
        status = process.stream(_kunit(tree, "exec", *options), on_line, tree.path, _environment())
    return result.gather(json, log, output, status)
