# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the report, on a small made-up log."""

import argparse
import tempfile
import unittest
from pathlib import Path

import lockgraph
import page
import picture
import report
import result
import symbols
from symbols import Place

CLIENT = "fs/smb/client"
SOURCES = "init_rwsem(&cifsi->lock_sem); spin_lock_init(&tcon->lock);"
LOG = """\
[    2.570000] WARNING: possible circular locking dependency detected
[    2.570000] kunit_try_catch/162 is trying to acquire lock:
[    2.570000] 000000009e344b08 (&cifsi->lock_sem){++++}-{3:3}, at: put+0x33/0x90
[    2.570000] the existing dependency chain (in reverse order) is:
[    2.570000]
[    2.570000] -> #2 (PG_writeback){+.+.}-{0:0}:
[    2.570000]        lock_acquire+0x65/0xb0
[    2.570000]        writev+0x22/0x33
[    2.570000] -> #1 (PG_locked#3){+.+.}-{0:0}:
[    2.570000]        writev+0x11/0x33
[    2.570000] -> #0 (&cifsi->lock_sem){++++}-{3:3}:
[    2.570000]        put+0x3b/0x90
[    2.570000]
[    2.570000] other info that might help us debug this:
[    2.570000] 1 lock held by kunit_try_catch/162:
[    2.570000] Call Trace:
[    2.570000]  [<6044218b>] ? guess+0x0/0x94
[    2.570000]  [<60087caa>] put+0x3b/0x90
[    2.570000]     # case: EXPECTATION FAILED at fs/x.c:66
[    2.570000] cifs_lockdep: &cifsi->lock_sem/0 -> PG_locked/0
[    2.570000] cifs_lockdep:   lock_acquire+0x65/0xb0
[    2.570000] cifs_lockdep:   writev+0x11/0x33
[    2.570000] cifs_lockdep: &cifsi->lock_sem/0 -> &xa->xa_lock/0
[    2.570000] cifs_lockdep:   writev+0x11/0x33
[    2.570000] cifs_lockdep: &xa->xa_lock/0 -> &tcon->lock/1
[    2.570000] cifs_lockdep: 5 classes, 6 lines
[    3.000000]     # eleven_tasks_of_the_report: 8856       holds A, B; waits for C, in:
[    3.000000]     # eleven_tasks_of_the_report:     msleep
[    3.000000]     # eleven_tasks_of_the_report:     put
[    3.000000]     # eleven_tasks_of_the_report: 9802 ls    finished
[    3.000000]     not ok 3 eleven_tasks_of_the_report
"""
PLACES = {
    "lock_acquire+0x65/0xb0": [Place("lock_acquire", "kernel/locking/lockdep.c", 1)],
    "writev+0x11/0x33": [
        Place("in<line>", f"{CLIENT}/x.h", 2), Place("writev", f"{CLIENT}/x.c", 3)
    ],
    "put+0x3b/0x90": [Place("put", f"{CLIENT}/x.c", 4)],
    "put": [Place("put", f"{CLIENT}/x.c", 4)],
}
NM = """\
0000000000000100 t other
0000000000000100 T twice
0000000000000190 t twice
00000000000001b0 T end
"""


class ReadLog(unittest.TestCase):
    def setUp(self) -> None:
        self.log = lockgraph.read_log(LOG)

    def test_dump(self) -> None:
        pairs = [(link.before, link.after, len(link.frames)) for link in self.log.dependencies]
        lock_sem, xa_lock = "&cifsi->lock_sem", "&xa->xa_lock"
        self.assertEqual(pairs, [
            (lock_sem, "PG_locked", 2), (lock_sem, xa_lock, 1), (xa_lock, "&tcon->lock/1", 0),
        ])  # fmt: skip
        self.assertEqual(self.log.classes, 5)
        self.assertTrue(self.log.whole)

    def test_a_line_is_lost(self) -> None:
        for lost in ("cifs_lockdep: &cifsi", "cifs_lockdep:   lock_acquire", "5 classes"):
            lines = [line for line in LOG.splitlines() if lost not in line]
            self.assertFalse(lockgraph.read_log("\n".join(lines)).whole, lost)

    def test_cycle(self) -> None:
        """Each lock with the frames of its own link, the one that closes the cycle last."""
        links = [(link.before, link.after, link.frames[-1]) for link in self.log.cycle]
        self.assertEqual(links, [
            ("&cifsi->lock_sem", "PG_locked", "writev+0x11/0x33"),
            ("PG_locked", "PG_writeback", "writev+0x22/0x33"),
            ("PG_writeback", "&cifsi->lock_sem", "put+0x3b/0x90"),
        ])  # fmt: skip

    def test_report_ends_where_the_tests_go_on(self) -> None:
        self.assertIn("] put+0x3b/0x90", self.log.report[-1])

    def test_tasks(self) -> None:
        told = [(task.name, task.holds, task.waits_for, task.frames) for task in self.log.tasks]
        stuck = ("8856", "A, B", "C", ["msleep", "put"])
        self.assertEqual(told, [stuck, ("9802 ls", "", None, [])])

    def test_a_log_without(self) -> None:
        self.assertEqual(lockgraph.read_log("[    0.1] ok 1 fine\n"), lockgraph.LockLog())


class Symbols(unittest.TestCase):
    def test_size_tells_functions_of_one_name_apart(self) -> None:
        functions = symbols.functions_of(NM.splitlines())
        self.assertEqual(symbols.address_of("twice+0x11/0x90", functions), 0x110)
        self.assertEqual(symbols.address_of("twice+0x11/0x20", functions), 0x1A0)
        self.assertIsNone(symbols.address_of("twice+0x11/0x77", functions))

    def test_bare_name(self) -> None:
        self.assertEqual(symbols.address_of("other", symbols.functions_of(NM.splitlines())), 0x100)


class Drawing(unittest.TestCase):
    def setUp(self) -> None:
        self.log = lockgraph.read_log(LOG)
        self.graph = picture.graph_of(self.log, PLACES, CLIENT, SOURCES)

    def test_only_what_the_client_takes(self) -> None:
        self.assertEqual(self.graph.locks, ["&cifsi->lock_sem", "PG_locked", "PG_writeback"])
        self.assertEqual(self.graph.below, {"&cifsi->lock_sem": {"&xa->xa_lock"}})
        self.assertEqual({edge.kind for edge in self.graph.edges}, {picture.CYCLE})

    def test_site_is_the_innermost_one_in_the_client(self) -> None:
        self.assertEqual(self.graph.edges[0].site, PLACES["writev+0x11/0x33"][0])

    def test_an_arrow_that_others_lead_to(self) -> None:
        pairs = (("a", "b"), ("b", "c"), ("a", "c"))
        edges = [picture.Edge(a, b, picture.CLIENT, None) for a, b in pairs]
        graph = picture.Graph(edges)
        self.assertEqual([graph.follows(edge) for edge in edges], [False, False, True])


class Page(unittest.TestCase):
    def setUp(self) -> None:
        log = lockgraph.read_log(LOG)
        graph = picture.graph_of(log, PLACES, CLIENT, SOURCES)
        case = result.Case("cifs_put_deadlock", lockgraph.ELEVEN, result.FAILED)
        spelled = {"writev+0x11/0x33": f"writev ({CLIENT}/x.h:2 {CLIENT}/x.c:3)"}
        self.side = page.Side(
            "unfixed", "6.1.1", CLIENT, result.Outcome([case]), log, PLACES, spelled, graph, "<svg/>"
        )

    def test_headline(self) -> None:
        text = page.headline(self.side)
        self.assertIn("lock_sem \u2192 PG_locked \u2192 PG_writeback \u2192 lock_sem", text)
        self.assertIn("1 of 2 tasks", text)

    def test_report_is_decoded(self) -> None:
        text = page.decoded_report(self.side)
        self.assertIn(f"writev ({CLIENT}/x.h:2 {CLIENT}/x.c:3)", text)
        self.assertNotIn("lock_acquire", text)
        self.assertNotIn("guess", text)

    def test_nothing_to_fetch_and_nothing_unescaped(self) -> None:
        text = page.page([self.side])
        self.assertNotRegex(text, r"<script|<link|https?:|url\(|in<line>")


class Usage(unittest.TestCase):
    def test_directory(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            new = Path(name) / "a/b"
            self.assertEqual(report.output_directory(str(new)), new)
            self.assertFalse(new.parent.exists())
            new.parent.touch()
            for path in (new, new.parent):
                with self.assertRaises(argparse.ArgumentTypeError):
                    report.output_directory(str(path))
