# SPDX-License-Identifier: GPL-2.0
"""Where the frames of a stack trace are in the source.

A report of lockdep is spelled out by the kernel's own scripts/decode_stacktrace.sh. It does one
frame at a time, in about a second, and takes any function of a name for the one meant. For the
hundreds of call sites in a log, decode() does what scripts/faddr2line does (name and offset, the
size telling functions of one name apart), with one nm and one addr2line.
"""

import os
import re
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

import process
from console import Trouble

PACKAGES = ("binutils",)

FRAME = re.compile(r"([^\s+]+)(?:\+0x([0-9a-f]+)/0x([0-9a-f]+))?$")

# (address, size) of each function of a name
Functions = Dict[str, List[Tuple[int, int]]]


@dataclass(frozen=True)
class Place:
    function: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


# A frame's places: more than one if functions are inlined, the innermost one first.
Places = Dict[str, List[Place]]


def _output(command: List[str]) -> List[str]:
    status, output = process.run(command)
    if status:
        raise Trouble(f"{command[0]} fails: {process.reason(output)}")
    return output.splitlines()


def functions_of(lines: Iterable[str]) -> Functions:
    """From the output of nm -n. As kallsyms has it, a function ends where the next begins."""
    symbols = [(int(words[0], 16), words[2]) for words in map(str.split, lines) if len(words) == 3]
    functions: Functions = {}
    end = last = 0
    for address, name in reversed(symbols):
        if address != last:
            end, last = last, address
        functions.setdefault(name, []).append((address, end - address))
    return functions


def address_of(frame: str, functions: Functions) -> Optional[int]:
    """An address in the call that a frame is in: what is on the stack is where it returns to."""
    if frame.startswith("0x"):  # init functions have lost their names
        return int(frame, 16) - 1
    found = FRAME.match(frame)
    if not found:
        return None
    candidates = functions.get(found[1], [])
    if found[3] and len(candidates) > 1:
        candidates = [each for each in candidates if each[1] == int(found[3], 16)]
    if not candidates:
        return None
    return candidates[0][0] + max(int(found[2] or "0", 16) - 1, 0)


def _parse(lines: Iterable[str], tree: Path) -> Dict[int, List[Place]]:
    """From the output of addr2line: an address, then pairs of lines: function, place."""

    @lru_cache(maxsize=None)
    def in_tree(path: str) -> str:
        """ccache's objects name the directory they were compiled in first, maybe another."""
        parts = os.path.normpath(path).split("/")
        tails = ("/".join(parts[start:]) for start in range(1, len(parts)))
        return next((tail for tail in tails if (tree / tail).is_file()), path)

    places: Dict[int, List[Place]] = {}
    function, address = "", 0
    for line in lines:
        if line.startswith("0x"):
            function, address = "", int(line, 16)
            places[address] = []
        elif not function:
            function = line
        else:
            file, _, number = line.split(" (")[0].rpartition(":")
            if not file.startswith("?"):
                place = Place(function, in_tree(file), int(number) if number.isdigit() else 0)
                places[address].append(place)
            function = ""
    return places


def decode(frames: Iterable[str], vmlinux: Path, tree: Path) -> Places:
    """Frames are func+0xoffset/0xsize, or just func. What cannot be found is left out."""
    functions = functions_of(_output(["nm", "-n", str(vmlinux)]))
    wanted = {frame: address_of(frame, functions) for frame in frames}
    addresses = sorted({address for address in wanted.values() if address is not None})
    with tempfile.NamedTemporaryFile("w", prefix="cifs-kunit.") as options:
        options.write("".join(f"{address:#x}\n" for address in addresses))
        options.flush()
        command = ["addr2line", "-a", "-i", "-f", "-e", str(vmlinux), f"@{options.name}"]
        found = _parse(_output(command), tree)
    decoded = {f: found.get(address, []) for f, address in wanted.items() if address is not None}
    return {frame: places for frame, places in decoded.items() if places}


def spell(frames: Sequence[str], vmlinux: Path, tree: Path) -> Dict[str, str]:
    """The frames of a report as the kernel's own decode_stacktrace.sh has them."""
    with tempfile.NamedTemporaryFile("w", prefix="cifs-kunit.") as trace:
        trace.write("".join(f" {frame}\n" for frame in frames))
        trace.flush()
        script = 'exec scripts/decode_stacktrace.sh "$1" <"$2" 2>/dev/null'
        command = ["bash", "-c", script, "bash", str(vmlinux), trace.name]
        status, output = process.run(command, cwd=tree)
    lines = output.splitlines()
    if status or len(lines) != len(frames):
        raise Trouble(f"{tree}/scripts/decode_stacktrace.sh fails")
    # The build directory is below the tree, and the files are named from there.
    return {f: re.sub(r"/\S*/\.\./", "", line).strip() for f, line in zip(frames, lines)}
