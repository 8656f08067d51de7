# SPDX-License-Identifier: GPL-2.0
"""What a kernel is built for: an architecture, its processors, sanitizers; and how to ask for it.

Not every kernel has everything: what a target wants is fitted to what the Kconfig files of a
source have to offer.
"""

import argparse
import re
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Set

import process
from console import USAGE, Trouble
from layout import LAB, REPO, TESTS

# The directories below arch/ that an architecture has its Kconfig files in.
ARCHS: Dict[str, List[str]] = {"um": ["um", "x86/um"], "x86_64": ["x86"]}
UM, X86_64 = ARCHS
KASAN, KCSAN = "kasan", "kcsan"
COVERAGE = "coverage"
MAX_SMP = 64

KCONFIG = r"^[[:blank:]]*(menuconfig|config|select)[[:blank:]]+[A-Z0-9_]+"
OPTION = re.compile(r"(?:# )?CONFIG_(\w+)(?:=| is not set)")


class Target(NamedTuple):
    arch: str = UM
    smp: int = 1
    sanitize: str = ""  # or COVERAGE, the other thing that a kernel is built with for its tests

    @property
    def _parts(self) -> List[str]:
        """What it is beyond UML on one processor; every other architecture has SMP anyway."""
        uml_smp = "smp" if self.smp > 1 else ""
        return list(filter(None, (uml_smp if self.arch == UM else self.arch, self.sanitize)))

    @property
    def variant(self) -> str:
        """Sets its trees apart from those of other targets that need another kernel."""
        return "".join(f".{part}" for part in self._parts)

    @property
    def seeds(self) -> List[str]:
        """The variants whose objects serve: counting is for the client's own only."""
        return [self.variant, ""] if self.sanitize == COVERAGE else [self.variant]

    @property
    def time_is_free(self) -> bool:
        """Whether its kernel sleeps in no time, as UML does on one processor."""
        return self.arch == UM and self.smp == 1

    @property
    def fragments(self) -> List[Path]:
        """The configuration, in parts: what a later one says goes."""
        return [REPO / ".kunitconfig", *(REPO / f".kunitconfig.{part}" for part in self._parts)]


def processors(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_SMP:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 to {MAX_SMP}")
    return int(text)


def add_sanitize(parser: "argparse._ActionsContainer") -> None:
    parser.add_argument("--sanitize", action="store_const", const=KASAN, default="",
                        help="with KASAN, UBSAN and what else there is of this kind")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--arch", choices=tuple(ARCHS), default=UM)
    parser.add_argument("--smp", metavar="N", type=processors, default=1,
                        help="number of processors")
    sanitize = parser.add_mutually_exclusive_group()
    add_sanitize(sanitize)
    sanitize.add_argument("--kcsan", dest="sanitize", action="store_const", const=KCSAN,
                          help="with KCSAN, which tells of data races, instead of KASAN")


def target_of(args: argparse.Namespace) -> Target:
    return Target(args.arch, args.smp, args.sanitize)


def _is_of(arch: str, path: str) -> bool:
    """Whether an architecture reads a Kconfig file; other ones' have the same names in them."""
    if not path.startswith("arch/") or path.count("/") == 1:
        return True
    others = [place for name in ARCHS if name != arch for place in ARCHS[name]]
    places = [place for place in [*ARCHS[arch], *others] if path.startswith(f"arch/{place}/")]
    return bool(places) and max(places, key=len) in ARCHS[arch]


def known_options(source: Path, arch: str) -> Set[str]:
    """Every option that a kernel source defines for an architecture, and which that has."""
    command = ["grep", "-roE", "--include=Kconfig*", KCONFIG, "."]
    found: Dict[str, Set[str]] = {"config": set(), "menuconfig": set(), "select": set()}
    for line in process.run(command, source)[1].splitlines():
        path, _, statement = line.partition(":")
        keyword, name = statement.split()
        if _is_of(arch, path[2:]):
            found[keyword].add(name)
    known = found["config"] | found["menuconfig"]
    lacking = {f"HAVE_ARCH_{name}" for name in known} & known - found["select"]
    return {name for name in known if f"HAVE_ARCH_{name}" not in lacking}


def options(text: str) -> List[str]:
    return [found[1] for found in map(OPTION.match, text.splitlines()) if found]


def fitted_config(text: str, known: Iterable[str]) -> str:
    """A kunitconfig without the options that are not known: kunit.py takes all or nothing."""
    kept = set(known)
    lines = []
    for line in text.splitlines(keepends=True):
        found = OPTION.match(line)
        if not found or found[1] in kept:
            lines.append(line)
    return "".join(lines)


def merged(texts: Iterable[str]) -> str:
    """Several kunitconfigs as one: of two lines on one option, the later one."""
    result = ""
    for text in texts:
        result = fitted_config(result, set(options(result)) - set(options(text))) + text
    return result


def kunitconfig(source: Path, target: Target) -> bytes:
    """The project's, for this source; what the suites bring is not in the source."""
    text = merged(part.read_text() for part in target.fragments)
    kconfig = "".join((directory / "Kconfig").read_text() for directory in (TESTS, LAB))
    ours = re.findall(r"^config (\w+)", kconfig, re.MULTILINE)
    return fitted_config(text, known_options(source, target.arch).union(ours)).encode()


def sanitizers(target: Target) -> List[str]:
    text = target.fragments[-1].read_text() if target.sanitize in (KASAN, KCSAN) else ""
    return re.findall(r"^CONFIG_(\w+)=y", text, re.MULTILINE)


def check(source: Path, target: Target, name: str) -> List[str]:
    """Sees that a source can be built for a target; returns the sanitizers that it has not."""
    known = known_options(source, target.arch)
    if target.smp > 1 and "SMP" not in known:
        raise Trouble(f"{name} has no SMP on {target.arch}: use --arch {X86_64}", USAGE)
    lacking = [option for option in sanitizers(target) if option not in known]
    if KCSAN.upper() in lacking:
        raise Trouble(f"{name} has no KCSAN on {target.arch}: use --arch {X86_64}", USAGE)
    return lacking
