# SPDX-License-Identifier: GPL-2.0
"""What the user sees: steps with their time, and trouble in one line."""

import contextlib
import time
from typing import Iterator

USAGE = 2
NO_KERNEL = 125
INTERRUPTED = 130


class Trouble(Exception):
    """Something the user can act on: one line, and an exit status."""

    def __init__(self, message: str, status: int = NO_KERNEL) -> None:
        super().__init__(message)
        self.status = status


def say(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Names a step when it starts, and says how long it took when it went well."""
    say(f"==> {what}")
    start = time.monotonic()
    yield
    say(f"    {time.monotonic() - start:.1f} s")
