# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the coverage figure."""

import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict, List

import coverage
from console import Trouble

SOURCE = "int f(int a)\n{\n\tif (a)\n\t\tg();\n\treturn a;\n}\n"


def line(number: int, count: int, *branches: int) -> Dict[str, Any]:
    return {"line_number": number, "count": count, "branches": [{"count": b} for b in branches]}


def document(*lines: Dict[str, Any]) -> Dict[str, Any]:
    function = {"name": "f", "start_line": 1, "end_line": 6}
    other = {"name": "g", "start_line": 8, "end_line": 9}
    header = {"file": "f.h", "functions": [function], "lines": []}
    return {
        "files": [header, {"file": "f.c", "functions": [function, other], "lines": list(lines)}]
    }


class Coverage(unittest.TestCase):
    def judged(self, wanted: str, *lines: Dict[str, Any]) -> coverage.Figure:
        names = coverage.parse_wanted(wanted)
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "f.c").write_text(SOURCE)
            functions = coverage.functions_of(document(*lines), Path(directory), names)
        self.absent = coverage.absent(functions, names)
        return coverage.judge(functions, names)

    def faults(self, wanted: str, *lines: Dict[str, Any]) -> List[str]:
        return self.judged(wanted, *lines).faults

    def test_all_executed(self) -> None:
        figure = self.judged("f\n", line(3, 2, 1, 1), line(4, 1), line(5, 2), line(9, 0))
        self.assertEqual(figure.faults, [])
        self.assertEqual((figure.lines, figure.lines_executed), (3, 3))
        self.assertEqual((figure.branches, figure.branches_taken), (2, 2))

    def test_inlined_twice_is_added(self) -> None:
        lines = [line(3, 1, 1, 0), line(3, 1, 0, 1), line(4, 0), line(4, 1), line(5, 2)]
        self.assertEqual(self.faults("f\n", *lines), [])

    def test_what_is_not_executed_is_a_fault(self) -> None:
        faults = self.faults("f\n", line(3, 2, 2, 0), line(4, 0), line(5, 2))
        self.assertEqual(faults, [
            "f.c:3 f(): 1 of 2 branches not executed: if (a)",
            "f.c:4 f(): line not executed: g();",
        ])  # fmt: skip

    def test_reason(self) -> None:
        wanted = "# why\nf\n\tif (a) -- a is 0 -- always\n\tg(); -- as above\n"
        figure = self.judged(wanted, line(3, 2, 2, 0), line(4, 0), line(5, 2))
        self.assertEqual(figure.faults, [])
        self.assertEqual((figure.lines_excused, figure.branches_excused), (1, 1))

    def test_reason_not_needed_any_more(self) -> None:
        faults = self.faults("f\n\tg(); -- never\n", line(3, 2, 1, 1), line(4, 1), line(5, 2))
        self.assertEqual(faults, ["f(): needs no reason any more: g();"])

    def test_what_is_named_must_be_there(self) -> None:
        self.judged("f\n\th(); -- gone\ne\n", line(3, 2, 1, 1))
        self.assertEqual(len(self.absent), 2)
        self.assertIn("has no e", self.absent[0])
        self.assertIn("has no f: h();", self.absent[1])

    def test_malformed(self) -> None:
        for text in ("\tg(); -- no function\n", "f\n\tg();\n", "f\n\tg(); -- \n"):
            with self.assertRaises(Trouble):
                coverage.parse_wanted(text)


if __name__ == "__main__":
    unittest.main()
