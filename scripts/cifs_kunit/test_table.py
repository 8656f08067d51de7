# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the table."""

import unittest
from typing import Any

import table


def result(passed: int = 2, failed: int = 0, skipped: int = 1, **changes: Any) -> table.Result:
    cases = ["passed"] * passed + ["failed"] * failed + ["skipped"] * skipped
    plain = {
        "line": "6.1", "kernel": "6.1.192", "state": "fixed", "arch": "um", "smp": 1,
        "sanitize": "", "cases": [{"status": status} for status in cases],
    }  # fmt: skip
    return {**plain, **changes}


class Table(unittest.TestCase):
    def test_row(self) -> None:
        cells = table.row("6.1", [
            result(),
            result(state="unfixed", passed=1, failed=1, skipped=0),
            result(arch="um", smp=2),
            result(sanitize="kasan"),
            result(arch="x86_64", smp=4, sanitize="kcsan"),
        ])  # fmt: skip
        self.assertEqual(cells["cases"], "3")
        self.assertEqual(cells["fixed"], "2 passed, 1 skipped")
        self.assertEqual(cells["unfixed"], "1 passed, 1 failed")
        both = "x86_64 x 4, KCSAN: 2 passed, 1 skipped"
        self.assertEqual(cells["SMP"], f"um x 2: 2 passed, 1 skipped; {both}")
        self.assertEqual(cells["sanitizers"], f"um, KASAN: 2 passed, 1 skipped; {both}")

    def test_what_is_written_can_be_read(self) -> None:
        written = table.rows([result()])
        text = f"before\n{table.BEGIN}{table.markdown(written)}{table.END}after\n"
        read = table.parse(text)
        self.assertIsNone(table.difference(read, written[0]))
        changed = table.rows([result(passed=1, failed=1)])
        self.assertIn("fixed", table.difference(read, changed[0]) or "")

    def test_another_kernel_is_no_difference(self) -> None:
        read = table.rows([result()])
        newer = table.rows([result(kernel="6.1.193", passed=9)])
        self.assertIsNone(table.difference(read, newer[0]))


if __name__ == "__main__":
    unittest.main()
