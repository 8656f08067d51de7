# SPDX-License-Identifier: GPL-2.0
"""Tests that the documentation says what the source has."""

import re
import shutil
from pathlib import Path
from typing import Callable, Iterable, List, Set, Tuple

import kernel
import lockgraph
import packages
import picture
import process
import table
from check_base import Bench, expect
from fitting import Fit
from layout import DEFAULT_LINE, DOCUMENTS, MUTANTS, OWN_DOCUMENTS, PATCHES
from result import matches
from series import FIX, expected_failures, must_fail
from tree import docs_of, patched

QUEUES_RST = DOCUMENTS / "queues.rst"
HISTORY_RST = OWN_DOCUMENTS / "history.rst"
PACKAGES = ("graphviz", "make", "python3-sphinx")
COMPLAINT = re.compile(r"\b(?:WARNING|ERROR|SEVERE|CRITICAL)\b|[Ee]rror:|not found")
# The legacy dialect and RDMA are not built, and RDMA has queues of its own.
LEFT_OUT = {"cifssmb.c", "smb1ops.c", "smbdirect.c"}
FUNCTION = re.compile(r"^(?![#/\s])(?:[\w\s*]*[\s*])?(\w+)\([^;]*$")
ROW = re.compile(r"^``(\w+)\(\)`` +``(\w+_wq)``((?: +\d+\.\d+)*)", re.M)
QUEUEING = re.compile(r"\b(?:queue_work|queue_delayed_work|mod_delayed_work)\((\w+_wq)\b")

# of a picture, but for what must not be
EDGE = re.compile(r'"([^"]+)" -> "([^"]+)";')

Site = Tuple[str, str]


def call_sites(lines: Iterable[str]) -> Set[Site]:
    """The functions of a C file that queue works, and the queues."""
    sites, function = set(), ""
    for line in lines:
        header = FUNCTION.match(line)
        function = header[1] if header else function
        sites |= {(function, queue) for queue in QUEUEING.findall(line)}
    return sites


def documented_sites(text: str, line: str) -> Set[Site]:
    """A row that names no kernels is about all of them."""
    return {
        (function, queue)
        for function, queue, lines in ROW.findall(text)
        if not lines or line in lines.split()
    }


def source_sites(bench: Bench) -> Set[Site]:
    tree = bench.tree("fixed")
    changed = patched(tree, Fit(bench.line), "fixed")
    sites: Set[Site] = set()
    for file in (tree.source / tree.client).glob("*.[ch]"):
        data = changed.get(f"{tree.client}/{file.name}") or file.read_bytes()
        if file.name not in LEFT_OUT:
            sites |= call_sites(data.decode(errors="replace").splitlines())
    return sites


def queues(bench: Bench) -> None:
    documented, source = documented_sites(QUEUES_RST.read_text(), bench.line), source_sites(bench)
    expect(bool(source), "no work is queued anywhere")
    expect(documented == source, f"differ: {sorted(documented ^ source)}")


def list_pages(index: Path, names: Iterable[str]) -> None:
    """Puts the pages into the table of contents that they are to be found by."""
    entries = "".join(f"   {name}/index\n" for name in names)
    text, hits = re.subn(r"(?<=\n)(\.\. toctree::\n(?: +:.*\n)*\n)", rf"\1{entries}",
                         index.read_text(), count=1)  # fmt: skip
    expect(hits == 1, f"{index} has no toctree")
    index.unlink()  # a hard link
    index.write_text(text)


def htmldocs(bench: Bench) -> None:
    """The kernel's own rules, with the pages where the kernel would have them."""
    packages.require(PACKAGES)
    bench.directory.mkdir(parents=True, exist_ok=True)
    tree = bench.directory / "docs"
    process.run(["cp", "-al", str(bench.source), str(tree)])
    place = Path(docs_of(tree)).parent
    directories = {"client": DOCUMENTS, "cifs-kunit": OWN_DOCUMENTS}
    for name, directory in directories.items():
        shutil.copytree(directory, tree / place / name)
    list_pages(tree / place / "index.rst", directories)
    part = place.relative_to("Documentation")
    status, output = process.run(["make", "htmldocs", f"SPHINXDIRS={part}"], tree)
    complaints = [line for line in output.splitlines() if COMPLAINT.search(line)]
    expect(status == 0 and not complaints, "\n".join(complaints) or process.reason(output))
    html = tree / "Documentation/output" / part
    for name, directory in directories.items():
        for page in directory.glob("*.rst"):
            made = (html / name / f"{page.stem}.html").read_text()
            pictures = page.read_text().count("kernel-render:: DOT")
            expect(made.count("/DOT-") == pictures, f"{page.name}: a picture is not drawn")


def locks_picture(bench: Bench) -> None:
    """After the report, which leaves a log of what lockdep has recorded."""
    tree = bench.tree("fixed")
    text = (tree.kunit_dir / kernel.LOG).read_text(errors="backslashreplace")
    sources = picture.client_sources(tree.path / tree.client)
    graph = picture.graph_of(lockgraph.read_log(text), {}, tree.client, sources)
    edges = [edge for edge in graph.edges if not graph.follows(edge)]
    recorded = {(picture.readable(edge.before), picture.readable(edge.after)) for edge in edges}
    drawn = set(EDGE.findall((DOCUMENTS / "locks.rst").read_text()))
    expect(bool(recorded), "lockdep has recorded nothing")
    expect(drawn == recorded, f"differ: {sorted(drawn ^ recorded)}")


def listed_rows(text: str) -> List[List[str]]:
    """The cells of a list-table, but for its header."""
    rows: List[List[str]] = []
    for line in text.partition(".. list-table::")[2].splitlines():
        cell = re.match(r"   (\* -|  -) (.*)", line)
        if cell and cell[1] == "* -":
            rows.append([])
        if cell:
            rows[-1].append(cell[2])
        elif rows and line.startswith("       "):
            rows[-1][-1] += f" {line.strip()}"
        elif rows and line.strip():
            break
    return rows[1:]


def failing(way: str) -> List[str]:
    """What fails when a bug is put back in this way: 'mutant NAME', or 'patch LINE/NUMBER'."""
    kind, _, name = way.partition(" ")
    if kind == "mutant":
        patch = MUTANTS / f"{name}.patch"
        expect(patch.is_file(), f"{HISTORY_RST.name}: there is no mutant {name}")
        return must_fail(patch)
    line, _, number = name.partition("/")
    there = list((PATCHES / line).glob(f"{number}-*.patch"))
    expect(kind == "patch" and len(there) == 1, f"{HISTORY_RST.name}: there is no {way}")
    return expected_failures(line, "unfixed" if number == FIX else "stock")


def history(_bench: Bench) -> None:
    """Each bug has a case, which fails in every way that the bug is put back."""
    rows = listed_rows(HISTORY_RST.read_text())
    expect(bool(rows), f"{HISTORY_RST.name} has no table")
    for bug, *_, ways, cases in rows:
        named = {case.strip() for case in cases.split(",")}
        missed = set(named)
        for way in map(str.strip, ways.split(",")):
            fails = failing(way)
            caught = {case for case in named if any(matches(case, name) for name in fails)}
            expect(bool(caught), f"{HISTORY_RST.name}: {way} names no case of: {bug}")
            missed -= caught
        expect(not missed, f"{HISTORY_RST.name}: nothing names {', '.join(missed)}: {bug}")


def readme_table(bench: Bench) -> None:
    """After the runs: what the README says of this line is what they have given."""
    measured = [row for row in table.rows(table.read_results()) if row["line"] == bench.line]
    documented = table.parse(table.README.read_text())
    expect(any(row["line"] == bench.line for row in documented), "the README's table has no row")
    for row in measured:
        difference = table.difference(documented, row)
        expect(difference is None, f"README: {difference}; see cifs-kunit table --write")


def late_tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    return [(f"{line}: the README's table", readme_table)]


def tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    pages = [
        (f"{HISTORY_RST.name} names what catches each bug", history),
        (f"{line}: make htmldocs", htmldocs),
    ]
    return [
        (f"{line}: {QUEUES_RST.name} has every call that queues", queues),
        *(pages if line == DEFAULT_LINE else []),
    ]
