# SPDX-License-Identifier: GPL-2.0
"""Unit tests of what is laid over a tree."""

import tempfile
import unittest
from pathlib import Path

import tree

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


class Config(unittest.TestCase):
    def test_unknown_options_go(self) -> None:
        self.assertEqual(tree.fitted_config(CONFIG, {"OLD", "OLD_TOO"}), FITTED)

    def test_known_options(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name) / "lib"
            directory.mkdir()
            text = "menuconfig A\n\tbool\n  config B_2\nconfigC\n"
            (directory / "Kconfig.debug").write_text(text)
            self.assertEqual(tree.known_options(Path(name)), {"A", "B_2"})
