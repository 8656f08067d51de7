# SPDX-License-Identifier: GPL-2.0
"""The lock order as a picture: what to show of lockdep's graph, and how to draw it.

Shown are the locks that the client makes, and those of a file and its pages that its callers
hold. What the kernel takes by itself below them (allocator, timers, scheduler) is only counted.
"""

import html
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Set, Tuple

import process
from console import Trouble
from lockgraph import LockLog
from symbols import Place, Places

PACKAGES = ("graphviz",)

# Locks that the kernel's callers of the client hold: class (a pattern), what to call it.
OUTER = (
    (r"&.*->i_mutex_dir_key", "i_rwsem of the directory"),
    (r"&.*->i_mutex_key", "i_rwsem of the file"),
    (r"PG_locked", "PG_locked"),
    (r"PG_writeback", "PG_writeback"),
    (r"mapping.invalidate_lock", "invalidate_lock"),
)
LOCK_SEM = "&cifsi->lock_sem"
# The client has two of the one name; the suite has a class of its own for the other.
NAMES = {
    "oplock break, never queued": "oplock break work",
    "&cifs_inode->open_file_lock": "open_file_lock of the inode",
    "&ret_buf->open_file_lock": "open_file_lock of the tcon",
}
# lockdep names a class after the expression that its initializer was called with.
INITIALIZER = r"\b\w*(?:init|INIT|DEFINE)\w*\(\s*{}\s*[,)]"

CYCLE, CLIENT, CALLER = "cycle", "client", "caller"

STYLE = """<style>
.lock-order text { font-family: ui-sans-serif, system-ui, "Helvetica Neue", Arial, sans-serif;
  fill: #1b2230; }
.lock-order .lock path { fill: #eef1f6; stroke: #8a94a6; }
.lock-order .outer path { fill: #fdf6e3; stroke: #b59a4a; }
.lock-order .edge path { stroke: #8a94a6; fill: none; }
.lock-order .edge polygon { fill: #8a94a6; stroke: #8a94a6; }
.lock-order .edge.follows { opacity: 0.7; }
.lock-order .edge text { fill: #5a6475; }
.lock-order .node.cycle path { stroke: #c62828; stroke-width: 2; }
.lock-order .edge.cycle path { stroke: #c62828; stroke-width: 2.6; }
.lock-order .edge.cycle polygon { fill: #c62828; stroke: #c62828; }
.lock-order .edge.cycle text { fill: #b71c1c; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  .lock-order text { fill: #e4e8ef; }
  .lock-order .lock path { fill: #232a35; stroke: #76829a; }
  .lock-order .outer path { fill: #322d1e; stroke: #a58d4a; }
  .lock-order .edge path { stroke: #76829a; }
  .lock-order .edge polygon { fill: #76829a; stroke: #76829a; }
  .lock-order .edge text { fill: #a9b3c3; }
  .lock-order .node.cycle path { stroke: #ff6b6b; }
  .lock-order .edge.cycle path { stroke: #ff6b6b; }
  .lock-order .edge.cycle polygon { fill: #ff6b6b; stroke: #ff6b6b; }
  .lock-order .edge.cycle text { fill: #ff8f8f; }
}
</style>"""


@dataclass(frozen=True)
class Edge:
    before: str
    after: str
    kind: str
    site: Optional[Place]


@dataclass
class Graph:
    """What there is to show of a state."""

    edges: List[Edge] = field(default_factory=list)
    # by shown lock: what the kernel takes under it by itself
    below: Dict[str, Set[str]] = field(default_factory=dict)

    @property
    def locks(self) -> List[str]:
        return list(dict.fromkeys(name for e in self.edges for name in (e.before, e.after)))

    @property
    def cycle(self) -> Set[str]:
        return {edge.after for edge in self.edges if edge.kind == CYCLE}

    def follows(self, edge: Edge) -> bool:
        """Whether others lead from the one lock to the other as well, but by a cycle."""
        others = [other for other in self.edges if other != edge and other.kind != CYCLE]
        reached, new = {edge.before}, {edge.before}
        while new:
            new = {other.after for other in others if other.before in new} - reached
            reached |= new
        return edge.after in reached and edge.kind != CYCLE


def of_suites(place: Place) -> bool:
    return "/tests/" in place.file or "/lab/" in place.file


def in_client(place: Place, client: str) -> bool:
    return place.file.startswith(f"{client}/") and not of_suites(place)


def call_site(frames: Iterable[str], places: Places, client: str) -> Optional[Place]:
    """The innermost place in the client itself."""
    found = (place for frame in frames for place in places.get(frame, []))
    return next((place for place in found if in_client(place, client)), None)


def client_sources(directory: Path) -> str:
    return "\n".join(file.read_text(errors="replace") for file in sorted(directory.glob("*.c")))


def made_by(sources: str, name: str) -> bool:
    return re.search(INITIALIZER.format(re.escape(name)), sources) is not None


def of_interest(name: str, sources: str) -> bool:
    return is_outer(name) or name in NAMES or made_by(sources, name)


def is_outer(name: str) -> bool:
    return any(re.match(pattern, name) for pattern, _ in OUTER)


def in_spine(name: str) -> bool:
    """Those that the deadlock is about are to stand one below the other."""
    return is_outer(name) or name == LOCK_SEM


def readable(name: str) -> str:
    base, _, subclass = name.partition("/")
    names = [text for pattern, text in OUTER if re.match(pattern, base)]
    names += [NAMES.get(base) or re.split(r"->|\.|&", base)[-1]]
    return names[0] + (f", subclass {subclass}" if subclass else "")


def graph_of(log: LockLog, places: Places, client: str, sources: str) -> Graph:
    graph = Graph()
    cycle = {(link.before, link.after): link for link in log.cycle}
    shown = {name for link in log.dependencies for name in (link.before, link.after)}
    shown = {name for name in shown if of_interest(name.partition("/")[0], sources)}
    shown.update(link.after for link in log.cycle)
    known: Dict[Tuple[str, str], Edge] = {}
    for link in [*log.cycle, *log.dependencies]:
        pair, site = (link.before, link.after), call_site(link.frames, places, client)
        if pair[0] not in shown or (pair in known and known[pair].kind != CALLER):
            continue
        if link.after in shown:
            kind = CYCLE if pair in cycle else CLIENT if site else CALLER
            known[pair] = Edge(*pair, kind, site)
        elif site:
            graph.below.setdefault(link.before, set()).add(link.after)
    graph.edges = list(known.values())
    return graph


def _lock_tip(name: str, graph: Graph) -> str:
    below = sorted(graph.below.get(name, ()))
    more = f"\nand under it, not of the client: {', '.join(below)}" if below else ""
    return f"lockdep's class {name}{more}"


def _edge_tip(edge: Edge) -> str:
    order = f"{readable(edge.before)} \u2192 {readable(edge.after)}"
    if edge.site:
        return f"{order}\n{edge.site.function}() {edge.site}"
    return f"{order}\nheld by the suite as the client's callers hold it"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '\\"') + '"'


def _lock_line(name: str, graph: Graph, ident: str) -> str:
    label = f"<b>{html.escape(readable(name))}</b>"
    words = ["outer" if is_outer(name) else "lock"] + ["cycle"] * (name in graph.cycle)
    group = ', group="spine"' if in_spine(name) else ""
    return f'{quoted(name)} [id="{ident}", class="{" ".join(words)}", label=<{label}>{group}]'


def _edge_line(edge: Edge, graph: Graph, ident: str) -> str:
    """Only those that say something new have a label, or there would be no seeing them."""
    look = {
        CYCLE: ', color="#c62828", fontcolor="#b71c1c", penwidth=2.6, fontname="Helvetica-Bold"',
        CLIENT: ', color="#8a94a6"',
        CALLER: ', color="#8a94a6", style=dashed',
    }[edge.kind]
    words = [edge.kind]
    if graph.follows(edge):
        words.append("follows")
        look += ", penwidth=0.7"
    elif edge.site:
        look += f', label="\u00a0{edge.site.function}\u00a0"'
    if in_spine(edge.before) and in_spine(edge.after):
        look += ", weight=30"
    ends = f"{quoted(edge.before)} -> {quoted(edge.after)}"
    return f'{ends} [id="{ident}", class="{" ".join(words)}"{look}]'


def to_dot(graph: Graph, state: str) -> str:
    lines = [
        'digraph "lock order" {',
        f'graph [id="{state}", class="lock-order", bgcolor=transparent, rankdir=TB]',
        "graph [nodesep=0.25, ranksep=0.5]",
        'node [shape=box, style="rounded,filled", fillcolor="#eef1f6", color="#8a94a6"]',
        'node [fontname="Helvetica", fontsize=13, margin="0.12,0.05", height=0.36]',
        'edge [fontname="Helvetica", fontsize=10.5, fontcolor="#5a6475", arrowsize=0.7]',
    ]
    lines += [_lock_line(n, graph, f"{state}_n{i}") for i, n in enumerate(graph.locks)]
    lines += [_edge_line(edge, graph, f"{state}_e{i}") for i, edge in enumerate(graph.edges)]
    return "\n".join([*lines, "}"])


def draw(graph: Graph, state: str) -> str:
    """SVG that follows the reader's color scheme, and says more where one points."""
    with tempfile.NamedTemporaryFile("w", prefix="cifs-kunit.", suffix=".dot") as source:
        source.write(to_dot(graph, state))
        source.flush()
        status, svg = process.run(["dot", "-Tsvg", source.name])
    start = svg.find("<svg")
    if status or start < 0:
        raise Trouble(f"dot fails: {process.reason(svg)}")
    tips = {state: f"Lock order, {state}"}
    tips.update((f"{state}_n{i}", _lock_tip(n, graph)) for i, n in enumerate(graph.locks))
    tips.update((f"{state}_e{i}", _edge_tip(edge)) for i, edge in enumerate(graph.edges))

    def tell(found: "re.Match[str]") -> str:
        tip = tips.get(found[2])
        return found[0] if tip is None else f"{found[1]}<title>{html.escape(tip)}</title>"

    svg = re.sub(r'(<g id="([^"]*)"[^>]*>\s*)<title>.*?</title>', tell, svg[start:])
    return svg.replace(">", f">\n{STYLE}", 1)
