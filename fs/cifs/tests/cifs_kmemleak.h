/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kmemleak, asked by a case.
 */
#ifndef _CIFS_KMEMLEAK_H
#define _CIFS_KMEMLEAK_H

#include <kunit/test.h>

int cifs_kunit_kmemleak(struct kunit *test);

#endif /* _CIFS_KMEMLEAK_H */
