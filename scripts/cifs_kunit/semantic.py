# SPDX-License-Identifier: GPL-2.0
"""The fix as a semantic patch, for trees that no series fits, and a look at what came of it."""

import functools
import re
import shutil
import tempfile
from pathlib import Path
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

import packages
import process
from console import Trouble
from layout import PATCHES
from series import Workbench

RULES = PATCHES / "fix.cocci"
TOUCHED = re.compile(r"cifsFileInfo_put|(?:cifsiod|serverclose)_wq\b|^struct cifsFileInfo \{", re.M)
PUT = "_cifsFileInfo_put"
TIMEOUT = "120"
CALL = re.compile(r"(?<!\w)_cifsFileInfo_put\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)([;{]?)")


def code_of(text: str) -> str:
    """C without comments and directives, and with no more white space than it needs."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    text = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", " ", text, flags=re.M)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r" ?([^\w\s]) ?", r"\1", text)


def body_of(code: str, name: str) -> str:
    """What is between the braces of a function or a struct; nothing if there is none."""
    start = re.search(rf"(?<!\w){name}(?:\([^;{{}}]*\))?\{{", code)
    if not start:
        return ""
    depth, end = 1, start.end()
    while depth and end < len(code):
        depth += {"{": 1, "}": -1}.get(code[end], 0)
        end += 1
    return code[start.end() : end - 1]


class Client(NamedTuple):
    """The code of a client's files, by name."""

    files: Dict[str, str]

    @property
    def all(self) -> str:
        return "\n".join(self.files.values())

    def body(self, file: str, name: str) -> str:
        return body_of(self.files.get(file, ""), name)

    @property
    def retries_close(self) -> bool:
        return bool(self.body("file.c", "serverclose_work"))

    @property
    def has_fix(self) -> bool:
        return "queue_work(fileinfo_put_wq," in self.all


def split_arguments(text: str) -> List[str]:
    return re.split(r",(?![^()]*\))", text)


def calls(code: str) -> List[List[str]]:
    return [split_arguments(text) for text, end in CALL.findall(code) if end != "{"]


def unwinds(init: str) -> bool:
    """Whether each step that fails behind the queue's allocation destroys it, and none before."""
    before, found, behind = init.partition("if(!fileinfo_put_wq)")
    own = re.match(r"\{rc=-ENOMEM;(goto \w+;)\}", behind)
    ladder = behind.rpartition("return 0;")[2]
    if not found or not own:
        return False

    def destroys(label: str) -> bool:
        unwound = re.search(rf"(?<!\w){label}:(.*)", ladder)
        return bool(unwound and "destroy_workqueue(fileinfo_put_wq);" in unwound[1])

    early = re.findall(r"goto (\w+);", before + own[1])
    late = re.findall(r"goto (\w+);", behind[own.end() :])
    return bool(late) and all(map(destroys, late)) and not any(map(destroys, early))


def neighbours(init: str) -> bool:
    """Whether the queue is destroyed right before the one that was allocated right before it."""
    made = re.findall(r"(\w+)=alloc_workqueue\(", init)
    gone = re.findall(r"destroy_workqueue\((\w+)\)", init.rpartition("return 0;")[2])
    before = dict(zip(made[1:], made)).get("fileinfo_put_wq")
    return ("fileinfo_put_wq", before) in zip(gone, gone[1:])


def waits_at_umount(client: Client) -> bool:
    """A put that holds the superblock needs no flush; else there is one behind each other one."""
    flushes = re.findall(r"flush_workqueue\(serverclose_wq\);(.{33})", client.all)
    followed = all(code == "flush_workqueue(fileinfo_put_wq);" for code in flushes)
    holds = "cifs_sb_deactive(" in client.body("file.c", "cifsFileInfo_put_final")
    return followed and (bool(flushes) or holds)


def calls_are_right(client: Client) -> bool:
    """Only cifsFileInfo_put() offloads; all have as many arguments as the prototype."""
    prototype, *others = calls(client.files.get("cifsglob.h", "")) or [[]]
    wrapper = calls(client.body("file.c", "cifsFileInfo_put"))
    everywhere = [
        call
        for name, code in client.files.items()
        for call in calls(code)
        if name != "cifsglob.h" and call[0][:6] != "struct"
    ]
    offloading = [call for call in everywhere if call[-1] == "true"]
    return (
        not others
        and all(len(call) == len(prototype) for call in everywhere)
        and all(call[-1] in ("true", "false") for call in everywhere)
        and offloading == wrapper
        and len(wrapper) == 1
    )


def closes_itself(client: Client) -> bool:
    close = client.body("file.c", "cifs_close")
    return bool(calls(close)) and not re.search(r"(?<!_)cifsFileInfo_put\(", close)


def moved(client: Client) -> bool:
    final = client.body("file.c", "cifsFileInfo_put_final")
    return bool(re.search(r"\block_(?:sem|mutex)\b.*;dput\(.*;kfree\(\w+\);$", final))


def offloads(body: str, flag: str) -> bool:
    """Whether a function ends with the last part, offloaded or not, and has none of its own."""
    queue, final = r"queue_work\(fileinfo_put_wq,&(\w+)->put\)", r"cifsFileInfo_put_final\(\1\)"
    end = rf"if\({flag}\){queue};else {final};\}}?$"
    return bool(re.search(end, body)) and not re.search(r"\block_(?:sem|mutex)\b", body)


def retries_offload(client: Client) -> bool:
    return not client.retries_close or offloads(
        client.body("file.c", "serverclose_work"), r"\w+->offload"
    )


def remembers(client: Client) -> bool:
    return not client.retries_close or (
        "bool offload;" in client.body("cifsglob.h", "struct cifsFileInfo")
        and bool(re.search(r"->offload=offload;if\(--", client.body("file.c", PUT)))
    )


def has(file: str, name: str, pattern: str) -> Callable[[Client], bool]:
    def look(client: Client) -> bool:
        code = client.body(file, name) if name else client.files.get(file, "")
        return bool(re.search(pattern, code))

    return look


# What must have come of the rules of fix.cocci, in their order there.
NEEDS: List[Tuple[str, str, Callable[[Client], bool]]] = [
    ("extern_queue", "cifsglob.h",
     has("cifsglob.h", "", r"extern struct workqueue_struct\*fileinfo_put_wq;")),
    ("queue", "cifsfs.c",
     has("cifsfs.c", "", r"(?<!extern )struct workqueue_struct\*fileinfo_put_wq;")),
    ("alloc", "cifsfs.c", has("cifsfs.c", "init_cifs", r"fileinfo_put_wq=alloc_workqueue\(")),
    ("ladder", "cifsfs.c", lambda client: neighbours(client.body("cifsfs.c", "init_cifs"))),
    ("jumps", "cifsfs.c", lambda client: unwinds(client.body("cifsfs.c", "init_cifs"))),
    ("exit", "cifsfs.c",
     has("cifsfs.c", "exit_cifs", r"destroy_workqueue\(fileinfo_put_wq\);.*"
                                  r"destroy_workqueue\(cifsiod_wq\);")),
    ("open_file", "cifsglob.h",
     has("cifsglob.h", "struct cifsFileInfo", "struct work_struct put;")),
    ("init_work", "file.c",
     has("file.c", "cifs_new_fileinfo", r"INIT_WORK\(&\w+->put,cifsFileInfo_put_work\);")),
    ("declare_work", "file.c",
     has("file.c", "", r"static void cifsFileInfo_put_work\(.*[^\w]cifs_new_fileinfo\(.*\)\{")),
    ("prototype", "cifsglob.h", has("cifsglob.h", "", rf"{PUT}\([^()]*,bool offload\);")),
    ("put", "file.c", has("file.c", "", rf"{PUT}\([^()]*,bool offload\)\{{")),
    ("close", "file.c", closes_itself),
    ("callers", "the calls", calls_are_right),
    ("final", "file.c", moved),
    ("work", "file.c", has("file.c", "cifsFileInfo_put_work", r"cifsFileInfo_put_final\(")),
    ("offload", "file.c", lambda client: offloads(client.body("file.c", PUT), "offload")),
    ("serverclose_offload", "file.c", retries_offload),
    ("serverclose_remember", "file.c", remembers),
    ("flush", "umount", waits_at_umount),
]  # fmt: skip


def first_lack(client: Client) -> str:
    """The first rule that has not done what it should, or nothing."""
    lacks = (f"rule '{rule}' ({where})" for rule, where, look in NEEDS if not look(client))
    return next(lacks, "")


def read_client(directory: Path, changed: Mapping[str, Optional[bytes]] = {}) -> Client:
    """The client in a directory, of which some files, by their names, have changed."""
    files = {file.name: file.read_bytes() for file in sorted(directory.glob("*.[ch]"))}
    files.update((name, data) for name, data in changed.items() if data is not None)
    texts = {name: data.decode(errors="replace") for name, data in files.items()}
    return Client({name: code_of(text) for name, text in texts.items() if TOUCHED.search(text)})


def need_spatch() -> None:
    if not shutil.which("spatch") and packages.on_debian():
        packages.require(["coccinelle"])
    if not shutil.which("spatch"):
        raise Trouble(f"{RULES.name} needs Coccinelle's spatch, which is not installed")


def transform(file: Path) -> None:
    command = ["spatch", "--very-quiet", "--no-show-diff", "--timeout", TIMEOUT, "--in-place"]
    status, output = process.run([*command, "--sp-file", str(RULES), str(file)])
    if status:
        raise Trouble(f"spatch fails at {file.name}: {(output.splitlines() or ['?'])[-1]}")


@functools.lru_cache(maxsize=None)
def transformed(source: Path, client: str) -> Tuple[Dict[str, bytes], str]:
    """Every file that the semantic patch changes, and the first rule that should have and did
    not."""
    changed = {}
    with tempfile.TemporaryDirectory(prefix="cifs-kunit.") as directory:
        for name in read_client(source / client).files:
            original, copy = source / client / name, Path(directory) / name
            shutil.copyfile(original, copy)
            transform(copy)
            if copy.read_bytes() != original.read_bytes():
                changed[f"{client}/{name}"] = copy.read_bytes()
        return changed, first_lack(read_client(Path(directory)))


def bring_fix(bench: Workbench, client: str, state: str) -> None:
    """As patch 1 of a series is brought to a state, but by what the code is."""
    has_fix = read_client(bench.source / client).has_fix
    if state == "unfixed" and has_fix:
        raise Trouble("the fix is in the tree in a way that no patch 1 takes out")
    if state == "fixed" and not has_fix:
        need_spatch()
        files, lack = transformed(bench.source, client)
        if lack:
            raise Trouble(f"{RULES.name}: {lack} does not match")
        for path, data in files.items():
            bench.put(path, data)
