# SPDX-License-Identifier: GPL-2.0
"""Beds: copies of a built tree in which one mutant after another is tried, in seconds each.

A bed is made of links into the tree, and no file of it is written in place. Only what a mutant
changes is compiled, by the commands that kbuild has saved, and the kernel is linked by kbuild's
own script; all that is not the client has been linked together before.
"""

import fnmatch
import hashlib
import itertools
import multiprocessing
import os
import re
import signal
import tempfile
from multiprocessing.connection import Connection, wait
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from types import FrameType
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, cast

import kernel
import machine
import process
import result
from console import Trouble
from layout import scratch_directory
from series import Patch, Workbench
from tree import KUNIT_DIR, Tree

# What linking writes: never through a link into the tree.
WRITTEN = ("vmlinux*", ".tmp_*", "linux", "System.map", "*.log", "*.json", ".vmlinux.d")
# What kbuild links, since 6.17 and before.
LINKED = ("vmlinux.unstripped", "vmlinux")
SAVED_COMMAND = re.compile(r"(?:saved)?cmd_(\S+) := (.*)")
# Of a kernel that goes round in circles; whole runs of a good one take a third of it.
CPU_SECONDS = 60
# Of one that waits for ever, or has but a small part of a busy machine.
PATIENCE = 900
# How timeout(1) ends, the kernel that it had to kill, and one that has used up its CPU time.
OUT_OF_TIME = (124, 128 + signal.SIGKILL, -signal.SIGKILL)


class Job(NamedTuple):
    """Files as a mutant has them, and the suites to run, each by a boot of its own.

    Jobs with the very same contents share a kernel, of which the arguments make what they want.
    """

    name: str
    contents: Mapping[str, bytes]
    suites: Tuple[str, ...] = ("*",)
    args: Tuple[str, ...] = ()
    # the first case that fails says enough
    hasty: bool = False


class Trial(NamedTuple):
    """What came of a mutant: a compiler's error, or code that is the same, or an outcome."""

    outcome: Optional[result.Outcome] = None
    error: str = ""
    same: bool = False
    timed_out: bool = False


class _Enough(Exception):
    """A case has failed."""


def saved_command(target: Path) -> str:
    """The shell command by which kbuild has made a file."""
    text = target.with_name(f".{target.name}.cmd").read_text()
    found = SAVED_COMMAND.match(text)
    if not found:
        raise Trouble(f"{target} has no saved command: delete its directory and build again")
    return found[2].replace("$$", "$").replace("$(pound)", "#")


def _mirror(origin: Path, copy: Path, real: Sequence[str]) -> None:
    """Links to all of a directory; some of its directories, by path, are made anew.

    Files are linked hard: a thin archive has paths in it with symbolic links resolved.
    """
    copy.mkdir(exist_ok=True)
    for entry in os.scandir(origin):
        below = [path.partition("/")[2] for path in real if path.split("/")[0] == entry.name]
        if below:
            _mirror(origin / entry.name, copy / entry.name, list(filter(None, below)))
        elif entry.is_dir() or entry.is_symlink():
            (copy / entry.name).symlink_to(origin / entry.name)
        elif not any(fnmatch.fnmatch(entry.name, pattern) for pattern in WRITTEN):
            os.link(entry, copy / entry.name)


def mutated(tree: Tree, patch: Patch) -> Dict[str, bytes]:
    """The files of a prepared tree as a patch makes them."""
    with tempfile.TemporaryDirectory(prefix="cifs-kunit.") as directory:
        bench = Workbench(tree.path, Path(directory))
        bench.apply(patch.moved_to(tree.client))
        return {path: data for path, data in bench.contents().items() if data is not None}


class Bed:
    def __init__(self, tree: Tree, path: Path, environment: Mapping[str, str]) -> None:
        self._good = tree
        self._tree = Tree(path, tree.source, tree.target)
        self._environment = environment
        self._unmutated: Dict[str, bytes] = {}
        self._kernels: Dict[bytes, str] = {}
        self._laid: Mapping[str, bytes] = {}
        self._built = Trial()
        directories = [tree.client, tree.suites, f"{tree.client}/lab"]
        _mirror(tree.path, path, [*directories, *(f"{KUNIT_DIR}/{name}" for name in directories)])
        self._linked = self._tree.kunit_dir / next(
            name for name in LINKED if (tree.kunit_dir / name).is_file()
        )
        (self._tree.kunit_dir / "linux").symlink_to(self._linked)
        self._sources = {
            str(cmd.relative_to(self._tree.kunit_dir).with_name(cmd.name[1 : -len(".cmd")])):
            set(cmd.read_text().split())
            for cmd in self._tree.kunit_dir.glob(f"{tree.client}/**/.*.o.cmd")
        }  # fmt: skip
        self._link_the_rest()

    def _run(self, command: str) -> str:
        """In the build directory; returns what goes wrong, or nothing."""
        status, output = process.run(
            ["sh", "-e", "-c", command], self._tree.kunit_dir, self._environment
        )
        return output or f"exit status {status}" if status else ""

    def _link_the_rest(self) -> None:
        """Makes vmlinux.a of the client's objects, and of one each for those before and after."""
        status, output = process.run(["ar", "t", "vmlinux.a"], self._good.kunit_dir)
        if status:
            raise Trouble(f"{self._good.path}: a kernel this old has no vmlinux.a to link it from")
        members = output.splitlines()
        ours = [i for i, name in enumerate(members) if name.startswith(self._tree.client)]
        groups = {"before.o": members[: ours[0]], "after.o": members[ours[-1] + 1 :]}
        archived = ["before.o", *members[ours[0] : ours[-1] + 1], "after.o"]
        commands = [
            f"ld $KBUILD_LDFLAGS -r --strip-debug -o {name} {' '.join(group)}"
            for name, group in groups.items()
        ]
        commands.append(f"ar cDPrST vmlinux.a {' '.join(archived)}")
        trouble = self._run("\n".join(commands))
        if trouble:
            raise Trouble(f"{self._tree.path} cannot be linked: {process.reason(trouble)}")

    def _objects(self, paths: Sequence[str]) -> List[str]:
        """Those that are compiled from any of these files."""
        wanted = {f"../{path}" for path in paths}
        return sorted(name for name in self._sources if wanted & self._sources[name])

    def _compile(self, name: str) -> str:
        """Without debug info, which no suite looks at; returns the compiler's error."""
        target = self._tree.kunit_dir / name
        target.unlink()  # it is a link
        output = self._run(saved_command(target).replace(" -c ", " -g0 -c ", 1))
        return next((line for line in output.splitlines() if kernel.ERROR.search(line)), output)

    def _put(self, path: str, data: bytes) -> None:
        (self._tree.path / path).unlink()
        (self._tree.path / path).write_bytes(data)

    def _restore(self, paths: Sequence[str]) -> None:
        for path in paths:
            (self._tree.path / path).unlink(missing_ok=True)
            os.link(self._good.path / path, self._tree.path / path)

    def _learn_unmutated(self, names: Sequence[str]) -> None:
        """What objects are without the mutant, to see that it makes a difference."""
        for name in set(names) - self._unmutated.keys():
            error = self._compile(name)
            if error:
                raise Trouble(f"{name} of {self._good.path} does not compile: {error}")
            self._unmutated[name] = (self._tree.kunit_dir / name).read_bytes()

    def _made(self, names: Sequence[str]) -> Trial:
        """Compiles objects; what came of that."""
        for name in names:
            error = self._compile(name)
            if error:
                return Trial(error=error)
        made = {name: (self._tree.kunit_dir / name).read_bytes() for name in names}
        return Trial(same=all(self._unmutated.get(name) == made[name] for name in names))

    def _boot(self, suite: str, args: Sequence[str], hasty: bool) -> Tuple[result.Outcome, bool]:
        """What the suite says, and whether it had to be ended."""
        args = [*machine.kernel_args(self._tree.target), f"kunit.filter_glob={suite}", *args]
        limits = ["timeout", "--kill-after=5", str(PATIENCE)]
        limits += ["prlimit", f"--cpu={CPU_SECONDS}"]
        reader = result.LogReader()
        numbers = itertools.count(1)

        def on_line(line: str) -> None:
            reader.line(next(numbers), line)
            if hasty and reader.failed:
                raise _Enough

        command = [*limits, *machine.command(self._tree, args)]
        try:
            status = process.stream(command, on_line, self._tree.path)
        except _Enough:
            log = reader.close()
            return result.Outcome(log.cases, log.reports), False
        return result.outcome_of(reader.close().of_boot(suite)), status in OUT_OF_TIME

    def _link(self) -> Tuple[bytes, str]:
        """Links the kernel; returns its digest, and what goes wrong."""
        self._linked.unlink(missing_ok=True)
        trouble = self._run(saved_command(self._linked))
        digest = hashlib.sha256(b"" if trouble else self._linked.read_bytes()).digest()
        return digest, process.reason(trouble) if trouble else ""

    def _run_suites(
        self, suites: Sequence[str], args: Sequence[str] = (), hasty: bool = False
    ) -> Trial:
        whole, timed_out = result.Outcome([]), False
        for suite in suites:
            outcome, out_of_time = self._boot(suite, args, hasty)
            whole.cases += outcome.cases
            whole.reports += outcome.reports
            timed_out = timed_out or out_of_time
            if hasty and (whole.failed or timed_out):
                break
        return Trial(whole, timed_out=timed_out)

    def control(self, suites: Sequence[str]) -> Trial:
        """The tree as it is, which must not be any of the kernels that were tried."""
        self._clear()
        digest, error = self._link()
        if digest in self._kernels:
            error = f"mutant {self._kernels[digest]} has not got into its kernel"
        return Trial(error=error) if error else self._run_suites(suites)

    def _clear(self) -> None:
        names = self._objects(list(self._laid))
        self._restore([*self._laid, *(f"{KUNIT_DIR}/{name}" for name in names)])
        self._laid = {}

    def _build(self, job: Job) -> Trial:
        """A kernel with the files of a job."""
        self._clear()
        names = self._objects(list(job.contents))
        if not job.args:
            self._learn_unmutated(names)
        self._laid = job.contents
        for path, data in job.contents.items():
            self._put(path, data)
        trial = self._made(names)
        if trial.error or trial.same:
            return trial
        digest, error = self._link()
        self._kernels[digest] = job.name
        return Trial(error=error)

    def attempt(self, job: Job) -> Trial:
        if job.contents is not self._laid:
            self._built = self._build(job)
        if self._built.error or self._built.same:
            return self._built
        return self._run_suites(job.suites, job.args, job.hasty)


class Shared(NamedTuple):
    """What the workers are given."""

    tree: Tree
    environment: Mapping[str, str]
    jobs: Sequence[Job]
    control: Tuple[str, ...]
    taken: "Synchronized[int]"


def _take(shared: Shared) -> Iterator[int]:
    while True:
        with shared.taken.get_lock():
            number = shared.taken.value
            shared.taken.value += 1
        if number >= len(shared.jobs):
            return
        yield number


def _interrupt(_signal: int, _frame: Optional[FrameType]) -> None:
    """Once: the parent's word may come on top of the terminal's, while things are put away."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _work(shared: Shared, path: Path, pipe: Connection) -> None:
    """Tries jobs until there are none left; last of all, the tree as it is must pass."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    process.adopt_orphans()
    try:
        with scratch_directory(path):
            bed = Bed(shared.tree, path, shared.environment)
            for number in _take(shared):
                pipe.send((number, bed.attempt(shared.jobs[number])))
            pipe.send((None, bed.control(shared.control)))
    except (Trouble, OSError) as trouble:
        pipe.send((None, Trial(error=str(trouble))))
    except KeyboardInterrupt:
        pass  # the parent says so


def trials(
    tree: Tree, jobs: Sequence[Job], control: Sequence[str]
) -> Iterator[Tuple[Optional[int], Trial]]:
    """What came of each job, by its number, in any order; then of each bed's control.

    The caller holds the lock of the tree, which is built, and runs no command meanwhile.
    """
    context = multiprocessing.get_context("fork")
    taken = cast("Synchronized[int]", context.Value("i", 0))
    shared = Shared(tree, kernel.link_environment(tree), jobs, tuple(control), taken)
    count = min(len(jobs), len(os.sched_getaffinity(0)))
    pipes: List[Connection] = []
    workers = []
    try:
        for number in range(count):
            path = tree.path.with_name(f"{tree.path.name}.bed{number}")
            receiver, sender = context.Pipe(duplex=False)
            worker = context.Process(target=_work, args=(shared, path, sender), daemon=True)
            worker.start()
            sender.close()
            workers.append(worker)
            pipes.append(receiver)
        while pipes:
            ready = wait(pipes)
            for pipe in [each for each in pipes if each in ready]:
                try:
                    yield pipe.recv()
                except EOFError:
                    pipes.remove(pipe)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
