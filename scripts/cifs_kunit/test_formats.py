# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the results for other programs."""

import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

import formats
from result import FAILED, PASSED, SKIPPED, Case, Outcome, Report

ABOUT = {"line": "6.1", "kernel": "6.1.9", "state": "fixed", "arch": "um", "mutant": None}
CASES = [
    Case("one", "good", PASSED, None, 3, 0.25),
    Case("one", "bad/small", FAILED, "EXPECTATION FAILED at x.c:1\n\x1b[1m<&>\x00", 5, 0.5),
    Case("two", "left out", SKIPPED, "no queue here", 7),
]
REPORTS = [Report("BUG: x", 4, "one.good"), Report("BUG: y", 6, "one.good"), Report("BUG: z")]


def written() -> ElementTree.Element:
    """As a reader has it, which takes no byte that XML does not."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "junit.xml"
        formats.write_junit(file, ABOUT, Outcome(CASES, REPORTS))
        return ElementTree.parse(file).getroot()


class JUnit(unittest.TestCase):
    def setUp(self) -> None:
        self.root = written()

    def test_counts_are_of_what_is_there(self) -> None:
        suites = self.root.findall("testsuite")
        self.assertEqual([suite.get("name") for suite in suites], ["one", "two", "kernel log"])
        for suite in [self.root, *suites]:
            for attribute, tag in (("tests", "testcase"), ("failures", "failure")):
                self.assertEqual(suite.get(attribute), str(len(list(suite.iter(tag)))))
            self.assertEqual(suite.get("errors"), "0")
        self.assertEqual([suite.get("skipped") for suite in suites], ["0", "1", "0"])

    def test_times_where_known(self) -> None:
        times = [case.get("time") for case in self.root.iter("testcase")]
        self.assertEqual(times[:3], ["0.250000", "0.500000", None])
        suites = [suite.get("time") for suite in self.root.findall("testsuite")]
        self.assertEqual(suites, ["0.750000", None, None])

    def test_reasons(self) -> None:
        failures = [failure for failure in self.root.iter("failure")]
        self.assertEqual(failures[0].get("message"), "EXPECTATION FAILED at x.c:1")
        self.assertEqual(failures[0].text, "EXPECTATION FAILED at x.c:1\n\ufffd[1m<&>\ufffd")
        self.assertEqual(failures[1].text, "BUG: x (line 4 of the kernel's log), during one.good")
        self.assertEqual([s.get("message") for s in self.root.iter("skipped")], ["no queue here"])

    def test_no_two_cases_have_one_name(self) -> None:
        names = [(case.get("classname"), case.get("name")) for case in self.root.iter("testcase")]
        self.assertEqual(len(set(names)), len(names))
        self.assertIn(("kernel log", "one.good (2)"), names)

    def test_properties(self) -> None:
        found = {p.get("name"): p.get("value") for p in self.root.iter("property")}
        self.assertEqual(found, {key: value for key, value in ABOUT.items() if value})


class Ktap(unittest.TestCase):
    def test_no_byte_is_changed(self) -> None:
        ktap = b"[    0.1] KTAP version 1\r\n[    0.1]     KTAP version 1\n \xff\x00 \n# end"
        with tempfile.TemporaryDirectory() as name:
            log, file = Path(name) / "log", Path(name) / "ktap"
            log.write_bytes(b"[    0.0] Linux \xfe\n" + ktap)
            formats.write_ktap(file, log)
            self.assertEqual(file.read_bytes(), ktap)
            formats.write_ktap(file, Path(name) / "none")
            self.assertEqual(file.read_bytes(), b"")
