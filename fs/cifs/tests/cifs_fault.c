// SPDX-License-Identifier: GPL-2.0
/*
 * The settings of the kernel's fault injection. They are static where they
 * live, and debugfs cannot be written to without a process: but its inodes
 * know where the values are.
 */
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include "cifs_fault.h"

static void *knob_value(const struct cifs_kunit_knob *knob)
{
	struct dentry *dir = debugfs_lookup(knob->dir, NULL);
	struct dentry *file = dir ? debugfs_lookup(knob->name, dir) : NULL;
	void *value = file ? d_inode(file)->i_private : NULL;

	dput(file);
	dput(dir);
	return value;
}

static void swap_knob(void *value, struct cifs_kunit_knob *knob)
{
	unsigned long old;

	if (knob->size == sizeof(bool)) {
		old = *(bool *)value;
		*(bool *)value = knob->value;
	} else if (knob->size == sizeof(u32)) {
		old = *(u32 *)value;
		*(u32 *)value = knob->value;
	} else {
		old = *(unsigned long *)value;
		*(unsigned long *)value = knob->value;
	}
	knob->value = old;
}

/**
 * cifs_kunit_swap_knobs() - give settings their values, or take them back
 * @test: the case, which fails if there is no such setting
 * @knobs: the settings; their values are swapped with those of the kernel
 * @n: how many
 *
 * May sleep.
 *
 * Return: whether it is done; if not, nothing is.
 */
bool cifs_kunit_swap_knobs(struct kunit *test, struct cifs_kunit_knob *knobs,
			   unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (knob_value(&knobs[i]))
			continue;
		KUNIT_FAIL(test, "debugfs has no %s/%s", knobs[i].dir,
			   knobs[i].name);
		return false;
	}
	for (i = 0; i < n; i++)
		swap_knob(knob_value(&knobs[i]), &knobs[i]);
	return true;
}

/* Of slabs alone: pages are not allocated in the same order each time. */
static struct cifs_kunit_knob fail_nth_knobs[] = {
	{ "failslab", "verbose", sizeof(unsigned long), 0 },
	{ "fail_page_alloc", "min-order", sizeof(u32), U32_MAX },
	{ "failslab", "ignore-gfp-wait", sizeof(bool), false },
};

/**
 * cifs_kunit_swap_fail_nth() - have current->fail_nth count slab allocations
 * @test: the case
 * @sleeping: count those that may sleep, too
 *
 * Without a message for each that fails. A second call undoes it. May sleep.
 */
void cifs_kunit_swap_fail_nth(struct kunit *test, bool sleeping)
{
	cifs_kunit_swap_knobs(test, fail_nth_knobs, ARRAY_SIZE(fail_nth_knobs) - !sleeping);
}
