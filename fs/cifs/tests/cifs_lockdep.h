/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lockdep cannot see by itself, and what it knows.
 */
#ifndef _CIFS_LOCKDEP_H
#define _CIFS_LOCKDEP_H

#include <linux/lockdep.h>
#include <linux/pagemap.h>
#include "cifs_fixture.h"

/* PG_locked and PG_writeback are bits: these stand for them. */
extern struct lockdep_map cifs_kunit_pg_locked;
extern struct lockdep_map cifs_kunit_pg_writeback;

void cifs_kunit_lock_page(struct page *page);
void cifs_kunit_unlock_page(struct page *page);
void cifs_kunit_set_writeback(struct page *page);
void cifs_kunit_end_writeback(struct page *page);
void cifs_kunit_wait_writeback(struct page *page);
void cifs_kunit_begin_writeback(void);
void cifs_kunit_might_wait_writeback(void);
void cifs_kunit_break_never_queued(struct cifsFileInfo *cfile);

void cifs_kunit_map_pages(struct inode *inode);

bool cifs_kunit_lockdep_knows(struct lockdep_map *before,
			      struct lockdep_map *after);
void cifs_kunit_lockdep_dump(struct lockdep_map *maps, unsigned int nr);

#endif /* _CIFS_LOCKDEP_H */
