# SPDX-License-Identifier: GPL-2.0
"""Drives the suites: lays them over a kernel tree, builds, runs, and judges."""

import argparse
import errno
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import List, Optional

import bench
import check
import coverage
import e2e
import layout
import mailing
import mutants
import process
import report
import run
import soak
import table
import target
from console import INTERRUPTED, NO_KERNEL, Trouble

EPILOG = f"""\
exit status: 0 all passed; 1 a test failed, or the kernel complained in its log; 2 wrong
usage; 125 the kernel could not be fetched, patched or built (git bisect run skips it).
The environment variable {layout.BUILD_VARIABLE} puts the build directory elsewhere."""


def output_file(name: str) -> Path:
    file = Path(name)
    if not file.absolute().parent.is_dir() or file.is_dir():
        raise argparse.ArgumentTypeError(f"'{name}' cannot be written")
    return file.absolute()


def add_kernel(parser: "argparse._ActionsContainer") -> None:
    parser.add_argument("--kernel", metavar="LINE", default=layout.DEFAULT_LINE,
                        help=f"a kernel line that Debian packages (default {layout.DEFAULT_LINE})")


def add_source(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    add_kernel(source)
    source.add_argument("--tree", metavar="DIR", help="a copy of this kernel tree instead")


def add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("run", help="build a kernel with the suites and run them")
    add_source(parser)
    parser.add_argument("--state", choices=layout.STATES, default="fixed",
                        help="fixed: the whole series; unfixed: without the fix; "
                             "stock: as packaged")
    target.add_arguments(parser)
    parser.add_argument("--json", metavar="FILE", type=output_file, help="write results as JSON")
    parser.add_argument("--junit", metavar="FILE", type=output_file,
                        help="write results as JUnit XML")
    parser.add_argument("--ktap", metavar="FILE", type=output_file,
                        help="write the KTAP that the kernel printed, as it is")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="show every case, and what kunit.py says")
    parser.add_argument("--mutant", metavar="NAME|FILE",
                        help="break the prepared tree with this patch")
    parser.add_argument("filter", metavar="FILTER", nargs="?",
                        help="suite or suite.case, with wildcards")
    parser.set_defaults(function=run.run)


def add_mutants(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("mutants", help="change the client's code, a statement or a "
                                                 "condition at a time: some case must notice")
    add_kernel(parser)
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("--part", metavar="I/N", type=mutants.part, default=(1, 1),
                        help="every Nth, from the Ith on")
    parser.add_argument("filters", metavar="FILTER", nargs="*",
                        help="file:function:line:change, with wildcards (default: all)")
    parser.set_defaults(function=mutants.mutants)


def seconds(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds")
    return int(text)


def add_e2e(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("e2e", help="the client against a real Samba server")
    add_kernel(parser)
    parser.add_argument("--state", choices=layout.STATES, default="fixed")
    parser.add_argument("--seconds", metavar="N", type=seconds, default=60,
                        help="how long the workload runs (default 60); 0: only the deadlock "
                             "and umounts")
    parser.add_argument("--mutant", metavar="NAME|FILE",
                        help="break the prepared tree with this patch")
    target.add_sanitize(parser)
    parser.set_defaults(function=e2e.e2e, tree=None, filter=None, verbose=False,
                        **target.Target()._asdict())


def add_series(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("series", help="mails of the fixes and the suites, for git am")
    add_source(parser)
    parser.add_argument("--test", action="store_true",
                        help="build and run patch by patch, with W=1 and sparse; takes long")
    parser.add_argument("-o", "--output", metavar="DIR", type=report.output_directory,
                        required=True, help="a new directory for the mails")
    parser.set_defaults(function=mailing.series, state="fixed", mutant=None, verbose=False,
                        **target.Target()._asdict())


def add_report(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("report", help="a page that shows the order of locks")
    add_kernel(parser)
    parser.add_argument("--state", choices=layout.STATES, action="append",
                        help=f"may be repeated (default: {' and '.join(report.STATES)})")
    parser.add_argument("-o", "--output", metavar="DIR", type=report.output_directory,
                        required=True, help="where to put report.html and the pictures")
    parser.set_defaults(function=report.report, tree=None, mutant=None, filter=None, verbose=False,
                        **target.Target()._asdict())


def add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("bench", help="what the fix costs a put and a close, and saves")
    add_kernel(parser)
    parser.add_argument("--pairs", metavar="N", type=bench.pairs, default=bench.PAIRS,
                        help=f"boot either kernel so often (default {bench.PAIRS})")
    parser.set_defaults(function=bench.bench, tree=None, mutant=None, filter=None, verbose=False,
                        **target.Target()._asdict())


def add_coverage(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("coverage", help="what the suites execute of the client")
    add_kernel(parser)
    parser.add_argument("-o", "--output", metavar="DIR", type=report.output_directory,
                        help="where to put lcov's pages")
    parser.set_defaults(function=coverage.coverage, tree=None, mutant=None, filter=None,
                        verbose=False, state="fixed",
                        **target.Target(sanitize=target.COVERAGE)._asdict())


def positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 to {(1 << 31) - 1}")
    return int(text)


def add_soak(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("soak", help="many boots, each in another order of the cases")
    add_kernel(parser)
    parser.add_argument("--boots", metavar="N", type=positive, default=100,
                        help="how many (default 100)")
    parser.add_argument("--seed", metavar="S", type=positive,
                        help="of the first boot, and one more each (default: the time)")
    parser.set_defaults(function=soak.soak, tree=None, mutant=None, filter=None, state="fixed",
                        verbose=False, **target.Target()._asdict())


def parse(arguments: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cifs-kunit", description=__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    add_run(commands)
    add_mutants(commands)
    add_e2e(commands)
    add_report(commands)
    add_bench(commands)
    add_coverage(commands)
    add_soak(commands)
    add_series(commands)
    checker = commands.add_parser("check", help="the project's own tests")
    checker.add_argument("--all", action="store_true", help="on every kernel line")
    checker.add_argument("--stock", action="store_true",
                         help="stock on all of them, too, which takes hundreds of boots")
    checker.add_argument("-k", dest="pattern", metavar="PATTERN", default="*",
                         help="only tests whose name has this in it, or matches its wildcards")
    checker.add_argument("--list", action="store_true", help="only name the tests")
    checker.set_defaults(function=check.check)
    tabler = commands.add_parser("table", help="the README's table, from the last whole runs")
    tabler.add_argument("--write", action="store_true", help="put it into the README")
    tabler.set_defaults(function=table.table)
    return parser.parse_args(arguments)


def interrupt(_signal: int, _frame: Optional[FrameType]) -> None:
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, interrupt)
    process.adopt_orphans()
    args = parse(sys.argv[1:])
    try:
        return int(args.function(args))
    except Trouble as trouble:
        complain(str(trouble))
        return trouble.status
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{error.strerror}")
        return NO_KERNEL


def complain(message: str) -> None:
    """Whoever has found the disk full, this says what to do."""
    hint = ": make room and run again" if os.strerror(errno.ENOSPC) in message else ""
    sys.stdout.flush()
    print(f"cifs-kunit: {message}{hint}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
