// SPDX-License-Identifier: GPL-2.0
/*
 * Has the counters of --coverage written out. Linked for UML, the compiler's
 * own destructors, which should do that, are not run.
 */
#include <init.h>

void __gcov_dump(void);

static void write_counters(void)
{
	__gcov_dump();
}

__uml_exitcall(write_counters);
