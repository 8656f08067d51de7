# SPDX-License-Identifier: GPL-2.0
"""Unit tests of where packages come from."""

import unittest
from pathlib import Path

import packages
from packages import Mirror

LISTING = """\
http://here/debian/ bookworm main
http://here/debian/ bookworm contrib
http://here/debian/ bookworm-updates main
http://here/debian-security/ bookworm-security main
cdrom:[Debian]/ bookworm main
http://elsewhere/flat/ ./
"""
MAIN = Mirror("http://here/debian", "bookworm")
SECURITY = Mirror("http://there/security", "bookworm-security")
NO_FILE = Path("/no/such/file")


class Mirrors(unittest.TestCase):
    def test_listing(self) -> None:
        self.assertEqual(packages.parse_mirrors(LISTING), [
            MAIN,
            Mirror("http://here/debian", "bookworm-updates"),
            Mirror("http://here/debian-security", "bookworm-security"),
        ])  # fmt: skip

    def test_each_once_and_not_the_security_mirror(self) -> None:
        found = packages.uris_for("trixie-backports", [MAIN, MAIN, SECURITY])
        self.assertEqual(found, [MAIN.uri])

    def test_security_where_it_is_configured(self) -> None:
        found = packages.uris_for("bullseye-security", [MAIN, SECURITY])
        self.assertEqual(found, [SECURITY.uri])

    def test_security_beside_the_archive(self) -> None:
        for uri, expected in (
            ("http://here/debian", "http://here/debian-security"),
            ("http://debian.here/debian/2026/", "http://debian.here/debian-security/2026/"),
        ):
            found = packages.uris_for("bullseye-security", [Mirror(uri, "bookworm")])
            self.assertEqual(found, [expected])


class SourcesList(unittest.TestCase):
    def test_suites(self) -> None:
        text = packages.sources_list(["trixie", "trixie-security"], [MAIN, SECURITY], NO_FILE)
        self.assertEqual(text, (
            "deb http://here/debian trixie main\n"
            "deb http://there/security trixie-security main\n"
        ))  # fmt: skip

    def test_keyring(self) -> None:
        text = packages.sources_list(["trixie"], [MAIN], Path(__file__))
        self.assertEqual(text, f"deb [signed-by={__file__}] http://here/debian trixie main\n")


class Failures(unittest.TestCase):
    def test_update(self) -> None:
        output = "Err:1 http://here trixie InRelease\nW: Could not connect\nE: All failed\n"
        self.assertEqual(packages.update_failure(output), "Could not connect")
        self.assertEqual(packages.update_failure("Reading\n"), "no mirror is configured")
