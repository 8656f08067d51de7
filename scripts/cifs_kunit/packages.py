# SPDX-License-Identifier: GPL-2.0
"""Debian packages: those that a build needs, and the kernel's source."""

import os
import re
import shutil
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence

import process
from console import Trouble, say, step
from layout import Package, scratch_directory

BUILD_PACKAGES = (
    "bc", "bison", "ccache", "flex", "gcc", "libc6-dev", "make", "patch", "perl", "xz-utils",
)  # fmt: skip

# x86_64 has a tool of its own in the build, which reads objects.
QEMU_PACKAGES = ("libelf-dev", "qemu-system-x86")

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
APT_SOURCES = """\
Dir::Etc::sourcelist "{root}/sources.list";
Dir::Etc::sourceparts "/dev/null";
"""
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


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


class Mirror(NamedTuple):
    """What apt is configured with: a place, and a suite that it takes from there."""

    uri: str
    suite: str


def parse_mirrors(listing: str) -> List[Mirror]:
    """Of apt-get's index targets, "URI SUITE COMPONENT" each, those that may be Debian's."""
    mirrors = []
    for line in listing.splitlines():
        words = line.split()
        if len(words) == 3 and words[2] == "main" and not words[0].startswith("cdrom:"):
            mirrors.append(Mirror(words[0].rstrip("/"), words[1]))
    return mirrors


def _is_security(suite: str) -> bool:
    return suite.endswith(("-security", "/updates"))


def uris_for(suite: str, mirrors: Sequence[Mirror]) -> List[str]:
    """Where a suite can be had: security suites may be served under a path of their own."""
    security = [mirror.uri for mirror in mirrors if _is_security(mirror.suite)]
    others = [mirror.uri for mirror in mirrors if not _is_security(mirror.suite)]
    beside = [re.sub(r"/debian(?=/|$)", "/debian-security", uri) for uri in others]
    return list(dict.fromkeys((security or beside) if _is_security(suite) else others))


def sources_list(suites: Sequence[str], mirrors: Sequence[Mirror], keyring: Path) -> str:
    """One line a suite and mirror. Without the keyring, apt goes by the keys it trusts anyway."""
    options = f"[signed-by={keyring}] " if keyring.is_file() else ""
    return "".join(
        f"deb {options}{uri} {suite} main\n" for suite in suites for uri in uris_for(suite, mirrors)
    )


def _configured_mirrors() -> List[Mirror]:
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"]
    status, output = process.run([*command, "Created-By: Packages"])
    if status:
        raise Trouble(f"apt-get cannot read its own configuration: {_error(output)}")
    return parse_mirrors(output)


def _private_apt(root: Path, suites: Sequence[str]) -> List[str]:
    """An apt-get of our own that knows these suites: as the machine does, or if it does not,
    from the same mirrors."""
    for sub in ("state/lists/partial", "cache/archives/partial"):
        (root / sub).mkdir(parents=True, exist_ok=True)
    text = APT_CONF.format(root=root)
    mirrors = _configured_mirrors()
    if not {mirror.suite for mirror in mirrors}.issuperset(suites):
        (root / "sources.list").write_text(sources_list(suites, mirrors, KEYRING))
        text += APT_SOURCES.format(root=root)
    conf = root / "apt.conf"
    conf.write_text(text)
    return ["apt-get", "-c", str(conf), "-q"]


def fetch(package: Package, apt_root: Path, directory: Path) -> Path:
    """The .deb of a package in 'directory', downloaded unless it is there already.

    apt checks the signatures. The mirrors are those that the machine is configured with.
    """
    found = sorted(directory.glob(f"{package.name}_*.deb"))
    if found:
        return found[-1]
    suites = " and ".join(package.suites)
    with step(f"fetch {package.name} of {suites} with apt-get"):
        root = apt_root / package.suites[0]
        apt = _private_apt(root, package.suites)
        # One source that is out of reach must not stop the others: what counts is
        # whether the package can be had.
        _, output = process.run([*apt, "update"])
        if not any((root / "state/lists").glob("*_Packages*")):
            raise Trouble(
                f"{package.name}: apt-get gets no package index of {suites}: "
                f"{update_failure(output)}: check the network and the sources in /etc/apt, "
                f"or put the .deb into {directory}"
            )
        return _download(package.name, suites, apt, directory)


def update_failure(output: str) -> str:
    """Why apt-get update got nothing, as far as it says."""
    failure = re.search(r"^[EW]: *(.*)$", output, re.MULTILINE)
    return str(failure[1]) if failure else "no mirror is configured"


def _download(package: str, suites: str, apt: Sequence[str], directory: Path) -> Path:
    with scratch_directory(directory / "fetch.part") as temporary:
        status, output = process.run([*apt, "download", package], cwd=temporary)
        debs = list(temporary.glob("*.deb"))
        if "Unable to locate package" in output:
            raise Trouble(f"{package}: {suites} of the archive has it no longer, or not yet")
        if status or not debs:
            raise Trouble(f"{package}: apt-get cannot download it: {_error(output)}")
        say(f"    {debs[0].name}")
        return debs[0].rename(directory / debs[0].name)
