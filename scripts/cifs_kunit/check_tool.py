# SPDX-License-Identifier: GPL-2.0
"""Tests of the tool on bad input and in bad circumstances."""

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Callable, List, Tuple

import process
from check_base import TOOL, Bench, Failed, Skipped, ToolRun, expect, tool
from console import INTERRUPTED, NO_KERNEL, USAGE
from layout import LINES, lock
from tree import unpack

BAD_PATCH = """\
--- a/fs/smb/client/file.c
+++ b/fs/smb/client/file.c
@@ -1,3 +1,3 @@
 this is
-not what
+in the file
 that it patches
"""
PATIENCE = 60.0
# Runs a command whose disk, $1, is too small: its directory of the line $3 has the package $2
# alone, and the last line says what else is in there afterwards. A check that goes on all the
# same tries to fetch every line, test by test.
FULL_DISK = """\
mount -t tmpfs -o size=64m tmpfs "$1" && mkdir "$1/$3" && ln -s "$2" "$1/$3" || exit
base=$1/$3
shift 3
timeout --kill-after=5 120 "$@" 2>&1
status=$?
echo "left:" $(ls --ignore='*.deb' "$base")
exit $status
"""


def wrong_usage(bench: Bench, args: Tuple[str, ...], word: str) -> None:
    env = bench.private(bench.directory / "none")
    tool(*args, env=env).expect(USAGE, word)
    expect(not (bench.directory / "none").exists(), "something is built all the same")


def no_index(bench: Bench) -> None:
    """An apt that is configured with no sources."""
    bench.directory.mkdir(parents=True, exist_ok=True)
    conf = bench.directory / "no-sources.conf"
    conf.write_text('Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "/dev/null";\n')
    env = bench.private(bench.directory / "no-index", APT_CONFIG=str(conf))
    tool("run", "--kernel", bench.line, env=env).expect(NO_KERNEL, "no package index")


def bad_patch(bench: Bench) -> None:
    build = bench.private_build(bench.source)
    patch = bench.directory / "bad.patch"
    patch.write_text(BAD_PATCH)
    before = set((build / bench.line).iterdir())
    outcome = tool("run", "--kernel", bench.line, "--mutant", str(patch), env=bench.private(build))
    outcome.expect(NO_KERNEL, "bad.patch does not apply")
    expect("hunk #1" in outcome.last, f"the hunk is not named: {outcome.last}")
    left = {path.name for path in set((build / bench.line).iterdir()) - before}
    expect(left <= {"fixed.mutant.lock", "source.lock"}, f"left behind: {', '.join(left)}")


def second_run(bench: Bench) -> None:
    with lock(bench.tree("fixed").lock_path):
        tool("run", "--kernel", bench.line).expect(NO_KERNEL, "another run is using")


def no_kcsan(bench: Bench) -> None:
    run = tool("run", "--kernel", bench.line, "--kcsan")
    run.expect(USAGE, f"line {bench.line} has no KCSAN on um: use --arch x86_64")


def the_deb(bench: Bench) -> Path:
    return next(bench.source.parent.glob("*.deb"))


def interrupted(bench: Bench) -> None:
    """Ctrl-C while the source is unpacked, stale files of a killed run, then a good run."""
    build = bench.directory / "interrupted"
    base = build / bench.line
    base.mkdir(parents=True)
    deb = base / the_deb(bench).name
    os.link(the_deb(bench), deb)
    output: List[str] = []
    with process.group([*TOOL, "run", "--kernel", bench.line], env=bench.private(build)) as run:
        wait_for(base / "source.part/arch")
        os.kill(run.pid, signal.SIGINT)
        assert run.stdout
        output = run.stdout.read().splitlines()
    expect(run.returncode == INTERRUPTED, f"exit status {run.returncode}")
    expect(output[-1:] == ["cifs-kunit: interrupted"], f"it ends with: {output[-1:]}")
    left = sorted(path.name for path in base.iterdir())
    expect(left == sorted([deb.name, "source.lock"]), f"left behind: {left}")
    (base / "source.part").mkdir()
    (base / "source.part/stale").touch()
    unpack(deb, LINES[bench.line].name, base / "source")
    expect(not (base / "source/stale").exists(), "a stale file gets into the source")


def full_disk(bench: Bench, args: Tuple[str, ...], word: str, left: str) -> None:
    """One line that says what to do, and no part of a source is there."""
    disk = bench.directory / "full"
    disk.mkdir(parents=True, exist_ok=True)
    there = ["unshare", "--map-root-user", "--mount"]
    if process.run([*there, "mount", "-t", "tmpfs", "tmpfs", str(disk)])[0]:
        raise Skipped("this machine lets nobody mount a disk of its own")
    shell = ["sh", "-c", FULL_DISK, "sh", str(disk), str(the_deb(bench)), bench.line]
    status, output = process.run([*there, *shell, *TOOL, *args], env=bench.private(disk))
    lines = output.splitlines()
    ToolRun(status, lines[:-1]).expect(NO_KERNEL, word)
    expect(lines[-1].split() == ["left:", *left.split()], f"the directory has {lines[-1]}")


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        if time.monotonic() > deadline:
            raise Failed(f"{path} does not come")
        time.sleep(0.02)


def source_is_untouched(bench: Bench) -> None:
    """Trees share files with the source by hard links: was any written through?"""
    fresh = bench.directory / "interrupted" / bench.line / "source"
    command = ["diff", "-rq", "--no-dereference", str(fresh), str(bench.source)]
    status, output = process.run(command)
    expect(status == 0, output)


USAGE_TESTS: List[Tuple[str, Tuple[str, ...], str]] = [
    ("unknown line", ("run", "--kernel", "9.9"), "unknown kernel line '9.9'"),
    ("unknown state", ("run", "--state", "broken"), "'broken'"),
    ("unknown mutant", ("run", "--mutant", "nosuchmutant"), "no mutant 'nosuchmutant'"),
    ("no number of processors", ("run", "--smp", "0"), "'0' is no number from 1"),
    ("no number of seconds", ("e2e", "--seconds", "soon"), "'soon' is no number of seconds"),
    ("unknown architecture", ("run", "--arch", "pdp11"), "'pdp11'"),
    ("two kinds of sanitizers", ("run", "--sanitize", "--kcsan"), "not allowed with"),
    ("unknown command", ("walk",), "'walk'"),
    ("--tree on what is no kernel", ("run", "--tree", "/usr"), "no kernel source tree"),
    ("--json where nothing can be", ("run", "--json", "/no/such/file"), "cannot be written"),
    ("no number of pairs", ("bench", "--pairs", "0"), "'0' is no number from 1"),
    ("report to nowhere", ("report",), "-o/--output"),
    ("report into a file", ("report", "-o", "/etc/passwd"), "cannot be written"),
]

DISK_TESTS: List[Tuple[Tuple[str, ...], str, str]] = [
    (("run",), "make room and run again", "source.lock"),
    (("check", "--all"), "GB free", ""),
]


def early_tests() -> List[Tuple[str, Callable[[Bench], None]]]:
    usage = [
        (f"wrong usage: {name}", partial(wrong_usage, args=args, word=word))
        for name, args, word in USAGE_TESTS
    ]
    disks = [
        (f"a full disk: {args[0]}", partial(full_disk, args=args, word=word, left=left))
        for args, word, left in DISK_TESTS
    ]
    return [
        *usage,
        ("no package index", no_index),
        ("a patch that does not apply", bad_patch),
        ("a second run in the same tree", second_run),
        ("wrong usage: a sanitizer that no UML has", no_kcsan),
        *disks,
        ("an interrupted preparation, and the next one", interrupted),
    ]


def late_tests() -> List[Tuple[str, Callable[[Bench], None]]]:
    return [("the packaged source is as it was unpacked", source_is_untouched)]
