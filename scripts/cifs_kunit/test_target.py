# SPDX-License-Identifier: GPL-2.0
"""Unit tests of what a kernel is built for."""

import argparse
import tempfile
import unittest
from pathlib import Path

import target
from console import Trouble
from target import Target

CONFIG = """\
# A comment about CONFIG_NEW=y
CONFIG_OLD=y
CONFIG_NEW=y
CONFIG_NEWER="a value"

# CONFIG_OLD_TOO is not set
# CONFIG_NEW_TOO is not set
"""
FITTED = """\
# A comment about CONFIG_NEW=y
CONFIG_OLD=y

# CONFIG_OLD_TOO is not set
"""
# A kernel in which only one architecture has SMP, and that one no KCSAN.
KCONFIGS = {
    "lib/Kconfig.debug": "menuconfig A\n\tbool\n  config B_2\nconfigC\n",
    "lib/Kconfig.kasan": "config HAVE_ARCH_KASAN\nconfig KASAN\n",
    "lib/Kconfig.kcsan": "config HAVE_ARCH_KCSAN\nconfig KCSAN\n",
    "arch/um/Kconfig": "config UML\n\tselect HAVE_ARCH_KASAN if X86_64\n",
    "arch/x86/um/Kconfig": "config THREE_LEVEL\n",
    "arch/x86/Kconfig": "config SMP\n",
    "arch/arm/Kconfig": "config ARM\n\tselect HAVE_ARCH_KCSAN\n",
}


class Config(unittest.TestCase):
    def test_unknown_options_go(self) -> None:
        self.assertEqual(target.fitted_config(CONFIG, {"OLD", "OLD_TOO"}), FITTED)

    def test_the_later_line_counts(self) -> None:
        parts = ["# B\nCONFIG_A=y\nCONFIG_B=y\n", "# CONFIG_B is not set\n"]
        self.assertEqual(target.merged(parts), "# B\nCONFIG_A=y\n# CONFIG_B is not set\n")

    def test_fragments_are_there(self) -> None:
        for arch in target.ARCHS:
            for sanitize in (target.KASAN, target.KCSAN):
                for part in Target(arch, 2, sanitize).fragments:
                    self.assertTrue(target.options(part.read_text()), part)

    def test_variants(self) -> None:
        for wanted, variant in (
            (Target(), ""),
            (Target(smp=2), ".smp"),
            (Target(smp=4), ".smp"),
            (Target("x86_64"), ".x86_64"),
            (Target("x86_64", 2, "kcsan"), ".x86_64.kcsan"),
            (Target(sanitize="kasan"), ".kasan"),
        ):
            self.assertEqual(wanted.variant, variant)

    def test_number_of_processors(self) -> None:
        self.assertEqual(target.processors("2"), 2)
        for text in ("0", "-1", "65", "two", ""):
            with self.assertRaises(argparse.ArgumentTypeError):
                target.processors(text)


class Source(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.source = Path(directory.name)
        for name, text in KCONFIGS.items():
            (self.source / name).parent.mkdir(parents=True, exist_ok=True)
            (self.source / name).write_text(text)

    def test_known_options(self) -> None:
        common = {"A", "B_2", "HAVE_ARCH_KASAN", "HAVE_ARCH_KCSAN"}
        self.assertEqual(
            target.known_options(self.source, "um"), common | {"UML", "THREE_LEVEL", "KASAN"}
        )
        self.assertEqual(target.known_options(self.source, "x86_64"), common | {"SMP"})

    def test_what_is_lacking_is_told(self) -> None:
        lacking = target.check(self.source, Target(sanitize="kasan"), "line 1")
        self.assertNotIn("KASAN", lacking)
        self.assertIn("UBSAN", lacking)

    def test_no_target(self) -> None:
        for wanted, word in ((Target(smp=2), "no SMP on um"), (Target(sanitize="kcsan"), "KCSAN")):
            with self.assertRaisesRegex(Trouble, f"line 1 has .*{word}"):
                target.check(self.source, wanted, "line 1")
