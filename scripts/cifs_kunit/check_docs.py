# SPDX-License-Identifier: GPL-2.0
"""Tests that the documentation says what the source has."""

import re
from pathlib import Path
from typing import Callable, Iterable, List, Set, Tuple

from check_base import Bench, expect
from fitting import Fit
from layout import DEFAULT_LINE, REPO
from tree import patched

QUEUES_RST = REPO / "Documentation/filesystems/cifs/queues.rst"
# The legacy dialect and RDMA are not built, and RDMA has queues of its own.
LEFT_OUT = {"cifssmb.c", "smb1ops.c", "smbdirect.c"}
FUNCTION = re.compile(r"^(?![#/\s])(?:[\w\s*]*[\s*])?(\w+)\([^;]*$")
QUEUEING = re.compile(r"\b(?:queue_work|queue_delayed_work|mod_delayed_work)\((\w+_wq)\b")

Site = Tuple[str, str]


def call_sites(lines: Iterable[str]) -> Set[Site]:
    """The functions of a C file that queue works, and the queues."""
    sites, function = set(), ""
    for line in lines:
        header = FUNCTION.match(line)
        function = header[1] if header else function
        sites |= {(function, queue) for queue in QUEUEING.findall(line)}
    return sites


def documented_sites(text: str) -> Set[Site]:
    return set(re.findall(r"^``(\w+)\(\)`` +``(\w+_wq)``", text, re.M))


def source_sites(bench: Bench) -> Set[Site]:
    tree = bench.tree("fixed")
    changed = patched(tree, Fit(bench.line), "fixed")
    sites: Set[Site] = set()
    for file in (tree.source / tree.client).glob("*.c"):
        data = changed.get(f"{tree.client}/{file.name}") or file.read_bytes()
        if file.name not in LEFT_OUT:
            sites |= call_sites(data.decode(errors="replace").splitlines())
    return sites


def queues(bench: Bench) -> None:
    documented, source = documented_sites(QUEUES_RST.read_text()), source_sites(bench)
    expect(bool(source), "no work is queued anywhere")
    expect(documented == source, f"differ: {sorted(documented ^ source)}")


def tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    if line != DEFAULT_LINE:
        return []
    return [(f"{line}: {Path(QUEUES_RST).name} has every call that queues", queues)]
