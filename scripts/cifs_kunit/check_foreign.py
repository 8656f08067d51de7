# SPDX-License-Identifier: GPL-2.0
"""Tests of what --tree does to trees of all kinds."""

import re
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Callable, Iterable, Iterator, List, Sequence, Tuple

import fitting
import kernel
import process
import semantic
from check_base import Bench, expect, tool
from console import NO_KERNEL
from foreign import has_kunit
from layout import available_lines, lock, scratch_directory
from result import PASSED
from run import prepare
from semantic import Client, read_client
from series import EXACT, Workbench, read_series
from tree import Tree, client_of

Edit = Tuple[str, str, str]

# A client without a decryption queue and without cifs_down_write(), as that of 4.19
EDITS_4_19: List[Edit] = [
    ("cifsfs.c", r"struct workqueue_struct\t\*decrypt_wq;\n", ""),
    ("cifsfs.c", r"\tdecrypt_wq = alloc_workqueue\(.*?\n\t}\n\n", ""),
    ("cifsfs.c", r"goto out_destroy_decrypt_wq", "goto out_destroy_cifsiod_wq"),
    ("cifsfs.c", r"out_destroy_decrypt_wq:\n\tdestroy_workqueue\(decrypt_wq\);\n", ""),
    ("cifsfs.c", r"\tdestroy_workqueue\(decrypt_wq\);\n", ""),
    ("file.c", r"\bcifs_down_write\(&cifsi->lock_sem\)", "down_write(&cifsi->lock_sem)"),
]
# One without _cifsFileInfo_put() besides, and other labels, as that of 4.4
EDITS_4_4: List[Edit] = [
    *EDITS_4_19,
    ("cifsfs.c", r"\bout_destroy_cifsiod_wq\b", "out_destroy_wq"),
    ("cifsglob.h", r"void _cifsFileInfo_put\([^;]*;\n", ""),
    ("file.c", r"void cifsFileInfo_put\(struct cifsFileInfo \*cifs_file\)\n\{.*?\n}\n", ""),
    ("file.c", r"void _(cifsFileInfo_put\(struct cifsFileInfo \*\w+),\s*bool \w+\)", r"void \1)"),
    ("file.c", r"wait_oplock_handler \?\s*(cancel_work_sync\(.*?\)) : false", r"\1"),
    ("*.c", r"\b_cifsFileInfo_put\(([^,;()]+), [^;()]*\);", r"cifsFileInfo_put(\1);"),
]
# One that patch 1 does not fit, but by a comment
EDITS_OF_COMMENT: List[Edit] = [("file.c", "Delete any outstanding lock", "Delete all lock")]
# A ladder with a step that jumps over a rung
EDITS_OF_LADDER: List[Edit] = [
    ("cifsfs.c", r"(if \(!cifsoplockd_wq\) {\s*rc = -ENOMEM;\s*goto )out_destroy_decrypt_wq",
     r"\1out_destroy_cifsiod_wq"),
]  # fmt: skip
EDITS_OF_NO_PUT: List[Edit] = [("file.c", r"\bcifs_down_write\(&cifsi->", "cifs_lock(cifsi->")]


def edit(files: Iterable[Path], pattern: str, new: str) -> None:
    hits = 0
    for file in files:
        text, count = re.subn(pattern, new, file.read_text(errors="replace"), flags=re.S)
        if count:
            file.write_text(text)
        hits += count
    expect(hits > 0, f"nothing is like {pattern}")


@contextmanager
def little_tree(bench: Bench, edits: Sequence[Edit], kunit: bool = False) -> Iterator[Path]:
    """What --tree looks at in a kernel of the line, with patch 1 taken out, and with edits."""
    client = client_of(bench.source)
    patches = [patch.moved_to(client) for patch in read_series(bench.line)]
    with tempfile.TemporaryDirectory(prefix="cifs-kunit.") as name:
        work = Workbench(bench.source, Path(name), EXACT)
        files = {path for patch in patches for path in patch.files} | {"Makefile", "Kconfig"}
        files |= {f"{client}/{file.name}" for file in (bench.source / client).glob("*.[ch]")}
        work.bring(sorted(files | ({"tools/testing/kunit/kunit.py"} if kunit else set())))
        work.reverse(patches[0])
        for names, pattern, new in edits:
            edit((work.root / client).glob(names), pattern, new)
        yield work.root


def items(code: str) -> List[str]:
    """The functions, declarations and types of a file."""
    found, depth, start = [], 0, 0
    for position, letter in enumerate(code):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        ends = letter == ";" or (letter == "}" and code[position + 1 : position + 2] != ";")
        if depth == 0 and ends:
            found.append(code[start : position + 1])
            start = position + 1
    return found


SAME = [
    (r"struct cifsLockInfo\*li,\*tmp;", "struct cifsLockInfo*li;struct cifsLockInfo*tmp;"),
    (r"if\(!serverclose_offloaded\)\{(.*)\}\}$", r"if(serverclose_offloaded)return;\1}"),
]


def meaning(item: str) -> str:
    """What patch 1 writes in one way and fix.cocci in another, written the same."""
    for pattern, new in SAME:
        item = re.sub(pattern, new, item)
    head, brace, body = item.partition("{")
    members = re.findall(r"[^;]*;|[^;]+$", body)
    if head == "struct cifsFileInfo":
        return head + "".join(sorted(members))
    declared = next((n for n, m in enumerate(members) if not m.startswith("struct ")), len(members))
    return head + brace + "".join(sorted(members[:declared]) + members[declared:])


def meanings(client: Client) -> "Counter[Tuple[str, str]]":
    """Wherever things stand: their order is that of the rules, not that of the patch."""
    forward = "static void cifsFileInfo_put_final(struct cifsFileInfo*cifs_file);"
    return Counter(
        (name, meaning(item))
        for name, code in client.files.items()
        for item in items(code)
        if item != forward
    )


def transformed(source: Path, client: str) -> Client:
    semantic.need_spatch()
    changed, lack = semantic.transformed(source, client)
    expect(not lack, f"{lack} does not match")
    files = {Path(path).name: data for path, data in changed.items()}
    return read_client(source / client, files)


def as_patch_1(bench: Bench) -> None:
    client = client_of(bench.source)
    with little_tree(bench, []) as tree:
        by_rules, by_patch = meanings(transformed(tree, client)), meanings(
            read_client(bench.source / client)
        )
    surplus, lacking = by_rules - by_patch, by_patch - by_rules
    expect(not surplus, f"only by fix.cocci: {next(iter(surplus), '')}")
    expect(not lacking, f"only by patch 1: {next(iter(lacking), '')}")


def older(bench: Bench, edits: Sequence[Edit], arguments: int) -> None:
    client = client_of(bench.source)
    with little_tree(bench, edits) as tree:
        code = transformed(tree, client)
        fit = fitting.find(tree, client, available_lines(), "fixed", kunit=False)
    expect(fit.by_rules, f"{fit.fix} fits")
    init = code.body("cifsfs.c", "init_cifs")
    expect("goto out_destroy_decrypt_wq" not in init, "it jumps to a label that is not there")
    counts = {len(call) for call in semantic.calls(code.body("file.c", "cifs_close"))}
    expect(counts == {arguments}, f"cifs_close() calls with {counts} arguments")


def refused(bench: Bench, edits: Sequence[Edit], word: str) -> None:
    """One line, which names the first hunk and the first rule that fail."""
    with little_tree(bench, edits) as tree:
        env = bench.private(bench.directory / "foreign")
        run = tool("run", "--tree", str(tree), env=env)
    run.expect(NO_KERNEL, word)
    expect("hunk #" in run.last, f"no hunk is named: {run.last}")


def best(bench: Bench) -> None:
    """A tree of the line takes the series of the line, and fits without fuzz."""
    client = client_of(bench.source)
    with little_tree(bench, [], kunit=True) as tree:
        expect(has_kunit(tree), "the tree has no KUnit")
        for state in ("fixed", "unfixed", "stock"):
            fit = fitting.find(tree, client, available_lines(), state, kunit=True)
            expect(fit.line == bench.line and fit.suites and not fit.by_rules, f"{state}: {fit}")
            expect(fit.misfit.fuzz == 0, f"{state}: {fit.closeness}")


def by_rules(bench: Bench) -> None:
    """Where only patch 1 does not fit, the semantic patch stands in, and the suites go in."""
    client = client_of(bench.source)
    with little_tree(bench, EDITS_OF_COMMENT, kunit=True) as tree:
        fit = fitting.find(tree, client, available_lines(), "fixed", kunit=True)
    expect(fit.by_rules and fit.suites and fit.line == bench.line, f"{fit}")


@contextmanager
def whole_tree(bench: Bench, edits: Sequence[Edit]) -> Iterator[Path]:
    """The same, and one that can be built: what is not edited is shared with the source."""
    with scratch_directory(bench.directory / "whole") as directory:
        process.run(["cp", "-al", f"{bench.source}/.", str(directory)])
        with little_tree(bench, edits, kunit=True) as changed:
            for file in filter(Path.is_file, changed.rglob("*")):
                copy = directory / file.relative_to(changed)
                copy.unlink(missing_ok=True)
                shutil.copy2(file, copy)
        yield directory


def suites_by_rules(bench: Bench) -> None:
    """With the semantic patch for patch 1, all suites pass. The tree is built like the line's own
    ones, beside them, so that it shares their objects."""
    with whole_tree(bench, EDITS_OF_COMMENT) as source:
        tree = Tree(bench.tree("rules").path, source, foreign=True)
        fit = fitting.find(source, tree.client, available_lines(), "fixed", kunit=True)
        expect(fit.by_rules and fit.suites, f"{fit}")
        with lock(tree.lock_path):
            prepare(tree, fit, "fixed")
            kernel.build(tree)
            outcome = kernel.execute(tree, None)
    expect(outcome.count(PASSED) > 0, "no case has passed")
    expect(not outcome.failed, f"fails: {', '.join(sorted(outcome.failed_names))}")


def late_tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    return [(f"{line}: the suites where fix.cocci has put the fix in", suites_by_rules)]


def tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    return [
        (f"{line}: fix.cocci gives what patch 1 gives", as_patch_1),
        (f"{line}: fix.cocci on a client as 4.19's",
         partial(older, edits=EDITS_4_19, arguments=3)),
        (f"{line}: fix.cocci on a client as 4.4's",
         partial(older, edits=EDITS_4_4, arguments=2)),
        (f"{line}: --tree on a tree of this line", best),
        (f"{line}: --tree where all but patch 1 fits", by_rules),
        (f"{line}: --tree where init jumps to a wrong label",
         partial(refused, edits=EDITS_OF_LADDER, word="rule 'jumps'")),
        (f"{line}: --tree where the last part is another",
         partial(refused, edits=EDITS_OF_NO_PUT, word="rule 'final'")),
    ]  # fmt: skip
