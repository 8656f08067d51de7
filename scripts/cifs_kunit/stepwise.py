# SPDX-License-Identifier: GPL-2.0
"""A series patch by patch: each step is built, checked and run as git am leaves it."""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Counter as Counts
from typing import Dict, List, Mapping, Optional, Sequence

import cover
import foreign
import kernel
import result
from console import Trouble, say, step
from layout import STATES, lock, shown
from repository import Repository
from series import read_patch
from target import fitted_config, kunitconfig, options
from tree import Tree, lay, make_tree

PACKAGES = ("sparse",)
SUITES = "CIFS_KUNIT_TEST"
UNBUILT = ("Documentation/", "MAINTAINERS")
NOTHING = "nothing to build"


def touched(mails: Sequence[Path]) -> List[str]:
    return sorted({file for mail in mails for file in read_patch(mail).files})


def with_config(tree: Tree, contents: Mapping[str, bytes]) -> Dict[str, Optional[bytes]]:
    """A step's files, and before the suites have come, a configuration without them."""
    config = kunitconfig(tree.source, tree.target).decode()
    without = fitted_config(config, set(options(config)) - {SUITES})
    return {f"{tree.suites}/.kunitconfig": without.encode(), **contents}


def objects(tree: Tree, files: Sequence[str]) -> List[str]:
    """Of the client's files that a patch touches, those that kbuild makes an object of."""
    found = []
    for file in (Path(file) for file in files if file.startswith(f"{tree.client}/")):
        makefile = tree.path / file.parent / "Makefile"
        target = f"{file.stem}.o"
        if file.suffix == ".c" and makefile.is_file() and target in makefile.read_text().split():
            found.append(str(file.parent / target))
    return found


def new_warnings(before: Counts[str], found: Sequence[str]) -> None:
    surplus = list((Counter(found) - before).elements())
    if surplus:
        raise Trouble(f"{len(surplus)} new warnings: {surplus[0]}", 1)


def run(tree: Tree) -> str:
    """Runs the suites; all must pass."""
    outcome = kernel.execute(tree, None)
    if outcome.failed or not outcome.cases:
        names = [*sorted(outcome.failed_names), *map(str, outcome.reports), "no case has run"]
        raise Trouble(f"it fails: {names[0]}", 1)
    passed, skipped = outcome.count(result.PASSED), outcome.count(result.SKIPPED)
    return result.closing_line(passed, 0, skipped)


def take(tree: Tree, git: Repository, mail: Path, before: Counts[str]) -> str:
    """One step, from the mail to what came of it."""
    git.take(mail)
    files = read_patch(mail).files
    if all(file.startswith(UNBUILT) for file in files):
        return NOTHING
    contents = git.contents()
    lay(tree, with_config(tree, contents))
    kernel.build(tree)
    suites = f"{tree.suites}/Makefile" in contents
    verdict = run(tree) if suites else "builds; no suites yet"
    made = objects(tree, files)
    if made:
        new_warnings(before, kernel.warnings(tree, *made))
    return verdict


def test(tree: Tree, who: str, mails: Sequence[Path]) -> List[str]:
    """Tests a series on a tree of its own; returns what a cover letter may say of it."""
    tree = replace(tree, path=tree.path.with_name("series"))
    verdicts: List[str] = []
    with tempfile.TemporaryDirectory() as directory, lock(tree.lock_path):
        git = Repository(Path(directory) / "am", tree.source, touched(mails), who, "@0 +0000")
        make_tree(tree, seeds=STATES)
        if tree.foreign:
            foreign.mirror(tree)
        lay(tree, with_config(tree, git.contents()))
        if not (tree.kunit_dir / ".config").is_file():
            kernel.build(tree)
        with step(f"W=1 and sparse on {shown(tree.path)}, as it was"):
            before = Counter(kernel.warnings(tree, f"{tree.client}/"))
        for mail in mails:
            try:
                verdicts.append(take(tree, git, mail, before))
            except Trouble as trouble:
                raise Trouble(f"{mail.name}: {trouble}", trouble.status) from None
            say(f"{mail.name}: {verdicts[-1]}")
        with step(f"W=1 and sparse on {shown(tree.path)}, with all of it"):
            new_warnings(before, kernel.warnings(tree, f"{tree.client}/"))
    return [summary(verdicts, sum(before.values()))]


def summary(verdicts: Sequence[str], before: int) -> str:
    last = [verdict for verdict in verdicts if verdict != NOTHING][-1]
    return cover.paragraph(
        f"""Each patch was built and run by itself, in order: all suites that are there by
        then pass, and neither W=1 nor sparse says anything new of the client (it had
        {before} warnings). With all of them: {last}."""
    )
