# SPDX-License-Identifier: GPL-2.0
"""Anyone's kernel tree, for --tree: looked at and copied, never changed."""

import hashlib
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Iterator, List, Tuple

import fitting
import process
from console import USAGE, Trouble, step
from fitting import Fit
from layout import available_lines, build_dir, shown
from tree import KUNIT_DIR, MANIFEST, Tree, client_of, laid


def check_kernel(directory: Path) -> None:
    makefile = directory / "Makefile"
    if not (directory / "Kconfig").is_file() or not (
        makefile.is_file() and re.search(r"^PATCHLEVEL = ", makefile.read_text(), re.M)
    ):
        raise Trouble(f"{directory} is no kernel source tree", USAGE)
    client_of(directory)


def has_kunit(directory: Path) -> bool:
    return (directory / "tools/testing/kunit/kunit.py").is_file()


def find_fit(tree: Tree, state: str) -> Fit:
    with step(f"find what fits {tree.source}"):
        kunit = has_kunit(tree.source)
        fit = fitting.find(tree.source, tree.client, available_lines(), state, kunit)
        fitting.describe(tree.source, tree.client, fit, state)
        return fit


def without_suites(tree: Tree, fit: Fit) -> Trouble:
    """What there is to say when the client has been built, and nothing more can be done."""
    how = {"fixed": "with the fix", "unfixed": "without the fix", "stock": "as it is"}
    return Trouble(
        f"suites cannot run in {tree.source}: {fit.why_no_suites}; {tree.client} "
        f"{how[tree.path.name.split('.')[0]]} builds, in {shown(tree.path)}"
    )


def base_of(directory: Path) -> Path:
    digest = hashlib.sha256(str(directory).encode()).hexdigest()[:8]
    return build_dir() / f"tree-{directory.name}-{digest}"


def _walk(directory: Path) -> Iterator[str]:
    for top, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if name not in (".git", KUNIT_DIR)]
        links = [name for name in directories if os.path.islink(os.path.join(top, name))]
        for name in names + links:
            yield os.path.relpath(os.path.join(top, name), directory)


def _source_files(directory: Path) -> List[str]:
    """The files that are source: those that git does not ignore, or all if never built."""
    if (directory / ".git").exists() and shutil.which("git"):
        listing = ["git", "-C", str(directory), "ls-files", "-z", "-co", "--exclude-standard"]
        status, output = process.run(listing)
        if status:
            raise Trouble(f"git cannot list {directory}: {process.reason(output)}")
        return [name for name in output.split("\0") if name]
    if (directory / ".config").exists() or (directory / "include/config").exists():
        raise Trouble(f"{directory} has been built in place: run make mrproper there first", USAGE)
    return list(_walk(directory))


def mirror(tree: Tree) -> None:
    """Copies what differs from the tree's source, but for the files that are laid over it."""
    with step(f"copy what changed in {tree.source} to {shown(tree.path)}"):
        theirs = set(_source_files(tree.source))
        mine = laid(tree) | {MANIFEST}
        for path in sorted(set(_walk(tree.path)) - theirs - mine):
            (tree.path / path).unlink()
        for path in sorted(theirs - mine):
            _copy(tree.source / path, tree.path / path)


def _identity(file: Path) -> Tuple[int, int, int]:
    status = file.lstat()
    return status.st_size, status.st_mtime_ns, status.st_mode


def _copy(origin: Path, copy: Path) -> None:
    with suppress(FileNotFoundError):
        if _identity(copy) == _identity(origin):
            return
    with suppress(FileNotFoundError):
        copy.unlink()
    if os.path.lexists(origin):
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(origin, copy, follow_symlinks=False)
