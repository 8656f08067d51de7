# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the choice of a series."""

import tempfile
import unittest
from pathlib import Path
from typing import Dict, List
from unittest import mock

import fitting
from console import Trouble
from series import Misfit, Patch

CLIENT = "fs/smb/client"
FILE = f"{CLIENT}/file.c"
SOURCE = "".join(f"{word}\n" for word in "zero one two three old five six seven eight".split())


def patch(name: str, text: str) -> Patch:
    return Patch(f"{name}.patch", f"--- a/{FILE}\n+++ b/{FILE}\n{text}")


FIX = "@@ -{0},7 +{0},7 @@\n {1}\n two\n three\n-old\n+new\n five\n six\n seven\n"
EXACT, MOVED = patch("0001-fix", FIX.format(2, "one")), patch("0001-fix", FIX.format(6, "one"))
FUZZY = patch("0001-fix", FIX.format(2, "1"))
WRONG = patch("0001-fix", "@@ -2,1 +2,1 @@\n-another\n+new\n")
HOOKS = patch("0002-hooks", "@@ -9,1 +9,2 @@\n eight\n+hooks\n")
NO_HOOKS = patch("0002-hooks", "@@ -9,1 +9,1 @@\n-nine\n+hooks\n")


class Find(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.source = Path(directory.name)
        (self.source / CLIENT).mkdir(parents=True)
        (self.source / FILE).write_text(SOURCE)
        looks = mock.patch("semantic.first_lack", return_value="")
        self.first_lack = looks.start()
        self.addCleanup(looks.stop)

    def find(
        self, lines: Dict[str, List[Patch]], kunit: bool = True, state: str = "fixed"
    ) -> fitting.Fit:
        rules = mock.patch("semantic.bring_fix", side_effect=Trouble("rule 'x'"))
        with mock.patch.object(fitting, "read_series", lines.get), rules:
            return fitting.find(self.source, CLIENT, list(lines), state, kunit)

    def test_exact_beats_offset_beats_fuzz(self) -> None:
        lines = {"f": [FUZZY, HOOKS], "m": [MOVED, HOOKS], "e": [EXACT, HOOKS]}
        self.assertEqual(self.find(lines).line, "e")
        del lines["e"]
        self.assertEqual(self.find(lines).misfit, Misfit(0, 4))
        del lines["m"]
        self.assertIn("with fuzz", self.find(lines).closeness)

    def test_fuzz_that_goes_wrong(self) -> None:
        self.first_lack.return_value = "rule 'y'"
        self.assertEqual(self.find({"e": [EXACT, HOOKS]}).line, "e")
        with self.assertRaisesRegex(Trouble, "applies with fuzz, but does not do what rule 'y'"):
            self.find({"f": [FUZZY, HOOKS]})

    def test_nothing_fits(self) -> None:
        with self.assertRaisesRegex(Trouble, "line w: 0001.*hunk #1 fails.*; rule 'x'$"):
            self.find({"w": [WRONG, HOOKS]})

    def test_suites_that_do_not_fit(self) -> None:
        fit = self.find({"n": [EXACT, NO_HOOKS]})
        self.assertFalse(fit.suites)
        self.assertRegex(fit.why_no_suites, "0002-hooks.patch does not apply: .* hunk #1")

    def test_no_kunit(self) -> None:
        fit = self.find({"n": [EXACT, HOOKS]}, kunit=False)
        self.assertEqual((fit.suites, fit.why_no_suites), (False, fitting.NO_KUNIT))

    def test_fix_that_cannot_be_taken_out(self) -> None:
        (self.source / FILE).write_text(f"{SOURCE}queue_work(fileinfo_put_wq, cifsFileInfo_put);\n")
        with self.assertRaisesRegex(Trouble, "line e: 0001-fix.patch does not reverse: .*hunk #1"):
            self.find({"e": [EXACT, HOOKS]}, state="unfixed")
