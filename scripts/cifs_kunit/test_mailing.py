# SPDX-License-Identifier: GPL-2.0
"""Unit tests of what the mails of a series are made from."""

import unittest

import mailing
from console import Trouble

MAKEFILE = """\
# suites

ccflags-y += -I$(src)

obj-$(CONFIG_CIFS_KUNIT_TEST) += base.o \\
				  more.o

# last
obj-$(CONFIG_CIFS_KUNIT_TEST) += a_kunit.o helper.o

obj-$(CONFIG_CIFS_KUNIT_OTHER) += other.o
"""
NAMES = ["Makefile", "a_kunit.c", "base.c", "base.h", "helper.c", "helper.h", "other.c"]
SUITE = """\
// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite a: what it
 * does.
 *
 * - One.
 * - Two.
 */
/* Another. */
"""
INDEX = """\
====
CIFS
====

.. toctree::
   :maxdepth: 1

   ksmbd
   cifsroot

Text.
"""
MAINTAINERS = """\
CLIENT (CIFS and SMB3)
M:	A <a@b>
L:	list@b
L:	other@b (moderated)
F:	fs/smb/client/
F:	fs/smb/common/

COMPACTPCI
M:	B <b@b>
L:	pci@b
F:	drivers/pci/
"""


class Parts(unittest.TestCase):
    def test_split(self) -> None:
        first, second = mailing.parts(MAKEFILE)
        self.assertEqual(first, (MAKEFILE.partition("\n# last")[0], ("base", "more")))
        self.assertEqual(second, mailing.Part(MAKEFILE, ("a_kunit", "helper")))

    def test_files(self) -> None:
        split = mailing.parts(MAKEFILE)
        found = [mailing.files_of(part, split, NAMES) for part in split]
        self.assertEqual(found[0], ["Makefile", "base.c", "base.h", "other.c"])
        self.assertEqual(found[1], ["a_kunit.c", "helper.c", "helper.h"])

    def test_introduction(self) -> None:
        sources = {"a_kunit.c": SUITE, "helper.c": "/* x */\n/*\n * Helps.\n */\n"}
        message = mailing.introduction(mailing.parts(MAKEFILE)[1], sources)
        self.assertEqual(
            message,
            "smb: client: add KUnit suite a\n\nWhat it does.\n\n- One.\n- Two.\n\nhelper: Helps.\n",
        )

    def test_function_first(self) -> None:
        self.assertEqual(mailing.capital("exit_cifs() with puts"), "exit_cifs() with puts")


class Places(unittest.TestCase):
    def test_index(self) -> None:
        text = mailing.listed(INDEX, "", ["life", "queues"])
        self.assertEqual(text, INDEX.replace("cifsroot\n", "cifsroot\n   life\n   queues\n"))

    def test_index_of_all(self) -> None:
        text = mailing.listed("   cifs/cifsroot\n   ceph\n", "cifs/", ["smb/client/index"])
        self.assertEqual(text, "   cifs/cifsroot\n   smb/client/index\n   ceph\n")

    def test_no_index(self) -> None:
        with self.assertRaises(Trouble):
            mailing.listed("Text.\n", "", ["queues"])

    def test_maintainers(self) -> None:
        text = mailing.with_entry(MAINTAINERS, "fs/smb/client", "W <w@b>", ["fs/b/", "Doc/a"])
        entry = "CLIENT KUNIT TESTS\nM:\tW <w@b>\nL:\tlist@b\nS:\tMaintained\nF:\tDoc/a\nF:\tfs/b/\n"
        self.assertEqual(text, MAINTAINERS.replace("COMPACTPCI", f"{entry}\nCOMPACTPCI"))

    def test_no_entry(self) -> None:
        with self.assertRaises(Trouble):
            mailing.with_entry(MAINTAINERS, "fs/cifs", "W <w@b>", [])


if __name__ == "__main__":
    unittest.main()
