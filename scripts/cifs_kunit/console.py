# SPDX-License-Identifier: GPL-2.0
"""What the user sees: steps with their time, and trouble in one line."""

import contextlib
import os
import sys
import time
from typing import Iterator

USAGE = 2
NO_KERNEL = 125
INTERRUPTED = 130

RED, GREEN, YELLOW, BOLD = "31", "32", "33", "1"


class Trouble(Exception):
    """Something the user can act on: one line, and an exit status."""

    def __init__(self, message: str, status: int = NO_KERNEL) -> None:
        super().__init__(message)
        self.status = status


def say(text: str) -> None:
    print(text, flush=True)


def painted(colour: str, text: str) -> str:
    """On a terminal, unless its user does not want it (no-color.org)."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\033[{colour}m{text}\033[0m" if wanted and sys.stdout.isatty() else text


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Names a step when it starts, and says how long it took when it went well."""
    say(f"==> {what}")
    start = time.monotonic()
    yield
    say(f"    {time.monotonic() - start:.1f} s")
