# SPDX-License-Identifier: GPL-2.0
"""Mutants of the client, made mechanically: each statement and each condition in turn.

A statement is dropped; a goto goes to a label next to its own; a bool that is written out is
turned round; one of several flags is left out. A condition is negated, always true, never true;
each && or || becomes the other, each part of it is negated or left out. No line moves.
"""

import difflib
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

import process
from console import USAGE, Trouble
from fitting import Fit
from layout import LAB
from series import Patch, Workbench, read_series
from tree import Tree, patched

# In a kernel that has many mutants, the one that it is.
CHOICE_VARIABLE = "cifs_mutant"
# Looked at from end to end; of all other functions, what the series brings.
WHOLE = {
    "_cifsFileInfo_put",
    "cifsFileInfo_put_final",
    "cifsFileInfo_put_work",
    "serverclose_work",
    "init_cifs",
    "exit_cifs",
    "cifs_kill_sb",
}
# What is no code, for the parser: comments, strings, what the preprocessor reads.
NO_CODE = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|^[ \t]*#(?:\\\n|[^\n])*",
    re.DOTALL | re.MULTILINE,
)
FUNCTION = re.compile(r"^[^\s#/{}][^;{}]*?(\w+)\([^;{}]*\)\s*\n\{", re.MULTILINE)
WORD = re.compile(r"\w+")
LABEL = re.compile(r"(?:(?!default\b)(\w+)|default|case\b[^:]*)\s*:")
DECLARATION = re.compile(
    r"(?:const|static|struct|enum|unsigned|signed|bool|char|int|long|void|\w+_t|_*[us]\d+)\b"
)
GOTO = re.compile(r"goto\s+(\w+)")
BOOL = re.compile(r"\b(?:true|false)\b")
FLAGS = re.compile(r"\b[A-Z][A-Z0-9_]+(?:\s*\|\s*[A-Z][A-Z0-9_]+)+")
CHOICE = re.compile(r"(?:=|return\b|[(,])\s*([^=?,;]+?)\s*\?")
WAIT = re.compile(r"\bwait(?:_\w+)?_event\w*\([^,]*,\s*(.*)\)$", re.DOTALL)
ORDER = re.compile(r"(?<![-<>=])[<>](?![<>=])")
SAME = "\0"
# What a change is made in.
STATEMENT, CONDITION, VALUE = "statement", "condition", "value"
CLOSING = {"(": ")", "[": "]", "{": "}"}


class Span(NamedTuple):
    start: int
    end: int


@dataclass
class Function:
    """The statements and conditions of a function, by where they are in the file."""

    name: str
    span: Span
    statements: List[Span] = field(default_factory=list)
    conditions: List[Span] = field(default_factory=list)
    labels: List[str] = field(default_factory=list)


class Change(NamedTuple):
    """What is done to a part of the file; SAME stands for the part as it was.

    The part is in a statement (its end is that of the part), or in an expression.
    """

    what: str
    span: Span
    text: str
    scope: Span
    kind: str = CONDITION


class Mutation(NamedTuple):
    """A change with a name: function, line in the function, what is done there."""

    name: str
    change: Change

    def of(self, text: str, within: Optional[Span] = None) -> str:
        start, end = self.change.span
        changed = self.change.text.replace(SAME, text[start:end])
        lost = text.count("\n", start, end) - changed.count("\n")
        first, last = within or Span(0, len(text))
        return text[first:start] + changed + "\n" * lost + text[end:last]

    def can_be_chosen(self, text: str) -> bool:
        """Whether a kernel can have it beside others: not if the compiler would refuse it."""
        start, end = self.change.span
        return self.change.what != "drop" or not re.match(r"return\s", text[start:end])


class _Parser:
    """Takes a function apart; of C it knows what the kernel's style leaves of it."""

    def __init__(self, code: str, function: Function) -> None:
        self._code = code
        self._at = function.span.start
        self._function = function

    def _skip(self) -> None:
        while self._code[self._at].isspace():
            self._at += 1

    def _word(self) -> str:
        self._skip()
        found = WORD.match(self._code, self._at)
        return found[0] if found else ""

    def _balanced(self) -> Span:
        """What is between the bracket here and its closing one; goes past that."""
        start, depth = self._at + 1, []
        while True:
            char = self._code[self._at]
            self._at += 1
            if char in CLOSING:
                depth.append(CLOSING[char])
            elif depth and char == depth[-1]:
                depth.pop()
                if not depth:
                    return Span(start, self._at - 1)

    def _parentheses(self) -> Span:
        self._at = self._code.index("(", self._at)
        return self._balanced()

    def _condition(self) -> None:
        self._function.conditions.append(self._parentheses())

    def block(self) -> None:
        self._at = self._code.index("{", self._at) + 1
        self._skip()
        while self._code[self._at] != "}":
            self._statement()
            self._skip()
        self._at += 1

    def _statement(self) -> None:
        word = self._word()
        label = LABEL.match(self._code, self._at)
        if self._code[self._at] == "{":
            self.block()
        elif word == "if":
            self._condition()
            self._statement()
            if self._word() == "else":
                self._at += len("else")
                self._statement()
        elif word == "do":
            self._at += len("do")
            self._statement()
            self._condition()
            self._at = self._code.index(";", self._at) + 1
        elif word == "while":
            self._condition()
            self._statement()
        elif label:
            if label[1]:
                self._function.labels.append(label[1])
            self._at = label.end()
        elif not self._loop(word):
            self._simple()

    def _loop(self, word: str) -> bool:
        """Whether it is for, switch, or one of the macros that end in a statement."""
        start = self._at
        if word and self._code[self._at + len(word)] in " (" and word not in ("return", "goto"):
            after = self._code[self._at + len(word) :].lstrip()
            if after.startswith("("):
                head = self._parentheses()
                self._skip()
                if self._code[self._at] == "{" or word in ("for", "switch"):
                    middle = self._code[head.start : head.end].split(";")
                    if len(middle) == 3 and middle[1].strip():
                        begin = head.start + len(middle[0]) + 1
                        self._function.conditions.append(Span(begin, begin + len(middle[1])))
                    self._statement()
                    return True
        self._at = start
        return False

    def _simple(self) -> None:
        start = self._at
        while self._code[self._at] != ";":
            if self._code[self._at] in CLOSING:
                self._balanced()
            else:
                self._at += 1
        if self._at > start:
            self._function.statements.append(Span(start, self._at))
        self._at += 1


def blanked(text: str) -> str:
    """The code alone, each character where it was."""
    return NO_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def functions(code: str) -> Iterator[Function]:
    for found in FUNCTION.finditer(code):
        end = code.find("\n}", found.end()) + 2
        function = Function(found[1], Span(found.end() - 1, end))
        try:
            _Parser(code, function).block()
        except IndexError:
            continue  # the preprocessor has a brace of it twice
        yield function


def _trimmed(code: str, span: Span) -> Span:
    """Without blanks, and without parentheses around all of it."""
    start, end = span
    while code[start].isspace():
        start += 1
    while code[end - 1].isspace():
        end -= 1
    if code[start] == "(" and _closing(code, start) == end - 1:
        return _trimmed(code, Span(start + 1, end - 1))
    return Span(start, end)


def _closing(code: str, at: int) -> int:
    depth = 0
    for end in range(at, len(code)):
        depth += {"(": 1, ")": -1}.get(code[end], 0)
        if not depth:
            return end
    return len(code)


def _operators(code: str, span: Span) -> List[Span]:
    """Each && and || that is not in parentheses; only || if there are both."""
    found: List[Span] = []
    at = span.start
    while at < span.end:
        if code[at] == "(":
            at = _closing(code, at)
        elif code[at : at + 2] in ("&&", "||"):
            found.append(Span(at, at + 2))
            at += 1
        at += 1
    lowest = [op for op in found if code[op.start] == "|"]
    return lowest or found


def _parts(code: str, span: Span) -> Iterator[Change]:
    """Changes inside of a condition, down to its smallest parts."""
    span = _trimmed(code, span)
    operators = _operators(code, span)
    for sign in ORDER.finditer(code, span.start, span.end) if not operators else ():
        yield Change("edge", Span(*sign.span()), f"{sign[0]}=", span)
    for step in re.finditer(r"--|\+\+", code[span.start : span.end]) if not operators else ():
        at = span.start + step.start()
        yield Change("still", Span(at, at + 2), "", span)
    for operator in operators:
        both = code[operator.start] == "&"
        yield Change("or" if both else "and", operator, "||" if both else "&&", span)
    edges = [span.start, *(edge for operator in operators for edge in operator), span.end]
    for start, end in zip(edges[::2], edges[1::2]) if operators else ():
        part = _trimmed(code, Span(start, end))
        neutral = "true" if code[operators[0].start] == "&" else "false"
        yield Change("not", part, f"!({SAME})", part)
        yield Change(neutral, part, neutral, part)
        yield from _parts(code, part)


def _condition(code: str, span: Span) -> Iterator[Change]:
    for what, text in (("not", f"!({SAME})"), ("true", "true"), ("false", "false")):
        yield Change(what, span, text, span)
    yield from _parts(code, span)


def _statement(code: str, span: Span, labels: List[str]) -> Iterator[Change]:
    statement = code[span.start : span.end]
    if not DECLARATION.match(statement):
        yield Change("drop", span, "", span, STATEMENT)
    goto = GOTO.match(statement)
    if goto and goto[1] in labels:
        at = labels.index(goto[1])
        for label in (*labels[max(0, at - 1) : at], *labels[at + 1 : at + 2]):
            yield Change(f"goto-{label}", span, f"goto {label}", span, STATEMENT)
    for literal in BOOL.finditer(statement):
        where = Span(span.start + literal.start(), span.start + literal.end())
        other = "false" if literal[0] == "true" else "true"
        yield Change(other, where, other, where, VALUE)
    for flags in FLAGS.finditer(statement):
        names = re.split(r"\s*\|\s*", flags[0])
        where = Span(span.start + flags.start(), span.start + flags.end())
        for name in names:
            others = "|".join(each for each in names if each != name)
            yield Change(f"no-{name}", where, others, where, VALUE)
    for condition in [*CHOICE.finditer(statement), *WAIT.finditer(statement)]:
        start, end = condition.span(1)
        yield from _condition(code, Span(span.start + start, span.start + end))


def _lines(code: str, span: Span) -> Set[int]:
    first = code.count("\n", 0, span.start) + 1
    return set(range(first, first + code.count("\n", span.start, span.end) + 1))


def mutations(text: str, whole: Set[str], added: Set[int]) -> Iterator[Mutation]:
    """Of some functions all there are, of the others those on some lines of the file."""
    code = blanked(text)
    for function in functions(code):
        top = code.count("\n", 0, function.span.start) + 1
        seen: Dict[str, int] = {}
        done: Set[Tuple[Span, str]] = set()
        for change in _changes(code, function, None if function.name in whole else added):
            where = (change.span, change.text)
            if where in done or change.text == code[change.span.start : change.span.end]:
                continue
            done.add(where)
            line = code.count("\n", 0, change.span.start) + 1 - top
            name = f"{function.name}:{line}:{change.what}"
            seen[name] = seen.get(name, 0) + 1
            yield Mutation(name + (f"-{seen[name]}" if seen[name] > 1 else ""), change)


def _changes(code: str, function: Function, lines: Optional[Set[int]]) -> Iterator[Change]:
    for statement in sorted(function.statements):
        if lines is None or lines & _lines(code, statement):
            yield from _statement(code, statement, function.labels)
    for condition in sorted(function.conditions):
        if lines is None or lines & _lines(code, condition):
            yield from _condition(code, condition)


class _Site(NamedTuple):
    """A statement with its end, or an expression, and the mutants that change it, by number."""

    span: Span
    kind: str
    mutants: List[Tuple[int, Mutation]]


def _sites(numbered: Iterable[Tuple[int, Mutation]]) -> List[_Site]:
    """The outermost first."""
    found: Dict[Tuple[Span, str], _Site] = {}
    for number, each in numbered:
        start, end = each.change.scope
        span = Span(start, end + 1) if each.change.kind == STATEMENT else Span(start, end)
        key = (span, each.change.kind)
        found.setdefault(key, _Site(*key, [])).mutants.append((number, each))
    return sorted(found.values(), key=lambda site: (site.span.start, -site.span.end))


def _with_sites(text: str, span: Span, sites: List[_Site]) -> str:
    made, at = "", span.start
    while sites:
        site, sites = sites[0], sites[1:]
        inner = [each for each in sites if each.span.start < site.span.end]
        sites = sites[len(inner) :]
        made += text[at : site.span.start] + _with_choice(text, site, inner)
        at = site.span.end
    return made + text[at : span.end]


def _with_choice(text: str, site: _Site, inner: List[_Site]) -> str:
    same = _with_sites(text, site.span, inner)
    if site.kind != STATEMENT:
        sign = "!!" if site.kind == CONDITION else ""
        others = (
            f"{CHOICE_VARIABLE} == {number} ? {sign}({each.of(text, site.span)}) : "
            for number, each in site.mutants
        )
        return f"({''.join(others)}{sign}({same}))"
    made = ""
    for number, each in site.mutants:
        if each.change.text:
            made += f"if ({CHOICE_VARIABLE} == {number}) {each.change.text}; "
        else:
            same = f"if ({CHOICE_VARIABLE} != {number}) {same}"
    return f"{{ {made}{same} }}"


def with_all(text: str, numbered: Iterable[Tuple[int, Mutation]], define: bool) -> str:
    """A file that has all of these mutants, of which a parameter of the kernel chooses one."""
    made = _with_sites(text, Span(0, len(text)), _sites(numbered))
    made = f"extern int {CHOICE_VARIABLE}; {made}"
    if define:
        made += f"int {CHOICE_VARIABLE};\n"
        made += f"core_param({CHOICE_VARIABLE}, {CHOICE_VARIABLE}, int, 0);\n"
    return made


class Mutant(NamedTuple):
    name: str
    path: str
    old: str
    mutation: Mutation

    @property
    def new(self) -> str:
        return self.mutation.of(self.old)

    @property
    def can_be_chosen(self) -> bool:
        return self.mutation.can_be_chosen(self.old)

    @property
    def patch(self) -> Patch:
        old, new = (text.splitlines(keepends=True) for text in (self.old, self.new))
        diff = difflib.unified_diff(old, new, f"a/{self.path}", f"b/{self.path}")
        return Patch(self.name, "".join(diff))


def covered_functions() -> Set[str]:
    """The functions that the suites must execute whole: the mutants are made of these."""
    lines = (LAB / "coverage.txt").read_text().splitlines()
    return {line for line in lines if line[:1] not in ("", "#", "\t")}


def _added(before: str, after: str) -> Set[int]:
    """Lines of the later text that are not in the earlier one."""
    with tempfile.TemporaryDirectory(prefix="cifs-kunit.") as directory:
        names = [Path(directory, name) for name in ("before", "after")]
        for name, text in zip(names, (before, after)):
            name.write_text(text, errors="surrogateescape")
        _, output = process.run(["diff", "-U0", *map(str, names)])
    lines: Set[int] = set()
    for start, count in re.findall(r"^@@ .* \+(\d+)(?:,(\d+))? @@", output, re.MULTILINE):
        lines.update(range(int(start), int(start) + int(count or 1)))
    return lines


def _without(tree: Tree, line: str) -> Dict[str, str]:
    """The files that the series changes, as they are without any of it."""
    series = [patch.moved_to(tree.client) for patch in read_series(line)]
    paths = {path for patch in series if not patch.for_tests for path in patch.files}
    with tempfile.TemporaryDirectory(prefix="cifs-kunit.") as directory:
        bench = Workbench(tree.source, Path(directory))
        bench.bring(sorted(paths))
        if bench.has(series[0]):
            bench.reverse(series[0])
        return {path: _text(bench.content(path)) for path in paths if path.endswith(".c")}


def _text(data: Optional[bytes]) -> str:
    return (data or b"").decode(errors="surrogateescape")


def mutants_of(tree: Tree, fit: Fit, state: str = "fixed") -> Iterator[Mutant]:
    contents = patched(tree, fit, state)
    covered = covered_functions()
    for path, before in sorted(_without(tree, fit.line).items()):
        text = _text(contents[path])
        for each in mutations(text, WHOLE, _added(before, text)):
            if each.name.split(":")[0] not in covered:
                continue
            yield Mutant(f"{Path(path).name}:{each.name}", path, text, each)


def find(tree: Tree, fit: Fit, state: str, name: str) -> Patch:
    found = [mutant for mutant in mutants_of(tree, fit, state) if mutant.name == name]
    if not found:
        raise Trouble(f"no mutant '{name}': see cifs-kunit mutants --list", USAGE)
    return found[0].patch
