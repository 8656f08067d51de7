/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The settings of the kernel's fault injection.
 */
#ifndef _CIFS_FAULT_H
#define _CIFS_FAULT_H

#include <kunit/test.h>

/**
 * struct cifs_kunit_knob - a setting, and the value it is to have
 * @dir: its directory in debugfs
 * @name: its file there
 * @size: of the value
 * @value: to be set; once it is, what was there before
 */
struct cifs_kunit_knob {
	const char *dir;
	const char *name;
	size_t size;
	unsigned long value;
};

bool cifs_kunit_swap_knobs(struct kunit *test, struct cifs_kunit_knob *knobs,
			   unsigned int n);
void cifs_kunit_swap_fail_nth(struct kunit *test, bool sleeping);

#endif /* _CIFS_FAULT_H */
