# SPDX-License-Identifier: GPL-2.0
"""Unit tests of series and patches."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import series
from console import Trouble

FIX = """\
--- a/fs/smb/client/file.c
+++ b/fs/smb/client/file.c
@@ -1 +1 @@
-old
+new
"""


def patch(name: str, *needs: str) -> series.Patch:
    return series.Patch(f"{name}-x.patch", FIX, needs)


class Series(unittest.TestCase):
    def test_comments(self) -> None:
        text = "# all\n0001-a.patch\n\n0002-b.patch -p1 # needs 0001\n0003-c.patch # a word\n"
        text += "0004-d.patch # tests\n"
        expected = [("0001-a.patch", (), False), ("0002-b.patch", ("0001",), False),
                    ("0003-c.patch", (), False), ("0004-d.patch", (), True)]
        self.assertEqual(series.parse_series(text), expected)

    def test_states(self) -> None:
        patches = [patch("0001"), patch("0002", "0001"), patch("0003"), patch("0004", "0002")]
        patches += [replace(patch(name), for_tests=True) for name in ("0005", "0006")]
        for state, numbers in (
            ("fixed", ["0002", "0003", "0004", "0005", "0006"]),
            ("unfixed", ["0003", "0005", "0006"]),
            ("stock", ["0005", "0006"]),
        ):
            kept = series.after_fix(patches, state)
            self.assertEqual([item.number for item in kept], numbers)

    def test_other_directory(self) -> None:
        moved = patch("0001").moved_to("fs/cifs")
        self.assertEqual(moved.files, ["fs/cifs/file.c"])
        self.assertEqual(moved.moved_to("fs/smb/client").text, FIX)

    def test_outside_of_the_tree(self) -> None:
        with self.assertRaises(Trouble):
            _ = series.Patch("x", "--- a/../x\n+++ b/../x\n").files


class Apply(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        self.file = self.root / "source/fs/smb/client/file.c"
        self.file.parent.mkdir(parents=True)

    def bench(self, content: str) -> series.Workbench:
        self.file.write_text(content)
        return series.Workbench(self.root / "source", self.root)

    def test_state_fixed_with_the_fix_in(self) -> None:
        bench = self.bench("new\n")
        self.assertTrue(bench.has(patch("0001")))
        bench.reverse(patch("0001"))
        self.assertEqual(bench.content("fs/smb/client/file.c"), b"old\n")
        self.assertEqual(self.file.read_text(), "new\n")

    def test_failing_hunk_is_named(self) -> None:
        with self.assertRaisesRegex(Trouble, "0001-x.patch does not apply: .*file.c: hunk #1"):
            self.bench("other\n").apply(patch("0001"))

    def test_missing_file(self) -> None:
        bench = self.bench("")
        self.file.unlink()
        with self.assertRaises(Trouble):
            bench.apply(patch("0001"))
