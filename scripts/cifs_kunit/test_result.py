# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the verdict, on small made-up logs."""

import unittest
from typing import Any, Dict

import result

HEAD = """\
[    0.000000] WARNING: CPU: 0 PID: 0 at arch/um/boot.c:1 noise before the tests
[    0.100000] KTAP version 1
[    0.100000] 1..1
[    0.100000]     KTAP version 1
[    0.100000]     # Subtest: suite
[    0.100000]     1..3
"""
WARN = """\
[    0.200000] ------------[ cut here ]------------
[    0.200000] refcount_t: underflow; use-after-free.
[    0.200000] WARNING: CPU: 0 PID: 12 at lib/refcount.c:28
[    0.200000] BUG: part of the same report
[    0.200000] ---[ end trace 0000000000000000 ]---
"""
TAIL = """\
[    0.300000]     ok 1 first
[    0.300000]         KTAP version 1
[    0.300000]         # Subtest: second
[    0.300000]         ok 1 small
[    0.300000]     # second: EXPECTATION FAILED at fs/x.c:12
[    0.300000]     Expected 1 == 2, but
[    0.300000]         not ok 2 large
[    0.300000]     not ok 2 second
[    0.300000]     ok 3 third # SKIP no queue here
[    0.300000] # suite: pass:1 fail:1 skip:1 total:3
[    0.300000] not ok 1 suite
"""
REPORTS = (
    "WARNING: possible circular locking dependency detected",
    "WARNING: possible recursive locking detected",
    "WARNING: inconsistent lock state",
    "BUG: sleeping function called from invalid context at kernel/x.c:1",
    "BUG: KASAN: slab-use-after-free in cifs_close",
    "UBSAN: shift-out-of-bounds in fs/x.c:1:2",
    "kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "INFO: task kworker/0:1:12 blocked for more than 120 seconds.",
    "INFO: trying to register non-static key.",
    "VFS: Busy inodes after unmount of cifs (cifs)",
    "BUG: Dentry 00000000aaaaaaaa{i=1,n=f}  still in use (1) [unmount of cifs cifs]",
    "list_del corruption, 00000000aaaaaaaa->next is LIST_POISON1",
    "ODEBUG: free active (active state 0) object type: work_struct",
    "Kernel panic - not syncing: Kernel mode fault at addr 0x0",
    "general protection fault: 0000 [#1]",
)
HARMLESS = (
    "kmemleak: Automatic memory scanning thread started",
    "    # first: the test says WARNING: and BUG: of itself",
    "CIFS: VFS: an error that a test asked for",
)


MOUNT = """\
[    0.100000] KTAP version 1
[    0.100000] 1..2
[    0.100000]     KTAP version 1
[    0.100000]     # Subtest: other
[    0.100000]     1..1
[    0.100000]     ok 1 case
[    0.100000] ok 1 other
[    0.100000]     KTAP version 1
[    0.100000]     # Subtest: cifs_mount_x
[    0.100000]     1..3
[    0.200000]     ok 1 first
"""
HANG = """\
[    0.300000]     # second: the cases on a mount that are left need a new boot: cifs_mount.skip=2
[    0.300000]     not ok 2 second
[    0.300000]     ok 3 third # SKIP second spoilt this boot
[    0.300000] not ok 2 cifs_mount_x
"""
CRASH = """\
[    0.300000] VFS: Busy inodes after unmount of cifs (cifs)
[    0.300000] Kernel panic - not syncing: BUG!
"""
RESUMED = """\
[    0.100000] KTAP version 1
[    0.100000] 1..1
[    0.100000]     KTAP version 1
[    0.100000]     # Subtest: cifs_mount_x
[    0.100000]     1..3
[    0.200000]     ok 1 first # SKIP cifs_mount.skip
[    0.200000]     ok 2 second # SKIP cifs_mount.skip
[    0.200000]     ok 3 third
[    0.200000] ok 1 cifs_mount_x
"""


class Resume(unittest.TestCase):
    def resumed(self, end: str) -> result.Outcome:
        first = result.read_log((MOUNT + end).splitlines())
        self.assertEqual(first.done, 2)
        later = result.read_log(RESUMED.splitlines())
        self.assertIsNone(later.done)
        return result.outcome_of(result.resumed(first, 2, later))

    def statuses(self, outcome: result.Outcome) -> Dict[str, str]:
        return {case.full_name: case.status for case in outcome.cases}

    def test_behind_a_hang(self) -> None:
        outcome = self.resumed(HANG)
        self.assertEqual(
            self.statuses(outcome),
            {
                "other.case": "passed",
                "cifs_mount_x.first": "passed",
                "cifs_mount_x.second": "failed",
                "cifs_mount_x.third": "passed",
            },
        )
        self.assertEqual(outcome.cases[-1].log_line, len((MOUNT + HANG).splitlines()) + 8)
        self.assertEqual(outcome.reports, [])

    def test_behind_a_panic(self) -> None:
        outcome = self.resumed(CRASH)
        self.assertEqual(self.statuses(outcome)["cifs_mount_x.second"], "failed")
        self.assertEqual(self.statuses(outcome)["cifs_mount_x.third"], "passed")
        self.assertEqual({report.case for report in outcome.reports}, {"cifs_mount_x.second"})

    def test_nothing_to_resume(self) -> None:
        self.assertIsNone(result.read_log((HEAD + TAIL).splitlines()).done)


class ReadLog(unittest.TestCase):
    def test_every_report_is_seen(self) -> None:
        for text in REPORTS:
            log = result.read_log(f"{HEAD}[    0.200000] {text}\n{TAIL}".splitlines())
            self.assertEqual([(r.title, r.case) for r in log.reports], [(text, "suite.first")])

    def test_harmless_lines_are_not(self) -> None:
        for text in HARMLESS:
            log = result.read_log(f"{HEAD}[    0.200000] {text}\n{TAIL}".splitlines())
            self.assertEqual(log.reports, [])

    def test_one_warning_is_one_report(self) -> None:
        log = result.read_log((HEAD + WARN + WARN + TAIL).splitlines())
        self.assertEqual(len(log.reports), 2)
        self.assertEqual(log.reports[0].log_line, 8)

    def test_after_the_last_case(self) -> None:
        log = result.read_log((HEAD + TAIL + "BUG: late\n").splitlines())
        self.assertEqual([report.case for report in log.reports], [None])

    def test_end_in_the_middle(self) -> None:
        middle = TAIL.splitlines()[:4]
        log = result.read_log([*HEAD.splitlines(), *middle, "Kernel panic - not syncing"])
        self.assertEqual(log.unfinished, "suite.second")
        self.assertEqual([report.case for report in log.reports], ["suite.second"])

    def test_end_of_the_only_case(self) -> None:
        head = HEAD.splitlines()[:-1]
        log = result.read_log([*head, "Kernel panic - not syncing"]).of_boot("suite.first")
        self.assertEqual(log.unfinished, "suite.first")
        self.assertEqual([report.case for report in log.reports], ["suite.first"])

    def test_reasons(self) -> None:
        ended = result.read_log((HEAD + TAIL).splitlines()).ended
        self.assertEqual(ended["suite.third"].reason, "no queue here")
        self.assertIn("Expected 1 == 2", str(ended["suite.second/large"].reason))
        self.assertEqual(ended["suite.second/large"].log_line, 11)

    def test_times(self) -> None:
        ended = result.read_log((HEAD + TAIL).splitlines()).ended
        self.assertEqual(ended["suite.first"].seconds, 0.2)
        self.assertEqual(ended["suite.third"].seconds, 0.0)
        bare = [line.partition("] ")[2] for line in (HEAD + TAIL).splitlines()]
        self.assertEqual({case.seconds for case in result.read_log(bare).ended.values()}, {None})

    def test_cases_without_kunit_py(self) -> None:
        log = result.read_log((HEAD + TAIL).splitlines())
        found = [(case.suite, case.name, case.status) for case in log.cases]
        self.assertEqual(found, [
            ("suite", "first", result.PASSED), ("suite", "second/small", result.PASSED),
            ("suite", "second/large", result.FAILED), ("suite", "third", result.SKIPPED),
        ])  # fmt: skip
        self.assertEqual((log.suites, log.planned), (1, 1))

    def test_a_skip_that_only_the_case_says(self) -> None:
        text = TAIL.replace("not ok 2 large", "ok 2 large")
        text = text.replace("not ok 2 second", "ok 2 second # SKIP no second processor")
        ended = result.read_log((HEAD + text).splitlines()).ended
        small = ended["suite.second/small"]
        self.assertEqual((small.status, small.reason), (result.SKIPPED, "no second processor"))
        self.assertEqual(ended["suite.second/large"].status, result.SKIPPED)
        self.assertEqual(ended["suite.first"].status, result.PASSED)
        said = result.Case("suite", "second/small", result.PASSED)
        self.assertEqual(result.as_logged(said, small).status, result.SKIPPED)

    def test_a_skip_hides_no_failure(self) -> None:
        text = TAIL.replace("not ok 2 second", "ok 2 second # SKIP")
        large = result.read_log((HEAD + text).splitlines()).ended["suite.second/large"]
        self.assertEqual(large.status, result.FAILED)
        said = result.Case("suite", "third", result.FAILED)
        logged = result.Case("suite", "third", result.SKIPPED)
        self.assertEqual(result.as_logged(said, logged).status, result.FAILED)

    def test_no_case_of_that_name(self) -> None:
        said = ["TAP version 14", "1..0"]
        self.assertTrue(result.outcome_of(result.read_log(said)).nothing_matched)
        said = ["TAP version 14", "1..1", "Kernel panic - not syncing"]
        self.assertFalse(result.outcome_of(result.read_log(said)).nothing_matched)

    def test_no_ktap(self) -> None:
        self.assertFalse(result.read_log(["Kernel panic - not syncing"]).started)


def group(name: str, cases: Dict[str, str], *groups: Dict[str, Any]) -> Dict[str, Any]:
    test_cases = [{"name": case, "status": status} for case, status in cases.items()]
    return {"name": name, "test_cases": test_cases, "sub_groups": list(groups)}


class ReadCases(unittest.TestCase):
    def test_parameters_count_as_kunit_counts_them(self) -> None:
        param = group("second", {"small": "PASS", "large": "FAIL"})
        suite = group("suite", {"first": "ERROR", "third": "SKIP"}, param)
        cases = result.read_cases(
            {"test_cases": [{"name": "gone", "status": "ERROR"}], "sub_groups": [suite]}
        )
        self.assertEqual(
            [(result.full_name([case.suite, case.name]), case.status) for case in cases],
            [
                ("gone", "failed"),
                ("suite.first", "failed"),
                ("suite.third", "skipped"),
                ("suite.second/small", "passed"),
                ("suite.second/large", "failed"),
            ],
        )


class Verdict(unittest.TestCase):
    def setUp(self) -> None:
        self.outcome = result.Outcome([result.Case("suite", "first", result.PASSED)])

    def test_reports_are_failures(self) -> None:
        self.outcome.reports.append(result.Report("BUG: x", 7, "suite.first"))
        self.assertEqual(self.outcome.failed, 1)
        self.assertEqual(self.outcome.failed_names, {"suite.first"})

    def test_all_is_well(self) -> None:
        output = ["[20:00:00] Testing complete. Ran 1 tests: passed: 1"]
        self.assertEqual(result.incomplete(self.outcome, output, 0), [])

    def test_missing_cases(self) -> None:
        for output, status in (
            ("Testing complete. Ran 1 tests: passed: 1, errors: 1", 1),
            ("Testing complete. Ran 2 tests: passed: 2", 0),
            ("Testing complete. Ran 1 tests: passed: 1", 1),
            ("", 1),
        ):
            self.assertEqual(len(result.incomplete(self.outcome, [output], status)), 1)

    def test_time_limit(self) -> None:
        output = ["Command '['.kunit/linux', 'mem=1G']' timed out after 120 seconds"]
        output += ["Testing complete. Ran 1 tests: passed: 1, errors: 1"]
        found = result.incomplete(self.outcome, output, 1)
        self.assertEqual(found, ["the kernel did not end: it timed out after 120 seconds"])

    def test_closing_line(self) -> None:
        self.assertEqual(result.closing_line(3, 0), "3 passed, 0 failed")
        self.assertEqual(result.closing_line(3, 1, 2), "3 passed, 1 failed, 2 skipped")

    def test_patterns(self) -> None:
        self.assertTrue(result.matches("suite.case/small", "suite.case"))
        self.assertTrue(result.matches("suite.case", "suite.*"))
        self.assertFalse(result.matches("suite.case2", "suite.case"))
