# SPDX-License-Identifier: GPL-2.0
"""The README's table of what was tried, out of the results of the last whole runs."""

import argparse
import json
import re
from collections import Counter
from typing import Any, Dict, Iterable, List, Optional

from console import say
from layout import LINES, REPO, results_dir
from result import in_words

README = REPO / "README.md"
BEGIN, END = "<!-- scripts/cifs-kunit table --write -->\n", "<!-- end of the table -->\n"
COLUMNS = ("line", "kernel", "cases", "fixed", "unfixed", "SMP", "sanitizers")

Result = Dict[str, Any]
Row = Dict[str, str]


def read_results() -> List[Result]:
    return [json.loads(file.read_text()) for file in sorted(results_dir().glob("*.json"))]


def verdict(result: Result) -> str:
    """In cases; a kernel that fails one may complain of it more or less often."""
    return in_words(Counter(case["status"] for case in result["cases"]))


def where(result: Result) -> str:
    processors = f" x {result['smp']}" if result["smp"] > 1 else ""
    sanitizer = f", {result['sanitize'].upper()}" if result["sanitize"] else ""
    return f"{result['arch']}{processors}{sanitizer}"


def plain(result: Result) -> bool:
    return bool(result["arch"] == "um" and result["smp"] == 1 and not result["sanitize"])


def row(line: str, results: Iterable[Result]) -> Row:
    cells: Row = {"line": line}
    smp: List[str] = []
    sanitized: List[str] = []
    for result in results:
        cells["kernel"] = result["kernel"]
        if plain(result) and result["state"] in COLUMNS:
            cells[result["state"]] = verdict(result)
        elif result["state"] == "fixed":
            for column, of_it in ((smp, result["smp"] > 1), (sanitized, result["sanitize"])):
                if of_it:
                    column.append(f"{where(result)}: {verdict(result)}")
        if plain(result) and result["state"] == "fixed":
            cells["cases"] = str(len(result["cases"]))
    cells["SMP"], cells["sanitizers"] = "; ".join(smp), "; ".join(sanitized)
    return cells


def rows(results: List[Result]) -> List[Row]:
    by_line = {line: [r for r in results if r["line"] == line] for line in LINES}
    return [row(line, found) for line, found in by_line.items() if found]


def markdown(table: List[Row]) -> str:
    lines = [list(COLUMNS), ["---"] * len(COLUMNS)]
    lines += [[cells.get(column, "") for column in COLUMNS] for cells in table]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def parse(text: str) -> List[Row]:
    found = re.search(re.escape(BEGIN) + "(.*?)" + re.escape(END), text, re.DOTALL)
    lines = found[1].splitlines()[2:] if found else []
    return [dict(zip(COLUMNS, (cell.strip() for cell in line.split("|")[1:]))) for line in lines]


def difference(documented: List[Row], measured: Row) -> Optional[str]:
    """What a README row says that a run of the same kernel does not, if anything."""
    for cells in documented:
        if (cells["line"], cells["kernel"]) == (measured["line"], measured["kernel"]):
            for column, value in measured.items():
                if value and cells.get(column) != value:
                    return f"{measured['line']}, {column}: '{cells.get(column)}', but was '{value}'"
            return None
    return None


def table(args: argparse.Namespace) -> int:
    text = markdown(rows(read_results()))
    if args.write:
        readme = README.read_text()
        head, _, rest = readme.partition(BEGIN)
        README.write_text(head + BEGIN + text + END + rest.partition(END)[2])
    else:
        say(text.rstrip("\n"))
    return 0
