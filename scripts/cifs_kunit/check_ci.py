# SPDX-License-Identifier: GPL-2.0
"""Tests of what the tool is to other programs: to readers of results, and to git bisect."""

import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, List, Tuple
from xml.etree import ElementTree

import foreign
import kernel
import packages
import process
from check_base import TOOL, Bench, expect, tool
from layout import MUTANTS
from result import FAILED, PASSED, SKIPPED
from tree import client_of, clone

SUMMARY = re.compile(r"Testing complete\. Ran (\d+) tests: (.*)")
COUNT = re.compile(r"(\w+): (\d+)")
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{role}_NAME": "check" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "check@localhost" for role in ("AUTHOR", "COMMITTER")},
}
CULPRIT = "umount-deferred-files-left"


def parsed(bench: Bench, ktap: Path) -> Dict[str, int]:
    """What the kernel's own kunit.py makes of it."""
    script = bench.tree("unfixed").path / "tools/testing/kunit/kunit.py"
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    _, output = process.run([sys.executable, str(script), "parse", str(ktap)], env=env)
    found = SUMMARY.search(output)
    return {name: int(count) for name, count in COUNT.findall(found[2])} if found else {}


def results(bench: Bench) -> None:
    """All readers of a run in which something fails are told the same."""
    bench.directory.mkdir(parents=True, exist_ok=True)
    files = {name: bench.directory / f"result.{name}" for name in ("json", "junit", "ktap")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    run = tool("run", "--kernel", bench.line, "--state", "unfixed", *options, "cifs_put*")
    expect(run.status == 1, f"exit status {run.status}: {run.last}")
    document = json.loads(files["json"].read_text())
    counts = Counter(case["status"] for case in document["cases"])
    expect(min(counts[status] for status in (PASSED, FAILED, SKIPPED)) > 0, f"only {counts}")
    told = parsed(bench, files["ktap"])
    expect(told == dict(counts), f"kunit.py parse: {told}, and not {dict(counts)}")
    root = ElementTree.parse(files["junit"]).getroot()
    expect(root.get("failures") == str(document["failed"]), f"JUnit: {root.attrib}")
    log = (bench.tree("unfixed").kunit_dir / kernel.LOG).read_bytes()
    ktap = files["ktap"].read_bytes()
    expect(log.endswith(ktap), "the KTAP is not what the kernel has printed")
    expect(b"KTAP version" in ktap.splitlines()[0], "the KTAP does not begin with its version")


class History:
    """A tree under git, which has the client only: commits are to be quick."""

    def __init__(self, source: Path, path: Path) -> None:
        self.path, self.client = path, client_of(source)
        process.run(["cp", "-al", str(source), str(path)])
        # Debian's ignores whatever is not of its packaging.
        self._write(".gitignore", (path / ".gitignore").read_text().replace("\n/*\n", "\n"))
        self.git("init", "-q")
        self.commit("the client as it is packaged")
        self.git("tag", "good")

    def git(self, *args: str) -> str:
        status, output = process.run(["git", *args], self.path, GIT)
        expect(status == 0, f"git {args[0]}: {output}")
        return output

    def commit(self, subject: str) -> None:
        self.git("add", "-f", self.client)
        self.git("commit", "-q", "-m", subject)

    def _write(self, name: str, text: str) -> None:
        """Not in place: the files are the source's."""
        (self.path / name).unlink()
        (self.path / name).write_text(text)

    def append(self, file: str, text: str, subject: str) -> None:
        name = f"{self.client}/{file}"
        self._write(name, f"{(self.path / name).read_text()}{text}\n")
        self.commit(subject)

    def patch(self, patch: Path, subject: str) -> str:
        command = ["patch", "-p1", "-s", "--no-backup-if-mismatch", "-i", str(patch)]
        status, output = process.run(command, self.path)
        expect(status == 0, output)
        self.commit(subject)
        return self.git("rev-parse", "HEAD")


def bisect(bench: Bench) -> None:
    """Finds the commit that breaks umount, past one that does not build."""
    packages.require(["git"])
    bench.directory.mkdir(parents=True, exist_ok=True)
    history = History(bench.source, bench.directory / "linux")
    history.append("misc.c", "/* one */", "smb: client: a comment")
    history.append("dir.c", "/* two */", "smb: client: another comment")
    history.append("misc.c", "int", "smb: client: what does not build")
    history.git("revert", "--no-edit", "HEAD")
    history.append("dir.c", "/* three */", "smb: client: one more comment")
    culprit = history.patch(MUTANTS / f"{CULPRIT}.patch", "smb: client: leave files open at umount")
    history.append("misc.c", "/* four */", "smb: client: the last comment")

    build = bench.directory / "bisect"
    clone(bench.tree("fixed").path, build / foreign.base_of(history.path).name / "fixed")
    history.git("bisect", "start", "HEAD", "good")
    case = "cifs_mount_break.*umount_closes_deferred"
    command = ["git", "bisect", "run", *TOOL, "run", "--tree", ".", case]
    status, output = process.run(command, history.path, bench.private(build, **GIT))
    expect(status == 0, f"exit status {status}: {output.splitlines()[-1]}")
    expect(f"{culprit} is the first bad commit" in output, "it finds another commit")
    expect("cannot be built" in output, "it does not come by the commit that does not build")


def tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    return [
        (f"{line}: JSON, JUnit and KTAP of a run", results),
        (f"{line}: git bisect run finds a commit that breaks umount", bisect),
    ]
