# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the look at what the semantic patch has done."""

import unittest
from typing import Tuple
from unittest import mock

import semantic
from console import Trouble
from series import Workbench

INIT = """\
a_wq = alloc_workqueue("a", 0, 0);
if (!a_wq) { rc = -ENOMEM; goto out; }
fileinfo_put_wq = alloc_workqueue("p", 0, 0);
if (!fileinfo_put_wq) { rc = -ENOMEM; goto out_a; }
b_wq = alloc_workqueue("b", 0, 0);
if (!b_wq) { rc = -ENOMEM; goto out_put; }
#ifdef CONFIG_C
if (c()) goto out_b; /* the last */
#endif
return 0;
out_b:
	destroy_workqueue(b_wq);
out_put:
	destroy_workqueue(fileinfo_put_wq);
out_a:
	destroy_workqueue(a_wq);
out:
	return rc;
"""


class Ladder(unittest.TestCase):
    def verdicts(self, old: str = "", new: str = "") -> Tuple[bool, bool]:
        self.assertIn(old, INIT)
        code = semantic.code_of(INIT.replace(old, new, 1))
        return semantic.unwinds(code), semantic.neighbours(code)

    def test_good(self) -> None:
        self.assertEqual(self.verdicts(), (True, True))

    def test_a_step_behind_does_not_destroy_it(self) -> None:
        self.assertFalse(self.verdicts("goto out_put", "goto out_a")[0])

    def test_its_own_failure_destroys_it(self) -> None:
        self.assertFalse(self.verdicts("goto out_a", "goto out_put")[0])

    def test_a_step_before_destroys_it(self) -> None:
        self.assertFalse(self.verdicts("goto out;", "goto out_put;")[0])

    def test_a_label_that_is_not_there(self) -> None:
        self.assertFalse(self.verdicts("\nout_put:", "\nout_other:")[0])

    def test_out_of_order(self) -> None:
        rungs = "(fileinfo_put_wq);\nout_a:\n\tdestroy_workqueue(a_wq);"
        swapped = "(a_wq);\nout_a:\n\tdestroy_workqueue(fileinfo_put_wq);"
        self.assertFalse(self.verdicts(rungs, swapped)[1])


class Code(unittest.TestCase):
    def test_body(self) -> None:
        code = semantic.code_of("int g(void);\nint f(int a) // { }\n{ if (a) { g(); } }\nint h;")
        self.assertEqual(semantic.body_of(code, "f"), "if(a){g();}")
        self.assertEqual(semantic.body_of(code, "g"), "")

    def test_calls(self) -> None:
        code = semantic.code_of("_cifsFileInfo_put(f(a, b), true /* , */, false);"
                                "void _cifsFileInfo_put(int x) {}")  # fmt: skip
        self.assertEqual(semantic.calls(code), [["f(a,b)", "true", "false"]])

    def test_nothing_is_there(self) -> None:
        self.assertIn("'extern_queue'", semantic.first_lack(semantic.Client({})))
        for rule, _, look in semantic.NEEDS:
            if not rule.startswith("serverclose"):
                self.assertFalse(look(semantic.Client({})), rule)

    def test_rules_are_those_of_the_semantic_patch(self) -> None:
        rules = semantic.RULES.read_text()
        places = [rules.find(f"\n@{rule}") for rule, _, _ in semantic.NEEDS]
        self.assertNotIn(-1, places)


class Coccinelle(unittest.TestCase):
    def test_none_off_debian(self) -> None:
        with mock.patch("shutil.which", return_value=None), \
                mock.patch("packages.on_debian", return_value=False), \
                self.assertRaisesRegex(Trouble, "Coccinelle"):  # fmt: skip
            semantic.need_spatch()

    def test_installed_when_it_is_needed(self) -> None:
        bench = mock.Mock(spec=Workbench, source=semantic.RULES.parent)
        with mock.patch("shutil.which", return_value=None), \
                mock.patch("packages.on_debian", return_value=True), \
                mock.patch("packages.require") as require:  # fmt: skip
            for state in ("stock", "unfixed"):
                semantic.bring_fix(bench, ".", state)
            require.assert_not_called()
            self.assertRaises(Trouble, semantic.bring_fix, bench, ".", "fixed")
            require.assert_called_once_with(["coccinelle"])
