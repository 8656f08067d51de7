// SPDX-License-Identifier: GPL-2.0
/*
 * Has KUnit run all suites, and the cases of each, in an order that comes from
 * a seed: no case may need another one to have been before it, or not.
 */
#include <kunit/test.h>
#include <linux/init.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include "compat.h"

static unsigned int seed;
module_param(seed, uint, 0);

static void shuffle_cases(struct kunit_case *cases, struct rnd_state *rnd)
{
	size_t i, n = 0;

	while (cases[n].run_case)
		n++;
	for (; n > 1; n--) {
		i = prandom_u32_state(rnd) % n;
		swap(cases[n - 1], cases[i]);
	}
}

/* Before the suites, which are run after the last initcall. */
static int __init shuffle(void)
{
	size_t i, n = __kunit_suites_end - __kunit_suites_start;
	struct rnd_state rnd;

	if (!seed)
		return 0;
	prandom_seed_state(&rnd, seed);
	for (i = 0; i < n; i++)
		shuffle_cases(cifs_kunit_suite(__kunit_suites_start[i])->test_cases, &rnd);
	for (; n > 1; n--) {
		i = prandom_u32_state(&rnd) % n;
		swap(__kunit_suites_start[n - 1], __kunit_suites_start[i]);
	}
	return 0;
}
late_initcall(shuffle);
