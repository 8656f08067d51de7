# SPDX-License-Identifier: GPL-2.0
"""Unit tests of what a failed command is told with."""

import unittest

import process


class Reason(unittest.TestCase):
    def test_the_first_line(self) -> None:
        self.assertEqual(process.reason("\nfirst\nsecond\n"), "first")

    def test_a_full_disk_wherever_it_is_said(self) -> None:
        said = "Fatal error: can't write to icmp.o: 'No space left on device'"
        self.assertEqual(process.reason(f"make[3]: *** Error 1\n{said}\nmake: *** Error 2"), said)

    def test_nothing_said(self) -> None:
        self.assertEqual(process.reason(""), "no reason given")


if __name__ == "__main__":
    unittest.main()
