# SPDX-License-Identifier: GPL-2.0
"""Where things are: the kernel lines, the project's files, the build directory."""

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Tuple

from console import USAGE, Trouble, say

REPO = Path(__file__).resolve().parents[2]
TESTS = REPO / "fs/cifs/tests"
BACKPORT = REPO / "fs/cifs/backport/backport.h"
PATCHES = REPO / "fs/cifs/patches"
LAB = REPO / "fs/cifs/lab"
MUTANTS = LAB / "mutants"
GUEST = REPO / "tools/testing/selftests/filesystems/cifs"
DOCUMENTS = REPO / "Documentation/filesystems/cifs"
OWN_DOCUMENTS = REPO / "Documentation/cifs-kunit"  # not mailed


class Package(NamedTuple):
    """A Debian package, and the suites of the archive that may have it: the newest is taken."""

    name: str
    suites: Tuple[str, ...]


# Kernel line: the Debian package that brings its source.
LINES: Dict[str, Package] = {
    "5.10": Package("linux-source-5.10", ("bullseye-security",)),
    "6.1": Package("linux-source-6.1", ("bookworm", "bookworm-security")),
    "6.12": Package("linux-source-6.12", ("trixie", "trixie-security")),
    "7.3": Package("linux-source-7.3", ("trixie-backports",)),
}
DEFAULT_LINE = "6.1"
NEWEST_LINE = "7.3"  # the suites are written for it
STATES = ("fixed", "unfixed", "stock")

BUILD_VARIABLE = "CIFS_KUNIT_BUILD"


def build_dir() -> Path:
    return Path(os.environ.get(BUILD_VARIABLE) or REPO / "build").resolve()


def results_dir() -> Path:
    return build_dir() / "results"


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def available_lines() -> List[str]:
    return [line for line in LINES if (PATCHES / line / "series").is_file()]


def shown_lines() -> str:
    return ", ".join(available_lines()) or "(none)"


def package_of(line: str) -> Package:
    if line not in LINES:
        raise Trouble(f"unknown kernel line '{line}': choose from {shown_lines()}", USAGE)
    if line not in available_lines():
        raise Trouble(
            f"line {line} has no series in {PATCHES.relative_to(REPO)}/{line} yet: "
            f"choose from {shown_lines()}",
            USAGE,
        )
    return LINES[line]


@contextlib.contextmanager
def lock(path: Path, busy: str = "") -> Iterator[None]:
    """Holds path locked. Taken by another: trouble if 'busy' says so, else wait.

    Children inherit the lock: those that survive a killed run still hold it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if busy:
                raise Trouble(busy) from None
            say(f"    waiting for another run to release {shown(path)}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        os.set_inheritable(handle.fileno(), True)
        yield


@contextlib.contextmanager
def scratch_directory(path: Path) -> Iterator[Path]:
    """An empty directory that goes away; so does one that a killed run has left."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def made_whole(path: Path) -> Iterator[Path]:
    """A directory to fill, which becomes 'path' if all goes well, and else goes away."""
    with scratch_directory(path.with_name(path.name + ".part")) as temporary:
        yield temporary
        temporary.rename(path)
