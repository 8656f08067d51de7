# SPDX-License-Identifier: GPL-2.0
"""Kernel trees under build/: the source, patched, with the suites laid over it.

A tree shares the unchanged files of its source by hard links, so no file of a tree is ever
written in place: one that changes is replaced, and only if its content changes, so that
make rebuilds what it must and nothing else.
"""

import re
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional, Set

import packages
import process
from console import USAGE, Trouble, step
from fitting import Fit, bring
from layout import (
    BACKPORT,
    LAB,
    NEWEST_LINE,
    TESTS,
    build_dir,
    lock,
    made_whole,
    package_of,
    shown,
)
from series import EXACT, FUZZY, Patch, Workbench
from target import Target, kunitconfig

CLIENTS = ("fs/smb/client", "fs/cifs")
# kunit.py's own default. A build directory inside the tree makes kbuild use relative paths,
# so that it may be copied with its tree, and ccache sees the same command in every tree.
KUNIT_DIR = ".kunit"
MANIFEST = ".cifs-kunit"
# What the suites on a mount are compiled with where the kernel is not of the newest line.
INCLUDE = """
$(foreach object,$(filter cifs_server.o cifs_mount%.o,$(obj-y)), \\
	$(eval CFLAGS_$(object) += -include $(srctree)/{header}))
"""
# How kbuild finds the lab: before the suites on a mount, which come last.
LET_IN = b"obj-$(CONFIG_CIFS_KUNIT_TEST) += tests/\n"
LET_LAB_IN = b"""\
obj-$(CONFIG_CIFS_KUNIT_TEST) += lab/ tests/
ccflags-$(CONFIG_CIFS_KUNIT_COVERAGE) += --coverage -fno-early-inlining
"""


@dataclass(frozen=True)
class Tree:
    path: Path
    source: Path
    target: Target = Target()
    foreign: bool = False

    @property
    def client(self) -> str:
        return client_of(self.source)

    @property
    def suites(self) -> str:
        return f"{self.client}/tests"

    @property
    def kunit_dir(self) -> Path:
        return self.path / KUNIT_DIR

    @property
    def lock_path(self) -> Path:
        return self.path.with_name(self.path.name + ".lock")

    @property
    def manifest(self) -> Path:
        return self.path / MANIFEST


def client_of(source: Path) -> str:
    for client in CLIENTS:
        if (source / client / "cifsfs.c").is_file():
            return client
    raise Trouble(f"{source} has no cifs client: neither {' nor '.join(CLIENTS)}", USAGE)


def docs_of(source: Path) -> str:
    """Where the client's pages go in a kernel: beside those of the mount and of the server."""
    for name in ("smb", "cifs"):
        if (source / "Documentation/filesystems" / name / "index.rst").is_file():
            return f"Documentation/filesystems/{name}/client"
    return "Documentation/filesystems/smb/client"


def version_of(source: Path) -> str:
    makefile = (source / "Makefile").read_text()
    found: Dict[str, str] = dict(re.findall(r"^([A-Z]+) =[ \t]*(.*)$", makefile, re.M))
    numbers = [found.get(key, "") for key in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
    return ".".join(filter(None, numbers)) + found.get("EXTRAVERSION", "")


def packaged_source(line: str) -> Path:
    """Debian's source of a kernel line, unpacked once and never written to."""
    package = package_of(line)
    base = build_dir() / line
    source = base / "source"
    with lock(base / "source.lock"):
        if not source.is_dir():
            deb = packages.fetch(package, build_dir() / "apt", base)
            unpack(deb, package.name, source)
    return source


def unpack(deb: Path, package: str, source: Path) -> None:
    pipeline = (
        'dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$2.tar.xz" | '
        'tar -xJ --strip-components=1 --no-same-owner -C "$3"'
    )
    with step(f"unpack {deb.name}"), made_whole(source) as part:
        status, output = process.run(["sh", "-c", pipeline, "sh", str(deb), package, str(part)])
        if status:
            raise Trouble(f"{shown(deb)} cannot be unpacked: {process.reason(output)}")


def make_tree(tree: Tree, seeds: Iterable[str]) -> None:
    """Makes the tree, if it is not there, out of its source or a sibling that is built."""
    if tree.path.is_dir():
        return
    for seed in (Tree(tree.path.with_name(name), tree.source) for name in seeds):
        if seed.kunit_dir.is_dir():
            with lock(seed.lock_path):
                return clone(seed.path, tree.path)
    if not tree.foreign:
        clone(tree.source, tree.path)


def clone(origin: Path, path: Path) -> None:
    with step(f"make {shown(path)} from {shown(origin)}"), made_whole(path) as part:
        entries = [str(entry) for entry in origin.iterdir() if entry.name != KUNIT_DIR]
        commands = [["cp", "-al", "-t", str(part), *entries]]
        if (origin / KUNIT_DIR).is_dir():
            commands.append(["cp", "-a", str(origin / KUNIT_DIR), str(part)])
        for command in commands:
            status, output = process.run(command)
            if status:
                raise Trouble(process.reason(output))


def patched(
    tree: Tree, fit: Fit, state: str, mutant: Optional[Patch] = None, lab: bool = True
) -> Dict[str, Optional[bytes]]:
    """Every file that differs from the source: patched ones, the overlay, and the lab."""
    with tempfile.TemporaryDirectory(prefix="cifs-kunit.") as directory:
        bench = Workbench(tree.source, Path(directory), FUZZY if tree.foreign else EXACT)
        bring(bench, fit, tree.client, state)
        for path, data in overlay(tree, fit.line).items() if fit.suites else ():
            bench.put(path, data)
        if fit.suites and lab:
            bring_lab(bench, tree.client)
        bench.put(f"{tree.suites}/.kunitconfig", kunitconfig(tree.source, tree.target))
        if mutant:
            bench.apply(mutant.moved_to(tree.client))
        return bench.contents()


def overlay(tree: Tree, line: str) -> Dict[str, bytes]:
    """Files of the project, by where they go in the tree.

    Kernels that are not of the newest line get the backport header, read before each suite.
    """
    directory = tree.suites
    contents = {f"{directory}/{file.name}": file.read_bytes() for file in files_of(TESTS)}
    if line != NEWEST_LINE or not version_of(tree.source).startswith(f"{NEWEST_LINE}."):
        header = f"{directory}/{BACKPORT.name}"
        contents[header] = BACKPORT.read_bytes()
        contents[f"{directory}/Makefile"] += INCLUDE.format(header=header).encode()
    return contents


def files_of(directory: Path) -> List[Path]:
    files = [file for file in directory.iterdir() if file.is_file()]
    return [file for file in files if file.name[0] != "." and file.name[-1] != "~"]


def bring_lab(bench: Workbench, client: str) -> None:
    """What is not mailed, beside the suites."""
    for file in files_of(LAB):
        bench.put(f"{client}/lab/{file.name}", file.read_bytes())
    makefile, kconfig = f"{client}/Makefile", f"{client}/tests/Kconfig"
    text = bench.content(makefile) or b""
    if LET_IN not in text:
        raise Trouble(f"{makefile} of {shown(bench.source)} does not let the suites in")
    bench.put(makefile, text.replace(LET_IN, LET_LAB_IN))
    source = f'\nsource "{client}/lab/Kconfig"\n'
    bench.put(kconfig, (bench.content(kconfig) or b"") + source.encode())


def lay(tree: Tree, contents: Mapping[str, Optional[bytes]]) -> None:
    """Gives the tree these contents, and whatever was laid before its source's again."""
    before = laid(tree)
    _write(tree.manifest, _lines(before.union(contents)))
    for path in sorted(before.union(contents)):
        if path in contents:
            _replace(tree, path, contents[path])
        else:
            origin = tree.source / path
            _replace(tree, path, origin.read_bytes() if origin.is_file() else None)
    _write(tree.manifest, _lines(contents))


def laid(tree: Tree) -> Set[str]:
    return set(tree.manifest.read_text().splitlines()) if tree.manifest.is_file() else set()


def _lines(paths: Iterable[str]) -> bytes:
    return "".join(f"{path}\n" for path in sorted(paths)).encode()


def _replace(tree: Tree, path: str, data: Optional[bytes]) -> None:
    file = tree.path / path
    if data is None:
        with suppress(FileNotFoundError):
            file.unlink()
    elif not file.is_file() or file.read_bytes() != data:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, data)
        with suppress(FileNotFoundError):
            shutil.copymode(tree.source / path, file)


def _write(file: Path, data: bytes) -> None:
    temporary = file.with_name(file.name + ".part~")
    try:
        temporary.write_bytes(data)
        temporary.replace(file)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
