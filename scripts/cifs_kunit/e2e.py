# SPDX-License-Identifier: GPL-2.0
"""The e2e command: the same kernel on the host's own root, against a real Samba server."""

import argparse
import difflib
import itertools
import re
from pathlib import Path
from typing import Dict, Iterable, List

import packages
import process
import result
import run
import show
from console import Trouble, say, step
from layout import GUEST, build_dir, scratch_directory, shown
from tree import Tree

PACKAGES = ("fio", "iproute2", "perl", "samba", "stress-ng")
LOG = "e2e.log"
# Up to 5.13, a kernel without block devices mounts no other root.
ROOT = "mtd"
# In seconds: what the guest may take beyond the time of the workload, then what to wait for it.
PATIENCE, GRACE = 300, 30

Stacks = Dict[str, List[str]]

SHOWN = re.compile(r"(?!#   |# task ) *(?:# |(?:not )?ok \d)")
TASK = re.compile(r"# task (\d+) is \d+$")
FRAME = re.compile(r"#   ([\w.]+)\+0x")
WIDTH = 38

CLOSE = (
    "__schedule schedule schedule_timeout msleep _cifsFileInfo_put.cold.63 cifs_close __fput "
    "task_work_run exit_to_usermode_loop do_syscall_64"
)
# The stacks of the report, innermost function first
REPORTED = {
    "8856": "__schedule schedule schedule_timeout msleep _cifsFileInfo_put.cold.63 "
            "cifs_writepage_locked cifs_launder_page invalidate_inode_pages2_range "
            "cifs_invalidate_mapping cifs_revalidate_mapping cifs_d_revalidate path_openat "
            "do_filp_open do_sys_open do_syscall_64",
    "8854": "__schedule schedule io_schedule __lock_page pagecache_get_page "
            "grab_cache_page_write_begin cifs_write_begin generic_perform_write "
            "__generic_file_write_iter cifs_strict_writev.cold.70 new_sync_write vfs_write "
            "ksys_write do_syscall_64",
    "8855": "__schedule schedule rwsem_down_write_slowpath cifs_strict_writev new_sync_write "
            "vfs_write ksys_write do_syscall_64",
    "8857": "__schedule schedule io_schedule wait_on_page_bit __filemap_fdatawait_range "
            "filemap_write_and_wait cifs_flush filp_close __x64_sys_close do_syscall_64",
    "8859": "__schedule schedule schedule_timeout msleep cifs_new_fileinfo.cold.61 cifs_open "
            "do_dentry_open path_openat do_filp_open do_sys_open do_syscall_64",
    "8860": CLOSE, "8861": CLOSE, "8858": CLOSE, "8862": CLOSE,
    "8863": "__schedule schedule rwsem_down_write_slowpath legitimize_path path_openat "
            "do_filp_open do_sys_open do_syscall_64",
    "9802": "__schedule schedule rwsem_down_read_slowpath down_read_killable iterate_dir "
            "ksys_getdents64 __x64_sys_getdents64 do_syscall_64",
}  # fmt: skip


def guest_stacks(lines: Iterable[str]) -> Stacks:
    """The tasks that the reproducer names when they do not end."""
    stacks: Stacks = {}
    task = ""
    for line in lines:
        found, frame = TASK.match(line), FRAME.match(line)
        task = found[1] if found else task if frame else ""
        if found:
            stacks[task] = []
        elif frame and task:
            stacks[task].append(frame[1])
    return stacks


def beside(task: str, here: List[str], reported: List[str]) -> List[str]:
    """Two stacks as two columns, what is the same in both in the same rows."""
    left_names, right_names = (
        [name.partition(".")[0] for name in stack] for stack in (here, reported)
    )
    matcher = difflib.SequenceMatcher(None, left_names, right_names, autojunk=False)
    text = [f"    {'task ' + task:{WIDTH}}task {task} of the report"]
    for _, a, b, c, d in matcher.get_opcodes():
        for left, right in itertools.zip_longest(here[a:b], reported[c:d], fillvalue=""):
            text.append(f"      {left:{WIDTH}}{right}".rstrip())
    return text


def obstacle(source: Path) -> str:
    """Why UML of a source runs no user space on this machine, or nothing."""
    offsets = source / "arch/x86/um/user-offsets.c"
    fixed = offsets.is_file() and "HOST_FP_SIZE, 2696" in offsets.read_text()
    if fixed and "amx_tile" in Path("/proc/cpuinfo").read_text():
        return "UML of this kernel runs no user space on a processor with AMX"
    return ""


def compile_programs(directory: Path) -> None:
    for source in sorted(GUEST.glob("*.c")):
        library = source.stem.endswith("_preload")
        output = directory / (source.stem + (".so" if library else ""))
        kind = ["-shared", "-fPIC"] if library else []
        command = ["gcc", "-O2", "-Wall", *kind, "-o", str(output), str(source)]
        status, errors = process.run(command)
        if status:
            raise Trouble(f"{shown(source)} cannot be compiled: {process.reason(errors)}")


def boot_command(tree: Tree, programs: Path, seconds: int) -> List[str]:
    limit = seconds + PATIENCE * (3 if tree.target.sanitize else 1)
    init = [f'"{programs}"', str(seconds), str(limit)]
    return [
        "timeout", "--kill-after=5", str(limit + GRACE), str(tree.kunit_dir / "linux"), "mem=1G",
        f"root={ROOT}", "rootfstype=hostfs", "rootflags=/", "ro", "console=tty",
        "kunit.filter_glob=none", f"uml_dir={programs}/", f'init="{GUEST}/init.sh"', "--", *init,
    ]  # fmt: skip


def boot(tree: Tree, seconds: int) -> List[str]:
    """Runs the guest, and shows what it tests; returns all that it has said."""
    lines: List[str] = []

    def on_line(text: str) -> None:
        lines.append(text.rstrip("\r"))
        if SHOWN.match(lines[-1]):
            say(lines[-1])

    with scratch_directory(build_dir() / "e2e") as programs:
        compile_programs(programs)
        with step(f"run {shown(tree.path)} with a Samba server"):
            process.stream(boot_command(tree, programs, seconds), on_line)
    (tree.kunit_dir / LOG).write_text("\n".join(lines) + "\n")
    return lines


def outcome(lines: List[str]) -> result.Outcome:
    """What comes before the last header is the kernel's own; line numbers stay."""
    starts = [number for number, line in enumerate(lines) if result.START.match(line)]
    begin = starts[-1] if starts else len(lines)
    return result.outcome_of(result.read_log([""] * begin + lines[begin:]))


def conclude(found: result.Outcome, log: Path) -> int:
    for report in found.reports:
        say(f"also failed: {report}")
    if found.failed:
        say(f"the whole log: {shown(log)}")
    show.verdict(found)
    return 1 if found.failed or not found.cases else 0


def e2e(args: argparse.Namespace) -> int:
    if packages.on_debian():
        packages.require(PACKAGES)
    with run.built(args) as (tree, _):
        if obstacle(tree.source):
            raise Trouble(f"{obstacle(tree.source)}: use another machine")
        lines = boot(tree, args.seconds)
        for task, stack in guest_stacks(lines).items():
            say("\n".join(beside(task, stack, REPORTED.get(task, "").split())))
        return conclude(outcome(lines), tree.kunit_dir / LOG)
