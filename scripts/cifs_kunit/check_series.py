# SPDX-License-Identifier: GPL-2.0
"""Tests of the mails that the series command writes, as those who get them would take them."""

import email
import email.policy
import tempfile
from email.utils import getaddresses
from pathlib import Path
from typing import Callable, List, Sequence, Tuple

import process
from check_base import Bench, expect, tool
from check_project import checkpatch
from console import USAGE
from fitting import Fit
from repository import Repository
from series import Workbench, read_series
from stepwise import touched
from tree import client_of, patched

FIX_TITLE = "cifs: move cifsFileInfo_put logic into a work-queue"
NOBODY = "Nobody <nobody@localhost>"


def write(bench: Bench, name: str, *options: str) -> List[Path]:
    directory = bench.directory / name
    run = tool("series", *options, "-o", str(directory))
    expect(run.status == 0, f"exit status {run.status}: {run.last}")
    return sorted(directory.iterdir())


def titles(mails: Sequence[Path]) -> List[str]:
    parsed = [email.message_from_bytes(m.read_bytes(), policy=email.policy.default) for m in mails]
    return [str(mail["Subject"]).partition("] ")[2] for mail in parsed]


def compare(bench: Bench, source: Path, patches: Sequence[Path]) -> None:
    """What git am makes of a source is what run builds, but for what only people read."""
    with tempfile.TemporaryDirectory() as directory:
        git = Repository(Path(directory) / "am", source, touched(patches), NOBODY, "@0 +0000")
        for patch in patches:
            git.take(patch)
        got = git.contents()
    wanted = patched(bench.tree("fixed"), Fit(bench.line), "fixed", lab=False)
    files = {path: source / path for path in wanted}
    there = {path: file.read_bytes() for path, file in files.items() if file.is_file()}
    wrong = [path for path, data in wanted.items() if data != got.get(path, there.get(path))]
    expect(not wrong, f"git am leaves other files than run builds: {', '.join(wrong)}")
    more = [path for path in set(got) - set(wanted) if not path.startswith("Documentation/")]
    expect(more == ["MAINTAINERS"], f"beside that, git am changes {more}, not MAINTAINERS")


def recipients(bench: Bench, mails: Sequence[Path]) -> None:
    known = (bench.source / "MAINTAINERS").read_text()
    for mail in mails:
        parsed = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
        for field in ("To", "Cc"):
            found = [address for _, address in getaddresses([str(parsed[field] or "")])]
            expect(bool(found), f"{mail.name}: nobody in {field}")
            unknown = [address for address in found if address not in known]
            expect(not unknown, f"{mail.name}: not in MAINTAINERS: {', '.join(unknown)}")


def packaged(bench: Bench) -> None:
    options = ("--kernel", bench.line)
    mails = write(bench, "mails", *options)
    again = write(bench, "mails-again", *options)
    expect([m.read_bytes() for m in mails] == [m.read_bytes() for m in again], "it comes out anew")
    expect(FIX_TITLE not in titles(mails), "the fix is in the series, and in the kernel already")
    checkpatch(bench, "--strict", *map(str, mails))
    recipients(bench, mails)
    compare(bench, bench.source, mails[1:])


def without_fix(bench: Bench) -> None:
    """On a tree that has not the fix, the series begins with it."""
    source = bench.directory / "without-fix"
    bench.directory.mkdir(parents=True, exist_ok=True)
    process.run(["cp", "-al", f"{bench.source}/.", str(source)])
    with tempfile.TemporaryDirectory() as directory:
        work = Workbench(bench.source, Path(directory))
        work.reverse(read_series(bench.line)[0].moved_to(client_of(bench.source)))
        for path, data in work.contents().items():
            (source / path).unlink()
            (source / path).write_bytes(data or b"")
    mails = write(bench, "mails-of-fix", "--tree", str(source))
    expect(titles(mails)[1] == FIX_TITLE, f"it begins with {titles(mails)[1]}")
    compare(bench, source, mails[1:])


def not_empty(bench: Bench) -> None:
    """What is there already stays."""
    directory = bench.directory / "taken"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "mine").touch()
    run = tool("series", "--kernel", bench.line, "-o", str(directory))
    run.expect(USAGE, "is not empty")
    expect([file.name for file in directory.iterdir()] == ["mine"], "it writes there all the same")


def tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    return [
        (f"{line}: series, applied with git am, is what run builds", packaged),
        (f"{line}: series of a tree without the fix", without_fix),
        (f"{line}: series into a directory that is not empty", not_empty),
    ]
