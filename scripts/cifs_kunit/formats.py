# SPDX-License-Identifier: GPL-2.0
"""Results for other programs: JSON, JUnit's XML, and the kernel's own KTAP."""

import json
import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple
from xml.etree import ElementTree

from result import FAILED, PASSED, SKIPPED, START, Case, Outcome, Report

# What XML 1.0 has no way to write.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
KERNEL_LOG = "kernel log"


def write_json(file: Path, about: Dict[str, Any], outcome: Outcome) -> None:
    document = {
        **about,
        "passed": outcome.count(PASSED),
        "failed": outcome.failed,
        "skipped": outcome.count(SKIPPED),
        "reports": [asdict(report) for report in outcome.reports],
        "cases": [asdict(case) for case in outcome.cases],
    }
    file.write_text(json.dumps(document, indent=2) + "\n")


def _text(text: Optional[str]) -> str:
    return NOT_XML.sub("\ufffd", text or "")


def _seconds(cases: List[Case]) -> Dict[str, str]:
    """The attribute, if it is known of any."""
    known = [case.seconds for case in cases if case.seconds is not None]
    return {"time": f"{sum(known):.6f}"} if known else {}


def _report_cases(reports: List[Report]) -> List[Case]:
    """As cases: the name is that of the case it came in, and must be the only one of the kind."""
    seen: "Counter[str]" = Counter()
    cases = []
    for report in reports:
        name = report.case or "in no case"
        seen[name] += 1
        name += f" ({seen[name]})" if seen[name] > 1 else ""
        cases.append(Case(KERNEL_LOG, name, FAILED, str(report)))
    return cases


def _suites(outcome: Outcome) -> List[Tuple[str, List[Case]]]:
    suites: Dict[str, List[Case]] = {}
    for case in [*outcome.cases, *_report_cases(outcome.reports)]:
        suites.setdefault(case.suite, []).append(case)
    return list(suites.items())


def _counts(cases: List[Case]) -> Dict[str, str]:
    statuses = Counter(case.status for case in cases)
    return {
        "tests": str(len(cases)),
        "failures": str(statuses[FAILED]),
        "errors": "0",
        "skipped": str(statuses[SKIPPED]),
    }


def _add_case(suite: ElementTree.Element, case: Case) -> None:
    names = {"classname": _text(case.suite), "name": _text(case.name or case.suite)}
    element = ElementTree.SubElement(suite, "testcase", {**names, **_seconds([case])})
    reason = _text(case.reason)
    first = reason.partition("\n")[0]
    if case.status == FAILED:
        ElementTree.SubElement(element, "failure", message=first, type="failure").text = reason
    elif case.status == SKIPPED:
        ElementTree.SubElement(element, "skipped", message=first)


def junit(about: Dict[str, Any], outcome: Outcome) -> ElementTree.ElementTree:
    """As Jenkins and GitLab read it: a testsuite for each suite, one for the kernel's log."""
    name = f"cifs-kunit {about['kernel']} {about['state']} {about['arch']}"
    suites = _suites(outcome)
    cases = [case for _, members in suites for case in members]
    totals = _counts(cases)
    del totals["skipped"]  # the root has no such attribute
    root = ElementTree.Element("testsuites", {"name": name, **totals, **_seconds(cases)})
    for suite, members in suites:
        attributes = {"name": _text(suite), **_counts(members), **_seconds(members)}
        element = ElementTree.SubElement(root, "testsuite", attributes)
        properties = ElementTree.SubElement(element, "properties")
        for key, value in about.items():
            if value:
                ElementTree.SubElement(properties, "property", name=key, value=_text(str(value)))
        for case in members:
            _add_case(element, case)
    return ElementTree.ElementTree(root)


def write_junit(file: Path, about: Dict[str, Any], outcome: Outcome) -> None:
    junit(about, outcome).write(file, encoding="utf-8", xml_declaration=True)


def write_ktap(file: Path, log: Path) -> None:
    """The kernel's words from the first of KTAP's on, with nothing changed."""
    lines = log.read_bytes().splitlines(keepends=True) if log.is_file() else []
    starts = (n for n, line in enumerate(lines) if START.search(line.decode(errors="replace")))
    start = next(starts, len(lines))
    file.write_bytes(b"".join(lines[start:]))
