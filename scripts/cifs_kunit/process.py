# SPDX-License-Identifier: GPL-2.0
"""Commands that leave no process behind, however they end."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator, List, Mapping, Optional, Sequence, Tuple

GRACE = 10.0
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """UML makes a session of its own: what it leaves behind is to become our child."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children() -> List[int]:
    pids = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, rest = stat.read_text(errors="replace").split(" (", 1)
            if rest.rpartition(")")[2].split()[1] == str(os.getpid()):
                pids.append(int(pid))
    return pids


def _end_orphans() -> None:
    """Commands run one at a time: after one has ended, every child is an orphan of it."""
    orphans = _children()
    while orphans:
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        orphans = _children()


def _ended(pid: int, flags: int = 0) -> bool:
    """WNOWAIT keeps the leader a zombie, so that its group's id stays ours."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | flags) is not None


def _terminate(pid: int) -> None:
    os.killpg(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while not _ended(pid, os.WNOHANG) and time.monotonic() < deadline:
        time.sleep(0.05)


@contextlib.contextmanager
def group(
    command: Sequence[str],
    cwd: Optional[Path] = None,
    env: Optional[Mapping[str, str]] = None,
) -> Iterator["subprocess.Popen[str]"]:
    """A command in a session of its own, which ends with all that it has started."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C", **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        start_new_session=True,
        close_fds=False,  # locks are to be inherited, and nothing else is inheritable
    )
    try:
        yield process
        _ended(process.pid)
    except BaseException:
        _terminate(process.pid)
        raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _end_orphans()
        assert process.stdout
        process.stdout.close()


def stream(
    command: Sequence[str],
    on_line: Callable[[str], None],
    cwd: Optional[Path] = None,
    env: Optional[Mapping[str, str]] = None,
) -> int:
    """Runs a command, hands on its output line by line; returns its status."""
    with group(command, cwd, env) as process:
        assert process.stdout
        for line in process.stdout:
            on_line(line.rstrip("\n"))
    return process.returncode


def reason(output: str) -> str:
    """The line of a failed command's output that says most."""
    lines = output.strip().splitlines() or ["no reason given"]
    return next((line for line in lines if "No space left" in line), lines[0])


def run(
    command: Sequence[str],
    cwd: Optional[Path] = None,
    env: Optional[Mapping[str, str]] = None,
) -> Tuple[int, str]:
    """Runs a command quietly; returns its status and its output."""
    lines: List[str] = []
    status = stream(command, lines.append, cwd, env)
    return status, "\n".join(lines)
