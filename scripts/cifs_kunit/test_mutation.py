# SPDX-License-Identifier: GPL-2.0
"""Unit tests of mechanical mutants, and of what is said about them."""

import tempfile
import unittest
from pathlib import Path
from typing import Dict, List, Set

import mutants
import mutation
from bed import Trial
from console import Trouble
from result import Case, Outcome, Report

CODE = """\
/* if (no) code; */
static int
first(struct file *file, bool wait)
{
	struct list *entry;
	bool done = false;
	const char *text = "a; string }";

	list_for_each_entry(entry, &file->list, list) {
		if (!entry || (wait && entry->count > 1))
			goto out_one;
		else
			put(entry, true, text);
	}
#ifdef CONFIG_X
	do {
		done = wait ? step(file) : true;
	} while (--file->left);
#endif
	for (i = 0; i < 2; i++)
		wait_event(file->queue,
			   !file->busy);
	return 0;
out_two:
	undo(A_FLAG|B_FLAG);
out_one:
	return 1;
}

void second(void)
{
	kfree(NULL);
}
"""


def made(code: str, whole: Set[str], added: Set[int]) -> Dict[str, str]:
    """The line that each mutant has in the place of another."""
    result = {}
    for mutant in mutation.mutations(code, whole, added):
        text = mutant.of(code)
        lines = zip(code.splitlines(), text.splitlines())
        result[mutant.name] = " ".join(new.strip() for old, new in lines if old != new)
        assert text.count("\n") == code.count("\n"), mutant.name
    return result


class Mutations(unittest.TestCase):
    def setUp(self) -> None:
        self.made = made(CODE, {"first"}, set())

    def test_statements(self) -> None:
        dropped = [name for name in self.made if name.endswith(":drop")]
        lines = [int(name.split(":")[1]) for name in dropped]
        self.assertEqual(sorted(lines), [7, 9, 13, 17, 19, 21, 23])
        self.assertEqual(self.made["first:9:drop"], ";")

    def test_goto(self) -> None:
        self.assertEqual(self.made["first:7:goto-out_two"], "goto out_two;")

    def test_bool_and_flags(self) -> None:
        self.assertEqual(self.made["first:2:true"], "bool done = true;")
        self.assertEqual(self.made["first:9:false"], "put(entry, false, text);")
        self.assertEqual(self.made["first:21:no-A_FLAG"], "undo(B_FLAG);")

    def test_conditions(self) -> None:
        for name, line in {
            "6:not": "if (!(!entry || (wait && entry->count > 1)))",
            "6:true": "if (true)",
            "6:and": "if (!entry && (wait && entry->count > 1))",
            "6:false-2": "if (false || (wait && entry->count > 1))",
            "6:or": "if (!entry || (wait || entry->count > 1))",
            "6:true-2": "if (!entry || (true && entry->count > 1))",
            "6:edge": "if (!entry || (wait && entry->count >= 1))",
            "13:false-2": "done = false ? step(file) : true;",
            "14:still": "} while (file->left);",
            "16:false": "for (i = 0;false; i++)",
            "18:not": "!(!file->busy));",
        }.items():
            self.assertEqual(self.made.get(f"first:{name}"), line, name)

    def test_one_kernel(self) -> None:
        found = [each for each in mutation.mutations(CODE, {"second"}, {6, 10, 11, 18})
                 if each.change.what not in ("edge", "and", "or", "still")]  # fmt: skip
        made = mutation.with_all(CODE, enumerate(found, 1), define=True)
        number = {each.name: number for number, each in enumerate(found, 1)}
        for line in (
            "bool done = (cifs_mutant == {} ? (true) : (false));".format(number["first:2:true"]),
            "if (cifs_mutant == {}) goto out_two; if (cifs_mutant != {}) goto out_one; }}".format(
                number["first:7:goto-out_two"], number["first:7:drop"]),
            "(cifs_mutant == {} ? !!(!(wait)) : cifs_mutant == {} ? !!(true) : !!(wait)) &&".format(
                number["first:6:not-4"], number["first:6:true-2"]),
            "{{ if (cifs_mutant != {}) kfree(NULL); }}".format(number["second:1:drop"]),
        ):  # fmt: skip
            self.assertIn(line, made)
        self.assertTrue(made.endswith("core_param(cifs_mutant, cifs_mutant, int, 0);\n"))

    def test_only_added_lines(self) -> None:
        names = made(CODE, set(), {13, 32})
        self.assertEqual(set(names), {"first:9:drop", "first:9:false", "second:1:drop"})


class Equivalent(unittest.TestCase):
    def read(self, text: str) -> Dict[str, str]:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "equivalent")
            file.write_text(text)
            return mutants.read_equivalent(file)

    def test_reasons(self) -> None:
        self.assertEqual(self.read("# all\n\na.c:f:1:drop # no-op\n"), {"a.c:f:1:drop": "no-op"})
        with self.assertRaises(Trouble):
            self.read("a.c:f:1:drop\n")

    def complaints(self, trial: Trial, name: str = "a.c:f:1:drop") -> List[str]:
        verdict = mutants.judge(trial, "no-op")
        return mutants.complaints({"a.c:f:1:drop": verdict}, {name: "no-op"}, {"a.c:f:1:drop"})

    def test_listed(self) -> None:
        passed = Outcome([Case("suite", "case", "passed")])
        failed = Outcome([Case("suite", "case", "failed")])
        self.assertEqual(self.complaints(Trial(passed)), [])
        self.assertIn("listed as equivalent, but killed", self.complaints(Trial(failed))[0])
        self.assertIn("no such one", self.complaints(Trial(failed), "a.c:f:2:drop")[0])


class Judge(unittest.TestCase):
    def test_kinds(self) -> None:
        report = Outcome([], [Report("WARNING: x")])
        for trial, kind, by in (
            (Trial(error="x"), mutants.REFUSED, ""),
            (Trial(same=True), mutants.EQUIVALENT, ""),
            (Trial(report), mutants.KILLED, "complaint"),
            (Trial(report, timed_out=True), mutants.KILLED, "time-out"),
            (Trial(Outcome([Case("suite", "case", "failed")])), mutants.KILLED, "case"),
            (Trial(Outcome([Case("suite", "case", "passed")])), mutants.SURVIVED, ""),
        ):
            verdict = mutants.judge(trial, None)
            self.assertEqual((verdict.kind, verdict.by), (kind, by))
