# SPDX-License-Identifier: GPL-2.0
"""The series command: the fixes that a kernel lacks, and the suites, as git's mails."""

import argparse
import email
import email.policy
import re
import tempfile
import textwrap
from functools import partial
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import cover
import foreign
import packages
import process
import repository
import run
import stepwise
from console import USAGE, Trouble, say, step
from fitting import Fit, bring_fix
from layout import DOCUMENTS, made_whole, shown
from repository import Repository
from series import EXACT, FUZZY, Patch, Workbench, after_fix, read_series
from target import Target, kunitconfig
from tree import Tree, docs_of, overlay, version_of

SUITE = "_kunit"
# In the words of get_maintainer.pl: those who are paid for it are called supporters.
MAINTAINERS = ("maintainer", "supporter")
MESSAGE_ID = re.compile(rb"^((?:Message-I[dD]|In-Reply-To|References): <\w+\.)\d+(\.git\.)", re.M)

ABOUT_DOCUMENTS = """\
smb: client: document the life of an open file

What the last put of an open file goes through, and in which order umount
and exit have to wait for it, is nowhere written down. The KUnit suites go
by it.

"""
ABOUT_ENTRY = """\
MAINTAINERS: add the KUnit suites of the CIFS client

Have who wrote the suites look after them, and after the documents that
they go by.
"""

Contents = Dict[str, Optional[bytes]]


class Change(NamedTuple):
    """A commit to be, and the contents, after it, of all files that differ from the source."""

    author: str
    date: str
    message: str
    contents: Contents

    def then(self, message: str, contents: Contents) -> "Change":
        """The next one, by the same author."""
        message += f"\nSigned-off-by: {self.author}\n"
        return self._replace(message=message, contents={**self.contents, **contents})


class Part(NamedTuple):
    """The suites' Makefile up to a line that names objects, and the names on that line."""

    makefile: str
    stems: Tuple[str, ...]


def change_of(patch: Patch, bench: Workbench) -> Change:
    mail = email.message_from_string(patch.text, policy=email.policy.default)
    subject = re.sub(r"^\[PATCH[^]]*\] ", "", mail["Subject"])
    changelog = str(mail.get_payload()).partition("\n---\n")[0]
    message = f"{subject}\n\n{changelog}\n"
    return Change(str(mail["From"]), str(mail["Date"] or ""), message, bench.contents())


def parts(makefile: str) -> List[Part]:
    """One for each assignment that names objects of the suites; the last has all that is left."""
    found, until = [], ""
    for line in re.findall(r"(?:.*\\\n)*.*\n", makefile):
        until += line
        if line.startswith("obj-$(CONFIG_CIFS_KUNIT_TEST)"):
            found.append(Part(until, tuple(re.findall(r"(\w+)\.o\b", line))))
    return [*found[:-1], found[-1]._replace(makefile=makefile)]


def files_of(part: Part, others: Sequence[Part], names: Iterable[str]) -> List[str]:
    """What a part names, headers too; the first has what no part names."""
    stems = {stem for other in others for stem in other.stems}
    spare = part == others[0]
    by_stem = [(Path(name).stem, name) for name in sorted(names)]
    return [name for stem, name in by_stem if stem in part.stems or spare and stem not in stems]


def comment_of(source: str) -> List[str]:
    """The paragraphs of a C file's first comment."""
    found = re.search(r"/\*\n(.*?)\n? \*/", source, re.DOTALL)
    lines = [line[3:] for line in found[1].splitlines()] if found else []
    return "\n".join(lines).split("\n\n")


def capital(text: str) -> str:
    """With a capital, unless it begins with the name of a function."""
    return text if re.match(r"\w+\(", text) else text[:1].upper() + text[1:]


def wrapped(text: str) -> str:
    """A paragraph, or a list, in lines of a changelog's length."""
    items = [" ".join(item.split()) for item in re.split(r"^(?=- )", text, flags=re.MULTILINE)]
    indent = "  " if text.startswith("- ") else ""
    fill = partial(textwrap.fill, width=72, subsequent_indent=indent, break_on_hyphens=False)
    return "\n".join(map(fill, filter(None, items)))


def paragraphs(part: Part, sources: Dict[str, str]) -> List[str]:
    """What the files of a part say of themselves."""
    found: List[str] = []
    for stem in sorted(part.stems, key=lambda stem: not stem.endswith(SUITE)):
        if stem.endswith(SUITE):
            first, *rest = comment_of(sources[f"{stem}.c"])
            found += [capital(first.partition(": ")[2]), *rest]
        else:
            about = comment_of(sources.get(f"{stem}.h", "") or sources[f"{stem}.c"])
            found.append(f"{stem}: {about[0]}")
    return list(map(wrapped, found))


def introduction(part: Part, sources: Dict[str, str]) -> str:
    names = [stem[: -len(SUITE)] for stem in part.stems if stem.endswith(SUITE)]
    what = f"KUnit suite {', '.join(names)}" if names else f"{', '.join(part.stems)} for KUnit"
    title = f"smb: client: add {what}"
    return "\n\n".join([title, *paragraphs(part, sources)]) + "\n"


def title_of(document: str) -> str:
    found = re.search(r"^([^\n]+)\n=+$", document, re.MULTILINE)
    return found[1] if found else ""


def listed(index: str, after: str, names: Sequence[str]) -> str:
    """An index of documents with more, after those that it has, or those of a directory."""
    lines = index.splitlines(keepends=True)
    entry = re.compile(rf" +{after}[\w/-]+$")
    last = max((number for number, line in enumerate(lines) if entry.match(line)), default=None)
    if last is None:
        raise Trouble("this kernel's index of documents has no place for more")
    indent = lines[last][: -len(lines[last].lstrip())]
    more = [f"{indent}{name}\n" for name in names]
    return "".join([*lines[: last + 1], *more, *lines[last + 1 :]])


def documents(source: Path) -> Contents:
    """The documents, next to those that a kernel has, and its index with them."""
    place = Path(docs_of(source))
    index, entry, after = place.parent / "index.rst", f"{place.name}/index", ""
    if not (source / index).is_file():
        index, after = Path("Documentation/filesystems/index.rst"), "cifs/"
        entry = f"{place.parent.name}/{entry}"
    files = sorted(DOCUMENTS.glob("*.rst"))
    contents: Contents = {str(place / file.name): file.read_bytes() for file in files}
    text = listed((source / index).read_text(), after, [entry])
    return {**contents, str(index): text.encode()}


def with_entry(maintainers: str, client: str, author: str, files: Iterable[str]) -> str:
    """MAINTAINERS with an entry of the suites, after that of the client."""
    line = r"(?:[A-Z]:\t[^\n]*\n)*?"
    entry = rf"^([^\n]+)\n{line}L:\t(\S+)[^\n]*\n{line}F:\t{client}/\n{line}\n"
    found = re.search(entry, maintainers, re.MULTILINE)
    if not found:
        raise Trouble(f"MAINTAINERS of this kernel has no entry of {client}/ to put ours after")
    title = re.sub(r" *\(.*\)", "", found[1])
    lines = [f"{title} KUNIT TESTS", f"M:\t{author}", f"L:\t{found[2]}", "S:\tMaintained"]
    lines += [f"F:\t{file}" for file in sorted(files)]
    ours = "".join(f"{line}\n" for line in lines)
    return f"{maintainers[: found.end()]}{ours}\n{maintainers[found.end() :]}"


def suites(tree: Tree, fit: Fit, let_in: Change) -> Iterator[Change]:
    """A change for each line of the Makefile that names objects."""
    files = overlay(tree, fit.line)
    places = {Path(path).name: path for path in files}
    data = {Path(path).name: text for path, text in files.items()}
    sources = {name: text.decode() for name, text in data.items()}
    split = parts(sources["Makefile"])
    change = let_in
    change.contents[f"{tree.suites}/.kunitconfig"] = kunitconfig(tree.source, Target())
    for part in split:
        contents: Contents = {places[name]: data[name] for name in files_of(part, split, places)}
        contents[places["Makefile"]] = part.makefile.encode()
        if part == split[0]:
            about = "\n\n".join([*paragraphs(part, sources), "Signed-off-by:"])
            change = change._replace(
                message=change.message.replace("Signed-off-by:", about, 1),
                contents={**change.contents, **contents},
            )
        else:
            change = change.then(introduction(part, sources), contents)
        yield change


def prose(tree: Tree, last: Change) -> Iterator[Change]:
    """The documents, and who looks after it all."""
    texts = documents(tree.source)
    new = sorted(path for path in texts if not (tree.source / path).is_file())
    titles = [f"- {Path(each).name}: {title_of((texts[each] or b'').decode())}\n" for each in new]
    change = last.then(ABOUT_DOCUMENTS + "".join(titles), texts)
    yield change
    files = [*new, f"{tree.suites}/"]
    maintainers = (tree.source / "MAINTAINERS").read_text()
    entry = with_entry(maintainers, tree.client, last.author, files)
    yield change.then(ABOUT_ENTRY, {"MAINTAINERS": entry.encode()})


def changes(tree: Tree, fit: Fit) -> List[Change]:
    """All of it, in order; what the source has already changes nothing."""
    patches = [patch.moved_to(tree.client) for patch in read_series(fit.line)]
    with tempfile.TemporaryDirectory(prefix="cifs-kunit.") as directory:
        bench = Workbench(tree.source, Path(directory), FUZZY if tree.foreign else EXACT)
        bring_fix(bench, fit, tree.client, "fixed")
        found = [change_of(patches[0], bench)]
        for patch in after_fix(patches, "fixed"):
            if patch.name not in fit.there:
                bench.apply(patch)
            found.append(change_of(patch, bench))
    let_in = found.pop()
    found += suites(tree, fit, let_in)
    found += prose(tree, found[-1])
    return [change._replace(date=change.date or let_in.date) for change in found]


def committed(tree: Tree, found: Sequence[Change], directory: Path) -> Repository:
    last = found[-1]
    git = Repository(directory / "series", tree.source, last.contents, last.author, last.date)
    for change in found:
        git.put(change.contents)
        git.commit(change.message, change.author, change.date)
    return git


def recipients(source: Path, mails: Sequence[Path], home: Path) -> List[str]:
    """Options for git, of all who get the series: to those who maintain what it changes."""
    script = ["perl", "scripts/get_maintainer.pl", "--nogit", "--nogit-fallback", "--roles"]
    status, output = process.run([*script, *map(str, mails)], source, {"HOME": str(home)})
    if status:
        raise Trouble(f"{source}/scripts/get_maintainer.pl fails: {process.reason(output)}")
    found = re.findall(r"^(\S.*@\S+) \((\w+)", output, re.MULTILINE)
    return [f"--{'to' if role in MAINTAINERS else 'cc'}={who}" for who, role in found]


def mailed(git: Repository, source: Path, text: str, directory: Path) -> List[Path]:
    """The mails, with a time of the last commit in their ids instead of now."""
    git.run("config", "branch.series.description", text)
    command = ["format-patch", "--quiet", "--from", "--no-signature", "--thread=shallow"]
    command += ["--cover-letter", "--cover-from-description=subject", f"-o{directory}"]
    version = ".".join(version_of(source).split(".")[:2])
    command += [f"--subject-prefix=PATCH {version}"]
    git.run(*command, git.base)
    mails = sorted(directory.glob("*.patch"))
    git.run(*command, *recipients(source, mails[1:], git.path), git.base)
    time = git.run("log", "-1", "--format=%ct")[0].encode()
    for mail in mails:
        mail.write_bytes(MESSAGE_ID.sub(rb"\g<1>" + time + rb"\2", mail.read_bytes()))
    return mails


def find_tree(args: argparse.Namespace) -> Tuple[Tree, Fit]:
    tools = stepwise.PACKAGES if args.test else ()
    run.check_source(args, [*packages.BUILD_PACKAGES, *repository.PACKAGES, *tools])
    tree = run.find_tree(args)
    fit = foreign.find_fit(tree, "fixed") if tree.foreign else Fit(args.kernel)
    if not fit.suites:
        raise Trouble(f"no series for {tree.source}: {fit.why_no_suites}")
    return tree, fit


def series(args: argparse.Namespace) -> int:
    if args.output.is_dir() and any(args.output.iterdir()):
        raise Trouble(f"{shown(args.output)} is not empty: name a new directory", USAGE)
    tree, fit = find_tree(args)
    with made_whole(args.output) as part, tempfile.TemporaryDirectory() as directory:
        with step(f"write {shown(args.output)}"):
            git = committed(tree, changes(tree, fit), Path(directory))
            mails = mailed(git, tree.source, cover.letter(tree, fit), part)
        if args.test:
            tested = stepwise.test(tree, git.who, mails[1:])
            mails = mailed(git, tree.source, cover.letter(tree, fit, tested), part)
    say(f"{len(mails) - 1} patches in {shown(args.output)}, to be sent with git send-email")
    return 0
