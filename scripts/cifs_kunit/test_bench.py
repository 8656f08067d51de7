# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the bench."""

import argparse
import unittest

import bench

LOG = """\
[    0.170000]     # takes_its_time: put, caller: 400 samples, quartiles 432 448 464 ns
[    0.170000]         ok 1 put
[    1.370000]     # takes_its_time: put, lock_sem held, end: 20 samples, quartiles 5 60 700 ns
[    1.370000]     # takes_its_time: pass:6 fail:0 skip:0 total:6
"""


def boot(put: int, inline: int = 100) -> bench.Times:
    plain = {span: put for span in (*bench.SPANS, bench.HELD)}
    return {**plain, **{bench.INLINE + span: inline for span in bench.SPANS}}


class Reading(unittest.TestCase):
    def test_medians(self) -> None:
        times = bench.read_times(LOG.splitlines())
        self.assertEqual(times, {"put, caller": 448, "put, lock_sem held, end": 60})


class Arithmetic(unittest.TestCase):
    def test_ratios_are_of_pairs(self) -> None:
        """Not of the medians, which here would be 1."""
        line = bench.row("put", [(100, 150), (200, 100), (300, 600)])
        words = ["put", "200", "ns", "150", "ns", "1.50", "1.00", "to", "1.75"]
        self.assertEqual(line.split(), words)

    def test_one_pair(self) -> None:
        self.assertEqual(bench.row("", [(100, 125)]).split()[-4:], ["1.25", "1.25", "to", "1.25"])

    def test_small_ratios_are_fractions(self) -> None:
        shown = [bench.times(ratio) for ratio in (12.0, 0.5, 0.1, 1 / 8000)]
        self.assertEqual(shown, ["12.00", "0.50", "1/10", "1/8000"])

    def test_durations(self) -> None:
        shown = [bench.duration(ns) for ns in (448, 999.6, 6656, 58_306_304, 5_000_000_000)]
        self.assertEqual(shown, ["448 ns", "1 us", "6.66 us", "58.3 ms", "5 s"])

    def test_what_is_compared(self) -> None:
        lines = bench.table([bench.Pair(unfixed=boot(100), fixed=boot(200, inline=50))])
        self.assertIn("for 100 ns", lines[0])
        fix, offload = lines[2 : 2 + len(bench.SPANS)], lines[3 + len(bench.SPANS) :]
        self.assertTrue(all(" 2.00 " in line for line in fix), fix)
        self.assertTrue(all(" 4.00 " in line for line in offload), offload)
        self.assertEqual(len(offload), 4)


class Usage(unittest.TestCase):
    def test_pairs(self) -> None:
        self.assertEqual(bench.pairs("3"), 3)
        for text in ("0", "-1", "many", "101"):
            with self.assertRaises(argparse.ArgumentTypeError):
                bench.pairs(text)


if __name__ == "__main__":
    unittest.main()
