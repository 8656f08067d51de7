# SPDX-License-Identifier: GPL-2.0
"""Debian packages: those that a build needs, and the kernel's source."""

import os
import re
import shutil
from pathlib import Path
from typing import List, Optional, Sequence

import process
from console import Trouble, say, step
from layout import scratch_directory

BUILD_PACKAGES = (
    "bc", "bison", "ccache", "flex", "gcc", "libc6-dev", "make", "patch", "perl", "xz-utils",
)  # fmt: skip

# A private state makes fetching work without root, and on a machine whose own lists are empty
# or old. The hooks are about the system's lists; apt's own user may not get into the directory.
APT_CONF = """\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "{root}/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "{root}/cache";
Acquire::Languages "none";
APT::Sandbox::User "";
"""


def on_debian() -> bool:
    return shutil.which("dpkg-query") is not None and shutil.which("apt-get") is not None


def missing(packages: Sequence[str]) -> List[str]:
    _, output = process.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *packages]
    )
    installed = set(re.findall(r"^installed (\S+)$", output, re.MULTILINE))
    return [package for package in packages if package not in installed]


def _as_root() -> Optional[List[str]]:
    """What to put before a command to run it as root, if that is possible here."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and process.run(["sudo", "-n", "true"])[0] == 0:
        return ["sudo", "-n"]
    return None


def require(packages: Sequence[str]) -> None:
    """Installs what is missing, after naming it."""
    wanted = missing(packages)
    if not wanted:
        return
    root = _as_root()
    if root is None:
        raise Trouble(f"missing packages, install them with: apt-get install {' '.join(wanted)}")
    with step(f"install missing packages: {' '.join(wanted)}"):
        apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
        process.run([*apt, "update"])
        status, output = process.run([*apt, "install", "--no-install-recommends", *wanted])
        if status:
            raise Trouble(f"apt-get could not install {' '.join(wanted)}: {_error(output)}")


def _error(output: str) -> str:
    """apt's first word on what went wrong."""
    error = re.search(r"^E: (.*)$", output, re.MULTILINE)
    return str(error[1]) if error else "it gives no reason"


def fetch(package: str, apt_root: Path, directory: Path) -> Path:
    """The .deb of a package in 'directory', downloaded unless it is there already.

    apt checks the signatures. The sources are those that the machine is configured with.
    """
    found = sorted(directory.glob(f"{package}_*.deb"))
    if found:
        return found[-1]
    for sub in ("state/lists/partial", "cache/archives/partial"):
        (apt_root / sub).mkdir(parents=True, exist_ok=True)
    conf = apt_root / "apt.conf"
    conf.write_text(APT_CONF.format(root=apt_root))
    with step(f"fetch {package} with apt-get"):
        # One source that is out of reach must not stop the others: what counts is
        # whether the package can be had.
        process.run(["apt-get", "-c", str(conf), "-q", "update"])
        if not any((apt_root / "state/lists").glob("*_Packages*")):
            raise Trouble(
                f"{package}: apt-get gets no package index: check the network and the sources "
                f"in /etc/apt, or put the .deb into {directory}"
            )
        return _download(package, conf, directory)


def _download(package: str, conf: Path, directory: Path) -> Path:
    with scratch_directory(directory / "fetch.part") as temporary:
        status, output = process.run(
            ["apt-get", "-c", str(conf), "-q", "download", package], cwd=temporary
        )
        debs = list(temporary.glob("*.deb"))
        if status or not debs:
            raise Trouble(f"{package}: apt-get cannot download it: {_error(output)}")
        say(f"    {debs[0].name}")
        return debs[0].rename(directory / debs[0].name)
