# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the soak command."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from typing import Tuple

import soak
from tree import Tree

LOG = """\
KTAP version 1
1..1
    # Subtest: suite
    1..1
    {} 1 case
{} 1 suite
"""


class Soak(unittest.TestCase):
    def noted(self, text: str, status: int = 0) -> Tuple[soak.Soak, str, bool]:
        """The count, what is said, and whether the log is kept."""
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory) / "7.log"
            log.write_text(text)
            going = soak.Soak("6.1", Path(directory))
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                going.note(7, status)
            return going, said.getvalue(), log.exists()

    def test_good_boot_leaves_nothing(self) -> None:
        going, said, kept = self.noted(LOG.format("ok", "ok"))
        self.assertEqual((going.boots, going.flakes, going.cases), (1, 0, 1))
        self.assertEqual((said, kept), ("", False))

    def test_flake_is_told_with_what_replays_it(self) -> None:
        going, said, kept = self.noted(LOG.format("not ok", "not ok"))
        self.assertEqual((going.flakes, kept), (1, True))
        self.assertIn("suite.case: scripts/cifs-kunit soak --kernel 6.1 --seed 7 --boots 1", said)

    def test_slow_machine_is_told_from_a_flake(self) -> None:
        text = "KTAP version 1\n1..2\n    # Subtest: suite\n"
        self.assertIn("time limit", self.noted(text, 124)[1])
        self.assertNotIn("time limit", self.noted(text, 1)[1])

    def test_boot_that_ends_early(self) -> None:
        for text in ("", "KTAP version 1\n1..2\n    # Subtest: suite\n"):
            self.assertEqual(self.noted(text)[0].flakes, 1)

    def test_each_boot_has_its_seed(self) -> None:
        self.assertEqual(soak.seeds_of(1, 3), [1, 2, 3])
        script = soak.boot_script(Tree(Path("/t"), Path("/s")), Path("/logs"))
        for name in soak.SEEDED:
            self.assertIn(f"{name}={soak.SEED}", script)


if __name__ == "__main__":
    unittest.main()
