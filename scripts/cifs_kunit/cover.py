# SPDX-License-Identifier: GPL-2.0
"""The cover letter of a series: what it is about, what came of the last runs, and on what."""

import textwrap
from collections import Counter
from typing import List, Sequence

from fitting import Fit
from layout import LAB, PATCHES
from semantic import read_client
from series import expected_failures
from tree import Tree, version_of

TEXT = PATCHES / "cover-letter.txt"
WIDTH = 72
EXPORTS = "EXPORT_SYMBOL_IF_KUNIT"


def paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, break_on_hyphens=False)


def the_fix(tree: Tree) -> str:
    if read_client(tree.source / tree.client).has_fix:
        return "This kernel has that commit."
    return "This kernel has not that commit: patch 1 brings it."


def of_lab(case: str) -> bool:
    """Whether its suite stays in the lab."""
    return (LAB / f"{case.partition('.')[0]}_kunit.c").is_file()


def what_fails(line: str) -> str:
    mailed = [name for name in expected_failures(line, "stock") if not of_lab(name)]
    counts = Counter(name.partition("/")[0] for name in mailed)
    head = "On this kernel as it is, with the suites alone, these cases fail:\n"
    names = (f"{name}, with {n} parameters" if n > 1 else name for name, n in counts.items())
    return "\n".join([head, *(f"  {name}" for name in names)])


def commands(tree: Tree) -> List[str]:
    """What to type in a tree that has the series, to run the suites."""
    scripts = (tree.source / "tools/testing/kunit").glob("*.py")
    script = "tools/testing/kunit/kunit.py run"
    if any("--kunitconfig" in file.read_text() for file in scripts):
        return [f"{script} --kunitconfig={tree.suites}"]
    copy = f"mkdir -p .kunit && cp {tree.suites}/.kunitconfig .kunit/"
    return [copy, f"{script} --build_dir=.kunit"]


def how_to_run(tree: Tree) -> str:
    return "\n".join(["To run the suites:\n", *(f"  {line}" for line in commands(tree))])


def limits(tree: Tree) -> List[str]:
    """What a reviewer may stumble over."""
    client = tree.source / tree.client
    others = any(EXPORTS in file.read_text(errors="replace") for file in client.glob("*.c"))
    beside = f", with {EXPORTS}() as the directory's other tests have it," if others else ""
    texts = [
        f"""CIFS_KUNIT_TEST cannot be tristate{beside} but is bool, and wants CIFS=y and
        PROVE_LOCKING: the suites read what lockdep has recorded, look at the kernel's own
        lists of what is left, and call init_cifs() and exit_cifs() again and again. Modules
        can have none of that. cifsfs.c includes the one suite that needs its static
        functions.""",
        """tests/interpose.h is read before each file of the client, if the suites are
        configured: the calls by which it makes, unmakes and queues things go through the
        suites. Without CONFIG_CIFS_KUNIT_TEST not a byte of the client changes.""",
        """The same suites run on 5.10 to 7.3: tests/compat.[ch] and the options in
        tests/Kconfig that ask what a tree has are for that. They are sent as they were
        tested; what this kernel has no use for can go if it is not wanted.""",
    ]
    return [paragraph(text) for text in texts]


def letter(tree: Tree, fit: Fit, tested: Sequence[str] = ()) -> str:
    """With what was tested patch by patch, if that was."""
    subject, _, about = TEXT.read_text().partition("\n")
    on = paragraph(f"The series is for Linux {version_of(tree.source)}.")
    blocks = [subject, about.strip("\n"), the_fix(tree), what_fails(fit.line)]
    blocks += [how_to_run(tree), *limits(tree), *tested, on]
    return "\n\n".join(filter(None, blocks)) + "\n"
