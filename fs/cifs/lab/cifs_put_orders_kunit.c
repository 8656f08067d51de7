// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_put_orders: every order in which a few tasks and works can
 * get, put, close, lock, invalidate and umount, and with them every answer of
 * a server that fails. See cifs_walk.h.
 */
#include <linux/errno.h>
#include <linux/pagemap.h>
#include <linux/string.h>
#include <linux/uio.h>
#include "cifsglob.h"
#include "cifsproto.h"
#include "cifsfs.h"
#include "smb2proto.h"
#include "cifs_fixture.h"
#include "cifs_walk.h"
#include "compat.h"
#define CIFS_KUNIT_NO_INTERPOSE
#include "interpose.h"

#define NR_FILES	4

/* What the server thinks of a handle. */
enum handle {
	HANDLE_OPEN,
	HANDLE_CLOSED,
	HANDLE_CLOSED_IN_SECRET,	/* it has closed it, and said otherwise */
	HANDLE_REFUSED,
};

/**
 * struct scenario - what is walked, and on what kind of mount
 * @desc: what a report calls it
 * @story: the story
 * @offload: only where there is a queue for offloaded puts
 * @retries: only where a close is retried
 * @deferred: only where a close may be deferred
 * @requests: only where requests are the client's own
 * @users: references to the first file that its users have, 0: one
 * @fails: how often the server may fail
 * @only_again: and only in one way: it will not close just now
 */
struct scenario {
	const char *desc;
	struct cifs_walk_story story;
	bool offload;
	bool retries;
	bool deferred;
	bool requests;
	unsigned int users;
	unsigned int fails;
	bool only_again;
};

/* Of the order that is walked. */
static struct {
	const struct scenario *scenario;
	struct cifs_kunit_file *file;
	struct cifs_kunit_file *other;
	enum handle handles[NR_FILES];
	unsigned int tries[NR_FILES];
	unsigned int failed;
	struct completion answered;
	struct kiocb kiocb;
	bool written;
} now;

/* One close of the put itself, and MAX_RETRIES of serverclose_work(). */
#define CLOSES_AT_MOST	5

/* A client that does not try again leaves the handle open. */
static const enum handle refused_for_now =
	IS_ENABLED(CONFIG_CIFS_KUNIT_SERVERCLOSE) ? HANDLE_OPEN : HANDLE_REFUSED;

/* The server. */

static const char * const calls[] = {
	[CIFS_KUNIT_CLOSE]		= "->close()",
	[CIFS_KUNIT_OPLOCK_RESPONSE]	= "->oplock_response()",
	[CIFS_KUNIT_DOWNGRADE]		= "->downgrade_oplock()",
	[CIFS_KUNIT_PUSH_LOCKS]		= "->push_mand_locks()",
	[CIFS_KUNIT_SYNC_WRITE]		= "->sync_write()",
};

static const char * const answers[] = { "0", "-EIO" };

static const char * const close_answers[] = {
	"0", "-EAGAIN", "-EBUSY", "-EAGAIN, but has closed it", "-EIO",
};

static unsigned int answer(unsigned int nr, const char * const *names)
{
	unsigned int choice;

	if (now.failed >= now.scenario->fails)
		return 0;
	choice = cifs_walk_choose(nr, names);
	now.failed += !!choice;
	return choice;
}

static struct cifs_kunit_file *file_of(struct cifs_fixture *fx, u64 fid)
{
	struct cifs_kunit_file *file;

	list_for_each_entry(file, &fx->files, list) {
		if (file->fid == fid)
			return file;
	}
	return NULL;
}

static int serve_close(struct cifs_fixture *fx, u64 fid)
{
	enum handle *handle = &now.handles[fid % NR_FILES];

	switch (*handle) {
	case HANDLE_OPEN:
		break;
	case HANDLE_CLOSED_IN_SECRET:
		*handle = HANDLE_REFUSED;
		return -EBADF;
	default:
		KUNIT_FAIL(fx->test, "handle %llu is closed again", fid);
		return -EBADF;
	}
	switch (answer(now.scenario->only_again ? 2 : ARRAY_SIZE(close_answers),
		       close_answers)) {
	case 1:
		*handle = refused_for_now;
		return -EAGAIN;
	case 2:
		*handle = refused_for_now;
		return -EBUSY;
	case 3:
		*handle = HANDLE_CLOSED_IN_SECRET;
		atomic_inc(&file_of(fx, fid)->closes);
		return -EAGAIN;
	case 4:
		*handle = HANDLE_REFUSED;
		return -EIO;
	default:
		*handle = HANDLE_CLOSED;
		return 0;
	}
}

/* What the client knows when it calls, not what it may learn meanwhile. */
static void expect_sane(struct cifs_fixture *fx, enum cifs_kunit_op op, u64 fid)
{
	struct cifs_kunit_file *file = file_of(fx, fid);

	if (!file)
		KUNIT_FAIL(fx->test, "%s of a handle that never was", calls[op]);
	/* one that is retried is not looked at again */
	else if (op == CIFS_KUNIT_CLOSE && !now.tries[fid % NR_FILES]++)
		KUNIT_EXPECT_FALSE_MSG(fx->test, file->cfile->invalidHandle,
				       "handle %llu is lost, and closed", fid);
}

static int serve(struct cifs_fixture *fx, enum cifs_kunit_op op, u64 fid)
{
	if (op != CIFS_KUNIT_DOWNGRADE)
		expect_sane(fx, op, fid);
	cifs_walk_point("calls", calls[op]);
	if (op == CIFS_KUNIT_CLOSE)
		return serve_close(fx, fid);
	if (op == CIFS_KUNIT_DOWNGRADE || now.scenario->only_again)
		return 0;
	return answer(ARRAY_SIZE(answers), answers) ? -EIO : 0;
}

/* What the tasks do. */

static void put(struct cifs_fixture *fx)
{
	cifs_kunit_put(now.file->cfile, true, false);
}

static void put_offloaded(struct cifs_fixture *fx)
{
	cifs_kunit_put(now.file->cfile, true, true);
}

static void put_other(struct cifs_fixture *fx)
{
	cifs_kunit_put(now.other->cfile, true, false);
}

static void close_later(struct cifs_fixture *fx)
{
	cifs_kunit_defer_close(fx, now.file, MSEC_PER_SEC);
}

static void close_deferred(struct cifs_fixture *fx)
{
	cifs_close_all_deferred_files(fx->tcon);
}

static void close_deferred_of_inode(struct cifs_fixture *fx)
{
	cifs_close_deferred_file(CIFS_I(now.file->inode));
}

/* Any open file of the inode, perhaps one that is about to be closed. */
static void find_and_put(struct cifs_fixture *fx)
{
	struct cifsFileInfo *cfile;

	cfile = find_readable_file(CIFS_I(now.file->inode), false);
	cifs_walk_point("has found", cfile ? "the file" : "none");
	KUNIT_EXPECT_FALSE_MSG(fx->test, cifs_kunit_is_freed(fx, cfile),
			       "what was found is gone");
	if (cfile && !cifs_kunit_is_freed(fx, cfile))
		cifs_kunit_put(cfile, true, true);
}

static void break_oplock(struct cifs_fixture *fx)
{
	cifs_kunit_break_oplock(fx, now.file);
}

static void lose_handles(struct cifs_fixture *fx)
{
	cifs_kunit_reconnect(fx->tcon);
}

static int lock(struct cifs_kunit_file *file, bool wait)
{
	struct file_lock fl = CIFS_KUNIT_LOCK(F_WRLCK, wait);

	return cifs_lock(&file->filp, F_SETLK, &fl);
}

static int unlock(struct cifs_kunit_file *file)
{
	struct file_lock fl = CIFS_KUNIT_LOCK(F_UNLCK, false);

	return cifs_lock(&file->filp, F_SETLK, &fl);
}

/* The other file's user waits for the lock of the file. */
static void lock_and_put_other(struct cifs_fixture *fx)
{
	KUNIT_EXPECT_EQ(fx->test, lock(now.other, true), 0);
	cifs_walk_point("has", "the lock");
	put_other(fx);
}

static void lock_and_put(struct cifs_fixture *fx)
{
	lock(now.file, false);
	cifs_walk_point("has", "the lock");
	put(fx);
}

static void lock_unlock_and_put(struct cifs_fixture *fx)
{
	KUNIT_EXPECT_EQ(fx->test, lock(now.file, true), 0);
	cifs_walk_point("has", "the lock");
	KUNIT_EXPECT_EQ(fx->test, unlock(now.file), 0);
	cifs_walk_point("has no", "lock");
	put(fx);
}

/* A lookup, with a dirty page to be written by the file that is closed. */
static void launder(struct cifs_fixture *fx)
{
	cifs_kunit_launder(now.file->inode->i_mapping);
}

static void write_and_put_other(struct cifs_fixture *fx)
{
	KUNIT_EXPECT_EQ(fx->test, cifs_kunit_write_page(now.other), PAGE_SIZE);
	WRITE_ONCE(now.written, true);
	put_other(fx);
}

/* A request that nobody waits for but the one who reads. */

static CIFS_KUNIT_KI_COMPLETE(request_done)
{
	complete_all(&now.answered);
}

static void hold_request(struct cifs_fixture *fx, struct work_struct *complete)
{
	cifs_kunit_queue_work(__func__, cifsiod_wq, complete);
}

static void read_and_put(struct cifs_fixture *fx)
{
	static u8 page[PAGE_SIZE];
	struct kvec kvec = { .iov_base = page, .iov_len = PAGE_SIZE };
	struct iov_iter iter;

	init_sync_kiocb(&now.kiocb, &now.file->filp);
	now.kiocb.ki_complete = request_done;
	iov_iter_kvec(&iter, READ, &kvec, 1, PAGE_SIZE);
	KUNIT_EXPECT_EQ(fx->test, cifs_kunit_readv(&now.kiocb, &iter), -EIOCBQUEUED);
	wait_for_completion_timeout(&now.answered,
				    msecs_to_jiffies(CIFS_KUNIT_PATIENCE));
	put(fx);
}

static void umount(struct cifs_fixture *fx)
{
	cifs_kunit_umount(fx);
}

/* Before, and afterwards. */

static void begin(struct cifs_fixture *fx)
{
	const struct scenario *scenario = fx->test->param_value;
	struct dentry *dentry = cifs_kunit_create(fx, "file");
	unsigned int i;

	memset(&now, 0, sizeof(now));
	now.scenario = scenario;
	CIFS_I(d_inode(dentry))->oplock = CIFS_CACHE_RHW_FLG;
	now.file = cifs_kunit_open(fx, dentry, O_RDWR);
	for (i = 1; i < scenario->users; i++)
		cifsFileInfo_get(now.file->cfile);
	init_completion(&now.answered);
	fx->serve = serve;
	fx->on_request = hold_request;
	fx->server.maxBuf = PAGE_SIZE;
	fx->ops.mand_unlock_range = smb2_unlock_range;
	cifs_kunit_set_io_size(fx->cifs_sb, PAGE_SIZE);
}

static void begin_two(struct cifs_fixture *fx)
{
	begin(fx);
	now.other = cifs_kunit_open(fx, now.file->dentry, O_RDWR);
}

static void begin_locked(struct cifs_fixture *fx)
{
	begin_two(fx);
	KUNIT_EXPECT_EQ(fx->test, lock(now.file, false), 0);
}

static void begin_dirty(struct cifs_fixture *fx)
{
	struct page *page;

	begin(fx);
	/* at the tail of openFileList: not what the launderer takes */
	now.other = cifs_kunit_open(fx, now.file->dentry, O_WRONLY);
	page = find_or_create_page(now.file->inode->i_mapping, 0, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(fx->test, page);
	if (!page)
		return;
	SetPageUptodate(page);
	set_page_dirty(page);
	unlock_page(page);
	put_page(page);
}

/*
 * The launderer is deep in the kernel and will unlock the page itself. Lend
 * the lock to the writer, and keep lock_sem until it is taken back.
 */
static void lend_page(struct cifs_fixture *fx)
{
	struct cifsInodeInfo *cinode = CIFS_I(now.file->inode);
	struct page *page = find_get_page(now.file->inode->i_mapping, 0);

	if (!page)
		return;
	down_read(&cinode->lock_sem);
	unlock_page(page);
	KUNIT_EXPECT_TRUE(fx->test, cifs_kunit_poll(READ_ONCE(now.written)));
	lock_page(page);
	up_read(&cinode->lock_sem);
	put_page(page);
}

static void let_umount_go(struct cifs_fixture *fx)
{
	cifs_walk_let_go();
	cifs_kunit_bury(fx);
}

static void begin_umount(struct cifs_fixture *fx)
{
	begin(fx);
	fx->on_busy = let_umount_go;
}

/* A reconnect has lost a handle, or the server would not hear of it. */
static bool may_be_open(struct cifs_kunit_file *file)
{
	return file->lost || now.handles[file->fid % NR_FILES] == HANDLE_REFUSED ||
	       now.tries[file->fid % NR_FILES] == CLOSES_AT_MOST;
}

static void end(struct cifs_fixture *fx)
{
	struct cifs_kunit_file *file;

	list_for_each_entry(file, &fx->files, list) {
		bool freed = READ_ONCE(file->freed);

		KUNIT_EXPECT_TRUE_MSG(fx->test, freed, "handle %llu", file->fid);
		KUNIT_EXPECT_LE(fx->test, atomic_read(&file->closes), 1);
		if (!may_be_open(file))
			KUNIT_EXPECT_EQ_MSG(fx->test, atomic_read(&file->closes), 1,
					    "closes of handle %llu", file->fid);
	}
}

static void end_umount(struct cifs_fixture *fx)
{
	end(fx);
	if (!fx->given_up)
		cifs_kunit_expect_umounted(fx);
}

static const struct scenario scenarios[] = {
	{
		.desc = "two puts", .users = 2,
		.story = { begin, { { "put", put }, { "put 2", put } }, end },
	},
	{
		.desc = "two puts, offloaded", .users = 2, .offload = true,
		.story = {
			begin,
			{ { "put", put_offloaded }, { "put 2", put_offloaded } },
			end,
		},
	},
	{
		.desc = "three puts", .users = 3,
		.story = {
			begin,
			{ { "put", put }, { "put 2", put_offloaded }, { "put 3", put } },
			end,
		},
	},
	{
		.desc = "close, find",
		.story = { begin, { { "close", put }, { "find", find_and_put } }, end },
	},
	{
		.desc = "close, find, find",
		.story = {
			begin,
			{
				{ "close", put }, { "find", find_and_put },
				{ "find 2", find_and_put },
			},
			end,
		},
	},
	{
		.desc = "close, oplock break",
		.story = { begin, { { "close", put }, { "break", break_oplock } }, end },
	},
	{
		.desc = "close, oplock break, again",
		.story = {
			begin,
			{
				{ "close", put }, { "break", break_oplock },
				{ "break 2", break_oplock },
			},
			end,
		},
	},
	{
		.desc = "close, find, oplock break",
		.story = {
			begin,
			{ { "close", put }, { "find", find_and_put }, { "break", break_oplock } },
			end,
		},
	},
	{
		.desc = "two files, oplock break",
		.story = {
			begin_two,
			{
				{ "break", break_oplock }, { "close", put },
				{ "close other", put_other },
			},
			end,
		},
	},
	{
		.desc = "deferred close, oplock break", .deferred = true,
		.story = {
			begin,
			{ { "close", close_later }, { "break", break_oplock } },
			end,
		},
	},
	{
		.desc = "deferred close, unlink", .deferred = true,
		.story = {
			begin,
			{ { "close", close_later }, { "unlink", close_deferred } },
			end,
		},
	},
	{
		.desc = "deferred close, unlink, oplock break", .deferred = true,
		.story = {
			begin,
			{
				{ "close", close_later },
				{ "unlink", close_deferred_of_inode },
				{ "break", break_oplock },
			},
			end,
		},
	},
	{
		.desc = "deferred close, find", .deferred = true,
		.story = {
			begin,
			{ { "close", close_later }, { "find", find_and_put } },
			end,
		},
	},
	{
		.desc = "close, lock waiter",
		.story = {
			begin_locked,
			{ { "close", put }, { "lock", lock_and_put_other } },
			end,
		},
	},
	{
		.desc = "close offloaded, lock waiter",
		.story = {
			begin_locked,
			{ { "close", put_offloaded }, { "lock", lock_and_put_other } },
			end,
		},
	},
	{
		.desc = "lock, oplock break",
		.story = {
			begin,
			{ { "lock", lock_and_put }, { "break", break_oplock } },
			end,
		},
	},
	{
		.desc = "lock and unlock, lock waiter",
		.story = {
			begin_two,
			{ { "unlock", lock_unlock_and_put }, { "lock", lock_and_put_other } },
			end,
		},
	},
	{
		.desc = "launder, close, write",
		.story = {
			begin_dirty,
			{
				{ "launder", launder }, { "close", put_offloaded },
				{ "write", write_and_put_other },
			},
			end, lend_page,
		},
	},
	{
		.desc = "close, reconnect",
		.story = { begin, { { "close", put }, { "reconnect", lose_handles } }, end },
	},
	{
		.desc = "close, reconnect, oplock break",
		.story = {
			begin,
			{
				{ "close", put }, { "reconnect", lose_handles },
				{ "break", break_oplock },
			},
			end,
		},
	},
	{
		.desc = "close, reconnect, find",
		.story = {
			begin,
			{
				{ "close", put_offloaded }, { "reconnect", lose_handles },
				{ "find", find_and_put },
			},
			end,
		},
	},
};

static const struct scenario umounts[] = {
	{
		.desc = "close",
		.story = {
			begin_umount,
			{ { "close", put }, { "umount", umount, BIT(0) } },
			end_umount,
		},
	},
	{
		.desc = "offloaded puts", .users = 2, .offload = true,
		.story = {
			begin_umount,
			{
				{ "put", put_offloaded }, { "put 2", put_offloaded },
				{ "umount", umount, BIT(0) | BIT(1) },
			},
			end_umount,
		},
	},
	{
		.desc = "close, oplock break",
		.story = {
			begin_umount,
			{
				{ "close", put }, { "break", break_oplock },
				{ "umount", umount, BIT(0) },
			},
			end_umount,
		},
	},
	{
		.desc = "deferred close", .deferred = true,
		.story = {
			begin_umount,
			{ { "close", close_later }, { "umount", umount, BIT(0) } },
			end_umount,
		},
	},
	{
		.desc = "deferred close, oplock break", .deferred = true,
		.story = {
			begin_umount,
			{
				{ "close", close_later },
				{ "umount", umount, BIT(0) },
				{ "break", break_oplock },
			},
			end_umount,
		},
	},
	{
		.desc = "read under way", .requests = true,
		.story = {
			begin_umount,
			{ { "read", read_and_put }, { "umount", umount, BIT(0) } },
			end_umount,
		},
	},
	{
		.desc = "retried close", .retries = true, .fails = 2, .only_again = true,
		.story = {
			begin_umount,
			{ { "close", put_offloaded }, { "umount", umount, BIT(0) } },
			end_umount,
		},
	},
};

static const struct scenario hostile[] = {
	{
		.desc = "close", .fails = 6,
		.story = { begin, { { "close", put } }, end },
	},
	{
		.desc = "close, find", .fails = 2,
		.story = {
			begin,
			{ { "close", put_offloaded }, { "find", find_and_put } },
			end,
		},
	},
	{
		.desc = "close, oplock break", .fails = 1,
		.story = { begin, { { "close", put }, { "break", break_oplock } }, end },
	},
	{
		.desc = "close, reconnect", .fails = 2,
		.story = { begin, { { "close", put }, { "reconnect", lose_handles } }, end },
	},
	{
		.desc = "lock, oplock break", .fails = 1,
		.story = {
			begin,
			{ { "lock", lock_and_put }, { "break", break_oplock } },
			end,
		},
	},
	{
		.desc = "deferred close, oplock break", .fails = 1, .deferred = true,
		.story = {
			begin,
			{ { "close", close_later }, { "break", break_oplock } },
			end,
		},
	},
	{
		.desc = "launder, close", .fails = 1,
		.story = {
			begin_dirty,
			{
				{ "launder", launder }, { "close", put },
				{ "close other", put_other },
			},
			end,
		},
	},
	{
		.desc = "close, oplock break, umount", .fails = 1,
		.story = {
			begin_umount,
			{
				{ "close", put }, { "break", break_oplock },
				{ "umount", umount, BIT(0) },
			},
			end_umount,
		},
	},
};

static void scenario_desc(const struct scenario *scenario, char *desc)
{
	strscpy(desc, scenario->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(scenario, scenarios, scenario_desc);
KUNIT_ARRAY_PARAM(umount, umounts, scenario_desc);
KUNIT_ARRAY_PARAM(hostile, hostile, scenario_desc);

static void walk(struct kunit *test)
{
	const struct scenario *scenario = test->param_value;
	const char *obstacle = cifs_walk_obstacle();

	if (obstacle)
		kunit_skip(test, "%s", obstacle);
	if (scenario->offload)
		cifs_kunit_need_offload(test);
	if (scenario->retries)
		cifs_kunit_need_serverclose(test);
	if (scenario->deferred)
		cifs_kunit_need_deferred(test);
	if (scenario->requests)
		cifs_kunit_need_requests(test);
	cifs_walk_orders(test, scenario->desc, &scenario->story);
}

static void orders(struct kunit *test)
{
	walk(test);
}

static void umount_orders(struct kunit *test)
{
	walk(test);
}

static void hostile_answers(struct kunit *test)
{
	walk(test);
}

static struct kunit_case cifs_put_orders_cases[] = {
	KUNIT_CASE_PARAM_ATTR(orders, scenario_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(umount_orders, umount_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(hostile_answers, hostile_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite cifs_put_orders_suite = {
	.name = "cifs_put_orders",
	.init = cifs_fixture_init,
	.exit = cifs_fixture_exit,
	.test_cases = cifs_put_orders_cases,
};

kunit_test_suite(cifs_put_orders_suite);
