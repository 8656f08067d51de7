# SPDX-License-Identifier: GPL-2.0
"""What a kernel runs on: the host itself, as User Mode Linux, or QEMU."""

from pathlib import Path
from typing import List, Sequence

import process
from console import say
from target import UM, Target
from tree import Tree

# How long a kernel may take to say its first words under KVM, in seconds.
KVM_PATIENCE = 5
MEMORY = "2G"


def kernel_args(target: Target) -> List[str]:
    if target.arch != UM:
        # As UML does by itself: the other processors may wait for ever for one that has faulted.
        return ["oops=panic", "panic=-1"]
    return ["time-travel"] if target.time_is_free else [f"ncpus={target.smp}", "seccomp=on"]


def timeout(target: Target) -> int:
    """In seconds: emulated, with sanitizers, or beside builds, a kernel may need some minutes."""
    return 300 if target.time_is_free and not target.sanitize else 1800


def _image(tree: Tree) -> Path:
    return tree.kunit_dir / "arch/x86/boot/bzImage"


def _qemu(tree: Tree, accelerator: Sequence[str], args: Sequence[str]) -> List[str]:
    """As kunit.py calls it."""
    return [
        "qemu-system-x86_64", "-nodefaults", "-kernel", str(_image(tree)), "-append",
        " ".join([*args, "console=ttyS0", "kunit_shutdown=reboot"]), "-no-reboot", "-nographic",
        "-serial", "stdio", "-bios", "qboot.rom", *accelerator,
    ]  # fmt: skip


def kvm_works(tree: Tree) -> bool:
    """That /dev/kvm can be opened says little: where KVM is nested, a kernel may not come up."""
    qemu = _qemu(tree, ["-accel", "kvm"], ["earlyprintk=ttyS0", "kunit.filter_glob=none"])
    _, output = process.run(["timeout", "--kill-after=1", str(KVM_PATIENCE), *qemu])
    return "Linux version" in output


def qemu_args(tree: Tree) -> List[str]:
    accelerator = "kvm"
    if not kvm_works(tree):
        say("    KVM does not work here: QEMU emulates, which takes minutes")
        accelerator = "tcg"
    return ["-accel", accelerator, "-smp", str(tree.target.smp), "-m", MEMORY]


def command(tree: Tree, args: Sequence[str]) -> List[str]:
    """Boots a kernel without kunit.py."""
    if tree.target.arch == UM:
        return [str(tree.kunit_dir / "linux"), "mem=1G", "kunit_shutdown=halt", *args]
    return _qemu(tree, qemu_args(tree), args)
