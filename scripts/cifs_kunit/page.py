# SPDX-License-Identifier: GPL-2.0
"""The report as one HTML page: nothing to fetch, nothing to execute."""

import re
from dataclasses import dataclass
from html import escape
from typing import Callable, Dict, List, Optional, Sequence

import result
from lockgraph import ANY_FRAME, ELEVEN, Dependency, LockLog, Task
from picture import Graph, call_site, in_client, of_suites, readable
from symbols import Place, Places

RAW = re.compile(r" +\[<[0-9a-f]+>\] \? |Stack:$|(?: +[0-9a-f]{8})+$")
OWN = re.compile(
    r"kernel/locking/lockdep\.c|kernel/stacktrace\.c|lib/dump_stack\.c"
    r"|arch/um/kernel/(?:stacktrace|sysrq)\.c"
)

WORDS = {"unfixed": "Without the fix", "fixed": "With the fix", "stock": "As packaged"}

STYLE = """
:root { color-scheme: light dark; --text: #1b2230; --soft: #5a6475; --line: #d5dae2;
  --back: #fff; --box: #f6f7f9; --bad: #b71c1c; --good: #1b6e3a; --mark: #fdeaea; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ef; --soft: #a9b3c3; --line: #39414e;
  --back: #14181f; --box: #1b212a; --bad: #ff8f8f; --good: #7fd6a0; --mark: #3a2226; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 104rem; padding: 2.5rem 2rem 4rem; color: var(--text);
  background: var(--back); line-height: 1.5;
  font-family: ui-sans-serif, system-ui, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.35; max-width: 64rem; margin: 0 0 1.5rem;
  text-wrap: balance; }
h2 { font-size: 1.2rem; margin: 3rem 0 .4rem; padding-top: .8rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1rem 0 .5rem; }
p { max-width: 60rem; margin: .3rem 0 .9rem; }
.soft { color: var(--soft); }
.bad { color: var(--bad); }
.good { color: var(--good); }
.sides { display: flex; flex-wrap: wrap; gap: 1.5rem 2rem; align-items: flex-start; }
.sides > section { flex: 1 1 34rem; min-width: 0; }
.sides > section.picture { flex-basis: 0; min-width: min(100%, 30rem); }
.sides > section.short { flex: 1 1 18rem; }
@media (max-width: 44rem) { .sides > section, .sides > section.short { flex-basis: 100%; }
  .sides > section.picture { flex-basis: 100%; }
  body { padding: 1.2rem 1rem 3rem; } }
figure, pre, .scroll { margin: 0; overflow-x: auto; background: var(--box);
  border: 1px solid var(--line); border-radius: 6px; }
figure { padding: 1rem; text-align: center; }
figure svg { max-width: 100%; min-width: 34rem; height: auto; }
pre, code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { padding: .8rem 1rem; font-size: .78rem; line-height: 1.45; }
code { font-size: .86em; }
pre .bad { font-weight: 600; }
pre .client { background: var(--mark); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .9rem; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
tr + tr > * { border-top: 1px solid var(--line); }
thead + tbody tr:first-child > * { border-top: 1px solid var(--line); }
td.wrap { white-space: normal; min-width: 14rem; }
details { margin-top: 1rem; }
summary { cursor: pointer; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; font-size: .85rem; color: var(--soft);
  margin: .8rem 0 0; padding: 0; list-style: none; }
.key i { display: inline-block; width: 1.8rem; height: 0; margin-right: .5rem;
  vertical-align: middle; border-top: 2px solid var(--soft); }
.key i.thin { border-top-width: 1px; opacity: .55; }
.key i.dashed { border-top-style: dashed; }
.key i.red { border-top: 3px solid var(--bad); }
"""


@dataclass
class Side:
    """A state, and all there is to say of it."""

    state: str
    kernel: str
    client: str
    outcome: result.Outcome
    log: LockLog
    places: Places
    spelled: Dict[str, str]
    graph: Graph
    svg: str

    @property
    def words(self) -> str:
        return WORDS[self.state]

    @property
    def all_finish(self) -> Optional[bool]:
        """None: the run does not say."""
        cases = {case.name: case.status for case in self.outcome.cases}
        status = cases.get(ELEVEN, result.SKIPPED)
        return None if status == result.SKIPPED else status == result.PASSED

    @property
    def waiting(self) -> List[Task]:
        return [task for task in self.log.tasks if task.waits_for]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Of cells that are HTML already."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    body = body.replace("<td><wrap>", '<td class="wrap">')
    return (
        f'<div class="scroll"><table><thead><tr>{top}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def verdict(good: bool, text: str) -> str:
    return f'<span class="{"good" if good else "bad"}">{escape(text)}</span>'


def circle(log: LockLog) -> str:
    names = [readable(link.before) for link in log.cycle]
    return " \u2192 ".join(names + names[:1])


def headline(side: Side) -> str:
    locks = "lockdep finds no cycle"
    if side.log.cycle:
        locks = f"lockdep finds the cycle {circle(side.log)}"
    elif side.log.report:
        locks = f"lockdep reports: {side.log.report[0].partition('WARNING: ')[2]}"
    waiting, total = len(side.waiting), len(side.log.tasks)
    tasks = {
        None: "",
        True: " and all eleven tasks of the report finish",
        False: f" and {waiting} of {total} tasks of the report wait for each other",
    }[side.all_finish]
    return f"{side.words} {locks}{tasks}"


def summary(sides: Sequence[Side]) -> str:
    def row(what: str, cell: Callable[[Side], str]) -> List[str]:
        return [f'<span class="soft">{what}</span>', *(cell(side) for side in sides)]

    def lockdep(side: Side) -> str:
        report = side.log.report
        said = report[0].partition("WARNING: ")[2] if report else "nothing to report"
        return verdict(not report, said)

    def cases(side: Side) -> str:
        counts = [side.outcome.count(s) for s in (result.PASSED, result.FAILED, result.SKIPPED)]
        text = "{} passed, {} failed, {} skipped".format(*counts)
        return verdict(not counts[1], text)

    rows = [
        row("Kernel", lambda side: f"{escape(side.kernel)}, state <code>{side.state}</code>"),
        row("Test cases", cases),
        row("Lockdep", lockdep),
        row("Recorded", lambda side: f"{side.log.classes} lock classes, "
                                     f"{len(side.log.dependencies)} dependencies"),
        row("In the picture", lambda side: f"{len(side.graph.locks)} lock classes, "
                                           f"{len(side.graph.edges)} dependencies"),
    ]  # fmt: skip
    return table(["", *(side.words for side in sides)], rows)


def width_of(svg: str) -> int:
    """All pictures are to have one scale."""
    width = re.search(r'width="(\d+)pt"', svg)
    return int(width[1]) if width else 1


def pictures(sides: Sequence[Side]) -> str:
    figures = "\n".join(
        f'<section class="picture" style="flex-grow: {width_of(side.svg)}">'
        f"<h3>{side.words}</h3><figure>{side.svg}</figure></section>"
        for side in sides
    )
    return f"""<h2>Lock order</h2>
<p class="soft">An arrow from one lock to another: the second was taken with the first held, in
the function named; point at it for file and line. Once lockdep has reported, it records no
more, so that the graph with a cycle is smaller.</p>
<div class="sides">{figures}</div>
<ul class="key"><li><i></i>taken by the client</li>
<li><i class="thin"></i>the same, and follows from other arrows too</li>
<li><i class="dashed"></i>held by the suite in place of the client\u2019s callers</li>
<li><i class="red"></i>part of a cycle</li></ul>"""


def _decoded(frame: str, side: Side) -> str:
    text = escape(side.spelled.get(frame, frame))
    if any(in_client(place, side.client) for place in side.places.get(frame, [])):
        return f'<span class="client">{text}</span>'
    return text


def is_own(line: str, places: Places) -> bool:
    """Whether a line is a frame of how lockdep records or prints, not of what it reports."""
    frame = ANY_FRAME.search(line)
    found = places.get(frame[0], []) if frame and " at: " not in line else []
    return bool(found) and all(OWN.match(place.file) for place in found)


def decoded_report(side: Side) -> str:
    """Without the raw stack, the frames that the kernel itself doubts, and lockdep's own."""
    lines: List[str] = []
    for line in side.log.report:
        if RAW.match(line) or is_own(line, side.places):
            continue
        text = re.sub(r"\[<[0-9a-f]+>\] ", "", line)
        frame = ANY_FRAME.search(text)
        if frame:
            decoded = _decoded(frame[0], side)
            text = escape(text[:frame.start()]) + decoded + escape(text[frame.end():])
        else:
            text = escape(text)
        if re.match(r"WARNING|-&gt; #| \*\*\*|.*possible unsafe", text):
            text = f'<span class="bad">{text}</span>'
        lines.append(text)
    return "\n".join(lines).strip()


def reports(sides: Sequence[Side]) -> str:
    parts = []
    for side in sides:
        if side.log.report:
            text = decoded_report(side)
            parts.append(f"<section><h3>{side.words}</h3><pre>{text}</pre></section>")
        else:
            count = len(side.log.dependencies)
            parts.append(
                f'<section class="short"><h3>{side.words}</h3><p class="good">Nothing: none of '
                f"the {count} dependencies recorded closes a cycle.</p></section>"
            )
    return f"""<h2>What lockdep says</h2>
<p class="soft">Decoded by the kernel\u2019s decode_stacktrace.sh, the client\u2019s own frames
marked; the raw stack, entries marked \u201c?\u201d and lockdep\u2019s own functions are left out.
A frame with several places has functions inlined, the innermost first.</p>
<div class="sides">{"".join(parts)}</div>"""


def where(task: Task, side: Side) -> str:
    """The first frame of the client; else that of the suite's which stands for a caller."""
    for test in (False, True):
        for frame in task.frames:
            for place in side.places.get(frame, [])[-1:]:
                if in_client(place, side.client) or test and of_suites(place):
                    note = ' <span class="soft">of the suite</span>' if test else ""
                    return f"<code>{escape(frame)}()</code>{note}"
    return ""


def task_state(name: str, side: Side) -> str:
    if side.all_finish:
        return verdict(True, "finished")
    for task in side.log.tasks:
        if task.name == name:
            return verdict(False, "waits") if task.waits_for else verdict(True, "finished")
    return '<span class="soft">not said</span>'


def tasks(sides: Sequence[Side]) -> str:
    head = "<h2>The eleven tasks of the report</h2>"
    told = next((side for side in sides if side.log.tasks), None)
    if told is None:
        finish = [f"{s.words}: {'all finish' if s.all_finish else 'not run'}." for s in sides]
        return f"{head}<p>{' '.join(finish)}</p>"
    rows = [
        [
            f"<b>{escape(task.name)}</b>",
            escape(task.holds),
            escape(task.waits_for or ""),
            where(task, told),
            *(task_state(task.name, side) for side in sides),
        ]
        for task in told.log.tasks
    ]
    columns = ["Task", "Holds", "Waits for", "Waits in", *(side.words for side in sides)]
    return f"""{head}
<p class="soft">The same tasks under the names they have in the report of the deadlock, played
on the client in the order in which they came to wait.</p>
{table(columns, rows)}"""


def _link_row(link: Dependency, side: Side) -> List[str]:
    site: Optional[Place] = call_site(link.frames, side.places, side.client)
    cells = [f"<code>{escape(name)}</code>" for name in (link.before, link.after)]
    if site is None:
        return [*cells, '<span class="soft">not in the client</span>', ""]
    return [*cells, f"<code>{escape(site.function)}()</code>", f"<code>{escape(str(site))}</code>"]


def dependencies(sides: Sequence[Side]) -> str:
    parts = ["<h2>All dependencies recorded</h2>"]
    for side in sides:
        known = {(link.before, link.after) for link in side.log.dependencies}
        links = [link for link in side.log.cycle if (link.before, link.after) not in known]
        links += side.log.dependencies
        rows = [_link_row(link, side) for link in links]
        columns = ["Held", "Taken under it", "By", "At"]
        note = ", the one reported first" if len(links) > len(side.log.dependencies) else ""
        parts.append(
            f"<details><summary>{side.words}: {len(links)}{note}</summary>"
            f"{table(columns, rows)}</details>"
        )
    return "\n".join(parts)


def page(sides: Sequence[Side]) -> str:
    title = "; ".join(headline(side) for side in sides)
    title = title[:1] + re.sub(r"; W", "; w", title[1:]) + "."
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>cifs-kunit: lock order of Linux {escape(sides[0].kernel)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{summary(sides)}
{pictures(sides)}
{tasks(sides)}
{reports(sides)}
{dependencies(sides)}
</body>
</html>
"""
