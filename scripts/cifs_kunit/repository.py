# SPDX-License-Identifier: GPL-2.0
"""A git repository of its own for the few files of a kernel source that patches touch."""

import shutil
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional

import process
from console import Trouble

PACKAGES = ("git",)
# Nothing of the user's: not the name, and none of what git can be told to do otherwise.
ISOLATED = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
CONFIG = ("-c", "core.abbrev=12", "-c", "commit.gpgSign=false", "-c", "core.fsmonitor=false")


class Repository:
    """Begins with one commit: the files as the source has them."""

    def __init__(self, path: Path, source: Path, files: Iterable[str], who: str, date: str) -> None:
        name, _, mail = who.rstrip(">").partition(" <")
        self.path = path
        self.who = who
        self._environment = {
            **ISOLATED,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": mail,
            "GIT_COMMITTER_DATE": date,
        }
        path.mkdir()
        self.run("init", "-q", "-b", "series")
        for file in files:
            if (source / file).is_file():
                (path / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / file, path / file)
        self.commit("base\n", who, date)
        self.base = self.run("rev-parse", "HEAD")[0]

    def run(self, *arguments: str) -> List[str]:
        command = ["git", *CONFIG, *arguments]
        status, output = process.run(command, self.path, self._environment)
        if status:
            raise Trouble(f"git {arguments[0]} fails: {process.reason(output)}")
        return output.splitlines()

    def commit(self, message: str, author: str, date: str) -> None:
        """Of all that has changed, if anything has."""
        self.run("add", "-A")
        if self.run("status", "--porcelain"):
            file = self.path / ".git/MESSAGE"
            file.write_text(message, errors="surrogateescape")
            self.run("commit", "-q", "-F", str(file), f"--author={author}", f"--date={date}")

    def put(self, contents: Mapping[str, Optional[bytes]]) -> None:
        for name, data in contents.items():
            file = self.path / name
            if data is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            elif file.is_file():
                file.unlink()

    def take(self, mail: Path) -> None:
        self.run("am", "-q", str(mail))

    def contents(self) -> Dict[str, bytes]:
        files = self.run("ls-files")
        return {name: (self.path / name).read_bytes() for name in files}
