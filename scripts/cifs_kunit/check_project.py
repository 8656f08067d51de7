# SPDX-License-Identifier: GPL-2.0
"""Tests of the project's files: scripts, C sources, patches."""

import sys
import tempfile
import unittest
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Callable, List, Tuple

import process
import series
from check_base import Bench, expect
from layout import GUEST, LAB, PATCHES, REPO, STATES, TESTS
from tree import client_of

SCRIPTS = REPO / "scripts"
# Types of checkpatch messages that say nothing here: the client's names are its own, MAINTAINERS
# is the business of who merges the suites, the commits named are in another repository, and the
# fixture changes copies of structs that the kernel has const. The walker has to yield, and does not
# count on it. The backport leaves out arguments that older functions lack. Newer kernels also want
# helpers that older ones have not, and a link to each report.
IGNORED = (
    "ALLOC_WITH_SIZEOF,BAD_REPORTED_BY_LINK,CAMELCASE,CONST_STRUCT,FILE_PATH_CHANGES,"
    "GIT_COMMIT_ID,MACRO_ARG_UNUSED,UNKNOWN_COMMIT_ID,YIELD"
)


def shell(_bench: Bench) -> None:
    scripts = [SCRIPTS / "cifs-kunit", REPO / ".ci/run", GUEST / "init.sh"]
    status, output = process.run(["shellcheck", *map(str, scripts)])
    expect(status == 0, output)


def types(bench: Bench) -> None:
    cache = f"--cache-dir={bench.directory / 'mypy'}"
    files = map(str, sorted(SCRIPTS.rglob("*.py")))
    status, output = process.run(["mypy", "--strict", "--no-error-summary", cache, *files])
    expect(status == 0, output)


def python(_bench: Bench) -> None:
    for file in sorted(SCRIPTS.rglob("*.py")):
        compile(file.read_text(), str(file), "exec")


def units(_bench: Bench) -> None:
    found = unittest.defaultTestLoader.discover(str(SCRIPTS / "cifs_kunit"))
    output = StringIO()
    outcome = unittest.TextTestRunner(output).run(found)
    expect(outcome.wasSuccessful() and outcome.testsRun > 0, output.getvalue())


def checkpatch(bench: Bench, *options: str) -> None:
    script = bench.source / "scripts/checkpatch.pl"
    bench.directory.mkdir(parents=True, exist_ok=True)
    command = ["perl", str(script), f"--root={bench.source}", "--terse", "--quiet"]
    command += ["--show-types", "--no-summary", f"--ignore={IGNORED}"]
    status, output = process.run([*command, *options], bench.directory)
    expect(status == 0, f"\n{output}")


def sources_style(bench: Bench) -> None:
    sources = [*TESTS.glob("*.[ch]"), *LAB.glob("*.[ch]"), *GUEST.glob("*.c")]
    checkpatch(bench, "--strict", "--file", *map(str, sorted(sources)))


def patches_style(bench: Bench) -> None:
    """Strictly, but for patch 1, whose every byte is upstream's."""
    for patch in series.read_series(bench.line):
        strict = [] if patch.number == series.FIX else ["--strict"]
        checkpatch(bench, *strict, str(PATCHES / bench.line / patch.name))


def every_patch_is_listed(bench: Bench) -> None:
    listed = {patch.name for patch in series.read_series(bench.line)}
    present = {file.name for file in (PATCHES / bench.line).glob("*.patch")}
    expect(listed == present, f"not in the series: {', '.join(sorted(present - listed))}")


def packaged_fix(bench: Bench) -> None:
    """Patch 1 reverses without fuzz, and brings the packaged files back."""
    with tempfile.TemporaryDirectory() as directory:
        work = series.Workbench(bench.source, Path(directory))
        fix = series.read_series(bench.line)[0]
        work.bring(fix.files)
        before = {path: work.content(path) for path in fix.files}
        work.reverse(fix)
        expect(all(work.content(path) != before[path] for path in fix.files), "it changes nothing")
        work.apply(fix)
        series.check_same(work, fix, before)


def applies(bench: Bench, state: str) -> None:
    patches = series.read_series(bench.line)
    client = client_of(bench.source)
    with tempfile.TemporaryDirectory() as directory:
        work = series.Workbench(bench.source, Path(directory))
        series.apply_state(work, [patch.moved_to(client) for patch in patches], state)


def line_tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    return [
        (f"{line}: the series lists every patch", every_patch_is_listed),
        (f"{line}: patch 1 reverses, and applies again byte for byte", packaged_fix),
        *((f"{line}: the series applies ({s})", partial(applies, state=s)) for s in STATES),
        (f"{line}: checkpatch of the patches", patches_style),
    ]


def tests(line: str) -> List[Tuple[str, Callable[[Bench], None]]]:
    return [
        ("shellcheck", shell),
        ("mypy --strict", types),
        (f"python {sys.version_info.major}.{sys.version_info.minor} takes the scripts", python),
        ("unit tests of the tool", units),
        *line_tests(line),
        (f"{line}: checkpatch of the suites", sources_style),
    ]
