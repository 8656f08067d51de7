# SPDX-License-Identifier: GPL-2.0
"""Unit tests of what a run shows."""

import argparse
import io
import os
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from typing import Dict
from unittest import mock

import console
import show
from layout import REPO, TESTS, shown
from result import FAILED, PASSED, Case, Outcome, Report
from tree import Tree

KUNIT = """\
[10:00:00] Starting KUnit Kernel (1/1)...
[10:00:00] ============================================================
[10:00:00] =================== good (2 subtests) ====================
[10:00:00] [PASSED] one
[10:00:00] ======================== two  ========================
[10:00:00] [PASSED] a name of several words
[10:00:00] [SKIPPED] small
[10:00:00] ==================== [PASSED] two ====================
[10:00:00] ===================== [PASSED] good ======================
[10:00:00] =================== bad (1 subtest) ====================
[10:00:00]     # three: EXPECTATION FAILED at fs/x.c:1
[10:00:00] [CRASHED] three
[10:00:00] [ERROR] Test: bad: missing subtest result line!
[10:00:00] ===================== [FAILED] bad ======================
[10:00:00] ============================================================
[10:00:00] Testing complete. Ran 4 tests: passed: 2, crashed: 1, skipped: 1

stty: 'standard input': Inappropriate ioctl for device
The kernel seems to have crashed
"""
KERNEL = """\
[    0.1] TAP version 14
[    0.1] 1..2
[    0.1]     # Subtest: good
[    0.1]     1..2
[    0.1]     ok 1 - one
[    0.1]     ok 2 - two # SKIP not here
[    0.1] ok 1 - good
[    0.1]     # Subtest: bad
[    0.1]     not ok 1 - three
[    0.1] not ok 2 - bad
"""
SUITE = "cifs_put_kunit.c"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Progress(unittest.TestCase):
    def shown(self, verbose: bool, output: io.StringIO) -> str:
        with redirect_stdout(output), mock.patch.dict(os.environ, TERM="xterm", NO_COLOR=""):
            screen = show.Screen(verbose)
            for line in KUNIT.splitlines():
                screen.kunit_line(line)
        return output.getvalue()

    def test_a_line_for_each_suite(self) -> None:
        self.assertEqual(self.shown(False, io.StringIO()).splitlines(), [
            "    good: 2 passed, 1 skipped",
            "    [ERROR] Test: bad: missing subtest result line!",
            "    bad: 1 failed",
            "    The kernel seems to have crashed",
        ])  # fmt: skip

    def test_verbose_is_all_there_is(self) -> None:
        noise = [line for line in KUNIT.splitlines() if not line.startswith("stty")]
        self.assertEqual(self.shown(True, io.StringIO()).splitlines(), noise)

    def test_colour_on_a_terminal(self) -> None:
        self.assertIn("good: \033[32m2 passed", self.shown(False, Terminal()))
        self.assertIn("\033[31m[10:00:00] [CRASHED] three\033[0m", self.shown(True, Terminal()))

    def test_no_colour_where_it_is_not_wanted(self) -> None:
        for variables in ({"NO_COLOR": "1"}, {"NO_COLOR": "", "TERM": "dumb"}):
            with redirect_stdout(Terminal()), mock.patch.dict(os.environ, variables):
                self.assertEqual(console.painted(console.RED, "text"), "text")

    def test_without_kunit_py(self) -> None:
        output = io.StringIO()
        with redirect_stdout(output):
            screen = show.Screen(False)
            for line in KERNEL.splitlines():
                screen.kernel_line(line)
        lines = ["    good: 1 passed, 1 skipped", "    bad: 1 failed"]
        self.assertEqual(output.getvalue().splitlines(), lines)


def arguments(**given: object) -> argparse.Namespace:
    defaults: Dict[str, object] = {
        "tree": None, "kernel": "6.1", "state": "fixed", "arch": "um", "smp": 1, "sanitize": "",
        "mutant": None, "filter": None,
    }  # fmt: skip
    return argparse.Namespace(**{**defaults, **given})


class Failures(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        source = Path(directory.name)
        (source / "fs/smb/client").mkdir(parents=True)
        (source / "fs/smb/client/cifsfs.c").touch()
        self.tree = Tree(source, source)

    def shown(self, outcome: Outcome, **given: object) -> str:
        log = self.tree.path / "test.log"
        log.write_text("\n" * 9)
        output = io.StringIO()
        with redirect_stdout(output):
            show.failures(outcome, self.tree, log, arguments(**given))
        return output.getvalue()

    def test_nothing_when_all_is_well(self) -> None:
        self.assertEqual(self.shown(Outcome([Case("one", "good", PASSED)])), "")

    def test_what_why_where_and_what_next(self) -> None:
        reason = f"# bad: EXPECTATION FAILED at fs/smb/client/tests/{SUITE}:7\n# bad:     frame\n\n"
        outcome = Outcome([Case("one", "bad/small", FAILED, reason, 5)])
        tool = shown(REPO / "scripts/cifs-kunit")
        self.assertEqual(self.shown(outcome, state="unfixed", kernel="7.3").splitlines(), [
            "",
            "FAILED one.bad/small",
            f"    EXPECTATION FAILED at {shown(TESTS / SUITE)}:7",
            "        frame",
            f"    log:   {self.tree.path}/test.log:5",
            f"    again: {tool} run --kernel 7.3 --state unfixed one.bad",
            "",
        ])  # fmt: skip

    def test_one_reason_is_told_once(self) -> None:
        cases = [
            Case("one", name, FAILED, f"# {name}: lockdep is dead") for name in ("first", "second")
        ]
        text = self.shown(Outcome(cases))
        self.assertEqual(text.count("lockdep is dead"), 1)
        self.assertIn("FAILED one.first\n       one.second\n", text)
        self.assertIn("run 'one.*'\n", text)

    def test_a_report_of_the_kernel(self) -> None:
        text = self.shown(Outcome([], [Report("BUG: x", 3, "one.good/large")]), filter="one.good")
        self.assertIn("FAILED kernel log, during one.good/large\n    BUG: x\n", text)
        self.assertIn("test.log:3\n", text)
        self.assertNotIn("again:", text)

    def test_places_open_from_here(self) -> None:
        tests = "fs/smb/client/tests"
        self.assertEqual(show.place(self.tree, "fs/smb/client/cifsfs.c", "3"),
                         f"{self.tree.path}/fs/smb/client/cifsfs.c:3")
        self.assertEqual(show.place(self.tree, f"{tests}/none.c", "3"), f"{tests}/none.c:3")

    def test_frames_of_a_report_end_with_it(self) -> None:
        log = ["[    0.1] BUG: x", "[    0.1]  [<60>] f+0x1/0x2", "[    0.1]  [<60>] ? g+0x1/0x2",
               "[    0.1]     ok 1 good", "[    0.1] h+0x1/0x2"]  # fmt: skip
        self.assertEqual(show.frames_after(log, 1), ["f+0x1/0x2"])
        self.assertEqual(show.frames_after(log, None), [])


class Command(unittest.TestCase):
    def test_says_what_the_user_said(self) -> None:
        given = arguments(tree="a tree", arch="x86_64", smp=4, sanitize="kcsan", mutant="m")
        words = "run --tree 'a tree' --arch x86_64 --smp 4 --kcsan --mutant m 'one.*'"
        self.assertTrue(show.command(given, "one.*").endswith(words))
