# SPDX-License-Identifier: GPL-2.0
"""Unit tests of what the e2e command makes of a guest's words."""

import unittest

import e2e

GUEST = """\
[    0.100000] KTAP version 1
[    0.100000] 1..0
[    0.200000] WARNING: CPU: 0 PID: 1 at init/main.c:1 noise before the tests
KTAP version 1
1..1
    KTAP version 1
    # Subtest: cifs_e2e
    ok 1 start_and_mount
# task 8856 is 90
#   msleep+0x46/0x60
#   lookup_open.isra.0+0x353/0x6e0
# 1 of 11 tasks wait for each other
[    9.000000] INFO: task 8854:91 blocked for more than 30 seconds.
    not ok 2 put_deadlock
    ok 3 unmount # SKIP the mount hangs
    1..3
not ok 1 cifs_e2e
""".splitlines()


class Guest(unittest.TestCase):
    def test_stacks(self) -> None:
        stacks = e2e.guest_stacks(GUEST)
        self.assertEqual(stacks, {"8856": ["msleep", "lookup_open.isra.0"]})

    def test_all_of_the_report(self) -> None:
        self.assertEqual(len(e2e.REPORTED), 11)

    def test_same_functions_are_in_the_same_row(self) -> None:
        text = e2e.beside("1", ["msleep", "new", "put.isra.0"], ["put.cold.63", "close"])
        rows = [line.split() for line in text[1:]]
        self.assertEqual(rows, [["msleep"], ["new"], ["put.isra.0", "put.cold.63"], ["close"]])

    def test_verdict(self) -> None:
        outcome = e2e.outcome(GUEST)
        self.assertEqual([case.status for case in outcome.cases], ["passed", "failed", "skipped"])
        report = "INFO: task 8854:91 blocked for more than 30 seconds."
        self.assertEqual([(r.title, r.case, r.log_line) for r in outcome.reports],
                         [(report, "cifs_e2e.put_deadlock", 13)])  # fmt: skip

    def test_no_header(self) -> None:
        self.assertFalse(e2e.outcome(["Linux version 6.1"]).started)

    def test_killed(self) -> None:
        outcome = e2e.outcome(GUEST[:8])
        self.assertIn("incomplete", outcome.reports[0].title)


if __name__ == "__main__":
    unittest.main()
