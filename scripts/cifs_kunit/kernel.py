# SPDX-License-Identifier: GPL-2.0
"""Building and running a tree with its own kunit.py."""

import contextlib
import errno
import os
import re
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import ContextManager, Dict, Iterator, List, Optional, Sequence, Tuple

import machine
import process
import result
from console import Trouble, say, step
from layout import shown
from show import Screen
from target import KCSAN, UM
from tree import KUNIT_DIR, Tree

LOG = "test.log"
CCACHE = Path("/usr/lib/ccache")
# A disk with less than that, in bytes, takes no kernel.
NO_ROOM = 4 << 20
ERROR = re.compile(r"\berror: |No space left|undefined reference|^make.*\*\*\* |^Missing: ")
WARNING = re.compile(r"\b(?:warning|error): ")
POSITION = re.compile(r"(?::\d+)+:")
HEARTBEAT = 30.0
# An option up to 4.18; and unwinders that need no objtool, by the names that they have had.
OLD_OPTIONS = b"""\
CONFIG_CIFS_SMB2=y
CONFIG_UNWINDER_FRAME_POINTER=y
CONFIG_FRAME_POINTER_UNWINDER=y
"""
# What is said in every build: by kunit.py, and by the linker of UML's objects.
CHATTER = re.compile(
    r"\[[\d:]+\] |(?:Populating config|Building) with:$|\$ make |(?:Reg|G)enerating |$"
    r"|\S*ld: .*(?:\.note\.GNU-stack|a future version|RWX permissions)"
)


def _environment(tree: Tree) -> Dict[str, str]:
    env = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    if tree.target.sanitize == KCSAN:
        # It looks at one access in so many: let them be the client's. What kbuild leaves out
        # by itself it still does.
        env.update(KCSAN_SANITIZE=f"$(if $(filter {tree.client},$(obj)),y,n)")
    if CCACHE.is_dir():
        # The directory of the build is in the debug info only: let all trees share objects.
        env.update(PATH=f"{CCACHE}:{os.environ['PATH']}", CCACHE_NOHASHDIR="1")
    return env


def _kunit_knows(tree: Tree, option: str) -> bool:
    """Whether the tree's kunit.py, which may be old, has an option."""
    scripts = (tree.path / "tools/testing/kunit").glob("*.py")
    return any(f"'{option}'" in script.read_text() for script in scripts)


def _kunit(tree: Tree, command: str, *options: str) -> List[str]:
    script = str(tree.path / "tools/testing/kunit/kunit.py")
    where = [f"--build_dir={KUNIT_DIR}"]
    if _kunit_knows(tree, "--kunitconfig"):
        where.append(f"--kunitconfig={tree.suites}")
    if tree.target.arch != UM:
        where.append(f"--arch={tree.target.arch}")
    return [sys.executable, script, command, *where, *options]


# What the qemu_configs of later kernels add.
CONSOLE = b"CONFIG_SERIAL_8250=y\nCONFIG_SERIAL_8250_CONSOLE=y\n"


def _build_commands(tree: Tree) -> List[List[str]]:
    jobs = f"--jobs={len(os.sched_getaffinity(0))}"
    if _kunit_knows(tree, "--kunitconfig"):
        return [_kunit(tree, "build", jobs)]
    if _take_config(tree):
        with contextlib.suppress(FileNotFoundError):
            (tree.kunit_dir / ".config").unlink()
    if tree.target.arch == UM:
        return [_kunit(tree, "config"), _kunit(tree, "build", jobs)]
    # An old kunit.py knows no other architecture.
    if not (tree.kunit_dir / ".config").is_file():
        shutil.copyfile(tree.kunit_dir / ".kunitconfig", tree.kunit_dir / ".config")
    make = ["make", "-s", f"ARCH={tree.target.arch}", f"O={KUNIT_DIR}"]
    return [[*make, "olddefconfig"], [*make, jobs]]


def _take_config(tree: Tree) -> bool:
    """An old kunit.py has its configuration in the build directory; whether that is a new one."""
    config = (tree.path / tree.suites / ".kunitconfig").read_bytes()
    config += CONSOLE if tree.target.arch != UM else b""
    copy = tree.kunit_dir / ".kunitconfig"
    if copy.is_file() and copy.read_bytes() == config:
        return False
    copy.write_bytes(config)
    return True


def _check_config(tree: Tree) -> None:
    """All of the configuration must have taken; kunit.py sees to it, where it makes it."""
    wanted, got = (
        {line for line in (tree.kunit_dir / name).read_text().splitlines() if line[:7] == "CONFIG_"}
        for name in (".kunitconfig", ".config")
    )
    if wanted - got:
        raise Trouble(f"{shown(tree.path)}: this kernel cannot have {', '.join(wanted - got)}")


def _objects(tree: Tree, since: float) -> int:
    count = 0
    for top, _, names in os.walk(tree.kunit_dir):
        for name in names:
            if name.endswith(".o") and name[0] != "." and name != "vmlinux.o":
                with contextlib.suppress(FileNotFoundError):
                    count += os.stat(os.path.join(top, name)).st_mtime >= since
    return count


@contextlib.contextmanager
def _heartbeat(tree: Tree) -> Iterator[None]:
    """kunit.py says nothing while make runs."""
    start = time.time()
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT):
            say(f"    {time.time() - start:.0f} s, {_objects(tree, start)} objects so far")

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    say(f"    {_objects(tree, start)} objects compiled")


def _why(tree: Tree, errors: Sequence[str]) -> str:
    """Of a full disk, make's first job to fail need not be the one that says so, if one does."""
    full = shutil.disk_usage(tree.path).free < NO_ROOM
    return os.strerror(errno.ENOSPC) if full else process.reason("\n".join(errors))


def build(tree: Tree, verbose: bool = False) -> None:
    errors: List[str] = []

    def on_line(line: str) -> None:
        if verbose or not CHATTER.match(line):
            say(line)
        if ERROR.search(line):
            errors.append(line.replace("ERROR:root:", ""))

    tree.kunit_dir.mkdir(exist_ok=True)
    with step(f"build {shown(tree.path)}"), _heartbeat(tree):
        for command in _build_commands(tree):
            if process.stream(command, on_line, tree.path, _environment(tree)):
                raise Trouble(f"{shown(tree.path)} cannot be built: {_why(tree, errors)}")
        if not _kunit_knows(tree, "--kunitconfig"):
            _check_config(tree)


def _make(tree: Tree, arch: str, *targets: str) -> List[str]:
    variables = [f"O={KUNIT_DIR}", *([f"ARCH={arch}"] if arch else [])]
    return ["make", *variables, f"--jobs={len(os.sched_getaffinity(0))}", *targets]


def shell(tree: Tree, commands: Sequence[str]) -> Tuple[int, List[str]]:
    """What somebody types in the tree, of whose objects those that are there serve."""
    status, output = process.run(["sh", "-ec", "\n".join(commands)], tree.path, _environment(tree))
    return status, output.splitlines()


def link_environment(tree: Tree) -> Dict[str, str]:
    """What kbuild exports to the script that links the kernel."""
    file = tree.kunit_dir / ".cifs-kunit.env"
    rule = f"cifs-kunit: ; @env -0 >{file.name}"
    with step(f"ask kbuild how {shown(tree.path)} is linked"):
        command = _make(tree, tree.target.arch, "-s", f"--eval={rule}", "cifs-kunit")
        status, output = process.run(command, tree.path, _environment(tree))
    if status:
        raise Trouble(f"{shown(tree.path)} cannot be linked: {process.reason(output)}")
    text = file.read_text(errors="surrogateescape")
    found = dict(entry.split("=", 1) for entry in text.split("\0") if entry)
    # The script has nothing to make, and UML's compiler, which links, is to leave out debug info.
    flags = f"{found.get('CFLAGS_vmlinux', '')} -Wl,--strip-debug"
    return {**found, "CFLAGS_vmlinux": flags, "MAKE": "true"}


def warnings(tree: Tree, *targets: str) -> List[str]:
    """What the compiler with W=1 and sparse say of the client, without line numbers.

    They are left built with other options than the kernel is: the next build makes them again.
    """
    found: List[str] = []
    errors: List[str] = []

    def on_line(line: str) -> None:
        if WARNING.search(line) and f"{tree.client}/" in line:
            found.append(POSITION.sub(":", line))
        if ERROR.search(line):
            errors.append(line)

    command = _make(tree, tree.target.arch, "W=1", "C=1", "CHECK=sparse", "--keep-going", *targets)
    if process.stream(command, on_line, tree.path, _environment(tree)):
        what = ", ".join(targets)
        raise Trouble(f"{what} cannot be built with W=1 and sparse: {_why(tree, errors)}")
    return found


def _prepared(tree: Tree, arch: str) -> bool:
    """Whether a kernel that may be older than the compiler can be configured and begun."""
    config = tree.kunit_dir / ".config"
    tree.kunit_dir.mkdir(exist_ok=True)
    config.write_bytes((tree.path / tree.suites / ".kunitconfig").read_bytes() + OLD_OPTIONS)
    with step(f"prepare {shown(tree.path)} for {arch or 'this machine'}"):
        for target in ("olddefconfig", "prepare"):
            if process.stream(_make(tree, arch, target), say, tree.path, _environment(tree)):
                shutil.rmtree(tree.kunit_dir)  # the other architecture starts afresh
                return False
        return "CONFIG_CIFS=y\n" in config.read_text()


def build_client(tree: Tree) -> None:
    """Compiles the client's directory only: of an old kernel, the rest may not build any more."""
    # UML needs least: no objtool, no assembly that newer tools choke on
    arch = next((arch for arch in ("um", "") if _prepared(tree, arch)), None)
    if arch is None:
        raise Trouble(f"{shown(tree.path)} cannot be configured, neither for um nor natively")
    errors: List[str] = []

    def on_line(line: str) -> None:
        say(line)
        if ERROR.search(line):
            errors.append(line)

    with step(f"build {shown(tree.path)}/{tree.client}"):
        command = _make(tree, arch, f"{tree.client}/")
        if process.stream(command, on_line, tree.path, _environment(tree)):
            raise Trouble(f"{tree.client} cannot be built: {_why(tree, errors)}")


def _run_step(tree: Tree, screen: Optional[Screen]) -> ContextManager[None]:
    return step(f"run {shown(tree.path)}") if screen else contextlib.nullcontext()


def _boot(tree: Tree, args: Sequence[str], screen: Optional[Screen]) -> result.Outcome:
    """Boots a kernel whose kunit.py cannot."""
    log = tree.kunit_dir / LOG
    limit = ["timeout", "--kill-after=5", str(machine.timeout(tree.target))]
    command = [*limit, *machine.command(tree, args)]
    with _run_step(tree, screen), log.open("w") as file:

        def on_line(line: str) -> None:
            file.write(f"{line}\n")
            if screen:
                screen.kernel_line(line)

        process.stream(command, on_line, tree.path)
    return result.gather_log(log)


def _kunit_can_boot(tree: Tree) -> bool:
    """An early kunit.py passes no arguments on; a late one takes KVM even if it does not work."""
    if not _kunit_knows(tree, "--kernel_args"):
        return False
    chooses = tree.target.arch != UM and _kunit_knows(tree, "-accel")
    return not chooses or machine.kvm_works(tree)


def _execute(
    tree: Tree, pattern: Optional[str], kernel_args: Sequence[str], screen: Optional[Screen] = None
) -> result.Outcome:
    """Boots the kernel once, shows how it goes, and gathers what came of it.

    Without a screen it is a later boot, for cases on a mount only: a client that spins is ended
    sooner.
    """
    limit = machine.timeout(tree.target) if screen else machine.timeout(tree.target) // 3
    args = [*machine.kernel_args(tree.target), *kernel_args]
    for counters in (tree.kunit_dir / tree.client).glob("*.gcda"):
        counters.unlink()  # a kernel adds to them
    if not _kunit_can_boot(tree):
        return _boot(tree, args + ([f"kunit.filter_glob={pattern}"] if pattern else []), screen)
    json, log = tree.kunit_dir / "kunit.json", tree.kunit_dir / LOG
    for stale in (json, log):
        with contextlib.suppress(FileNotFoundError):
            stale.unlink()
    output: List[str] = []

    def on_line(line: str) -> None:
        output.append(line)
        if screen:
            screen.kunit_line(line)

    options = [f"--timeout={limit}", f"--json={json}"]
    if tree.target.arch != UM:
        options.append(f"--qemu_args={' '.join(machine.qemu_args(tree))}")
    options += [f"--kernel_args={arg}" for arg in args]
    command = _kunit(tree, "exec", *options, *([pattern] if pattern else []))
    with _run_step(tree, screen):
        status = process.stream(command, on_line, tree.path, _environment(tree))
    return result.gather(json, log, output, status)


def execute(
    tree: Tree,
    pattern: Optional[str],
    kernel_args: Sequence[str] = (),
    verbose: bool = False,
) -> result.Outcome:
    """Boots the kernel, and again for the cases behind one that hangs or panics on a mount."""
    outcome = _execute(tree, pattern, kernel_args, Screen(verbose))
    file = tree.kunit_dir / LOG
    log = result.read_file(file)
    text = file.read_bytes() if file.is_file() else b""
    before, boots = -1, 0
    while log.done is not None and log.done > before:
        before, boots = log.done, boots + 1
        if boots == 1:
            say("    a case on a mount hangs, panics or loses lockdep: boot again for the others")
        args = [*kernel_args, f"cifs_mount.skip={before}"]
        _execute(tree, pattern or f"{result.MOUNT_SUITES}*", args)
        log = result.resumed(log, before, result.read_file(file))
        text += file.read_bytes()
        file.write_bytes(text)
        outcome = result.outcome_of(log)
    if boots:
        say(f"    {boots} more boots")
    return outcome
