// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_mount_break: the server breaks leases and oplocks of files
 * that are open, that are opened or closed, or that only their deferred close
 * keeps open; and what else ends a deferred close.
 */
#include <linux/fcntl.h>
#include "cifs_fault.h"
#include "cifs_mount.h"
#include "cifsglob.h"
#include "smb2pdu.h"
#include "smb2status.h"

static const struct cifs_srv_options cifs_break_leases = { .leases = true };

static void cifs_break_expect_content(struct kunit *test, struct cifs_srv *srv,
				      const char *name, const char *content)
{
	char data[16] = "";

	KUNIT_EXPECT_EQ(test, cifs_srv_read(srv, name, 0, data, sizeof(data) - 1),
			(ssize_t)strlen(content));
	KUNIT_EXPECT_STREQ(test, data, content);
}

/* Opens a file, and closes it: the client keeps the handle. */
static void cifs_break_defer(struct cifs_mnt *m, const char *name, int flags)
{
	struct file *file = cifs_mnt_open(m, name, flags);

	KUNIT_EXPECT_EQ(m->fx->test, cifs_mnt_close(m, file), 0);
}

static void cifs_break_hold(struct cifs_srv *srv, u16 command)
{
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = command, .action = CIFS_SRV_HOLD });
}

static void cifs_break_answer(struct cifs_srv *srv, u16 command, __le32 status)
{
	cifs_srv_on(srv, &(struct cifs_srv_rule){ .command = command, .status = status });
}

/* Has the server break what there is of the file, until it is acknowledged. */
static void cifs_break_to(struct kunit *test, struct cifs_srv *srv, u32 state)
{
	unsigned int acks = cifs_srv_seen(srv, SMB2_OPLOCK_BREAK_HE);

	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "file", state), 1);
	cifs_srv_wait_seen(srv, SMB2_OPLOCK_BREAK_HE, acks + 1);
}

/* Breaks of an open file. */

/**
 * struct cifs_break_kind - what is broken
 * @name: of the kind
 * @vers: option of the mount
 * @options: of the server
 * @state: what is left: of an oplock, level II instead of R and RH
 */
struct cifs_break_kind {
	const char *name;
	const char *vers;
	struct cifs_srv_options options;
	u32 state;
};

static const struct cifs_break_kind cifs_break_kinds[] = {
	{ "2.1, lease to RH", "vers=2.1", { .leases = true }, CIFS_SRV_RH },
	{ "2.1, lease to R", "vers=2.1", { .leases = true }, CIFS_SRV_R },
	{ "2.1, lease to none", "vers=2.1", { .leases = true }, CIFS_SRV_NONE },
	{ "3.0, lease to RH", "vers=3.0", { .leases = true }, CIFS_SRV_RH },
	{ "3.1.1, lease to RH", "vers=3.1.1", { .leases = true }, CIFS_SRV_RH },
	{ "3.1.1, lease to R", "vers=3.1.1", { .leases = true }, CIFS_SRV_R },
	{ "3.1.1, lease to none", "vers=3.1.1", { .leases = true }, CIFS_SRV_NONE },
	{ "2.1, oplock to II", "vers=2.1", {}, CIFS_SRV_R },
	{ "2.1, oplock to none", "vers=2.1", {}, CIFS_SRV_NONE },
	{ "3.0, oplock to II", "vers=3.0", {}, CIFS_SRV_R },
	{ "3.0, oplock to none", "vers=3.0", {}, CIFS_SRV_NONE },
	{ "3.1.1, oplock to II", "vers=3.1.1", {}, CIFS_SRV_R },
	{ "3.1.1, oplock to none", "vers=3.1.1", {}, CIFS_SRV_NONE },
};

static void cifs_break_kind_desc(const struct cifs_break_kind *kind, char *desc)
{
	strscpy(desc, kind->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_break_kind, cifs_break_kinds, cifs_break_kind_desc);

/* What is the same in all dialects. */
static const struct cifs_break_kind cifs_break_few_kinds[] = {
	{ "3.1.1, lease to RH", "vers=3.1.1", { .leases = true }, CIFS_SRV_RH },
	{ "3.1.1, lease to R", "vers=3.1.1", { .leases = true }, CIFS_SRV_R },
	{ "3.1.1, lease to none", "vers=3.1.1", { .leases = true }, CIFS_SRV_NONE },
	{ "2.1, oplock to II", "vers=2.1", {}, CIFS_SRV_R },
	{ "3.0, oplock to none", "vers=3.0", {}, CIFS_SRV_NONE },
};

KUNIT_ARRAY_PARAM(cifs_break_few, cifs_break_few_kinds, cifs_break_kind_desc);

/* A file with "old" at the server, open for all that the server grants. */
static struct file *cifs_break_open(struct kunit *test, const struct cifs_break_kind *kind,
				    struct cifs_srv **srv, struct cifs_mnt **m)
{
	*srv = cifs_mnt_server(test, &kind->options);
	KUNIT_ASSERT_EQ(test, cifs_srv_create(*srv, "file", false, "old", 3), 0);
	*m = cifs_mnt_mount(test, *srv, kind->vers);
	return cifs_mnt_open(*m, "file", O_RDWR);
}

static void cifs_break_expect_reads(struct kunit *test, struct cifs_mnt *m, struct file *file,
				    const char *content)
{
	char data[16] = "";

	KUNIT_EXPECT_EQ(test, cifs_mnt_read(m, file, 0, data, sizeof(data) - 1),
			(ssize_t)strlen(content));
	KUNIT_EXPECT_STREQ(test, data, content);
}

static void cifs_break_writes_before_acknowledging(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, test->param_value, &srv, &m);
	const struct cifs_break_kind *kind = test->param_value;

	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	cifs_break_expect_content(test, srv, "file", "old");
	cifs_break_hold(srv, SMB2_OPLOCK_BREAK_HE);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "file", kind->state), 1);
	cifs_srv_wait_held(srv, SMB2_OPLOCK_BREAK_HE, 1);
	cifs_break_expect_content(test, srv, "file", "new");
}

/* Others may read as soon as the server has the acknowledgment. */
static void cifs_break_waits_for_its_write(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, test->param_value, &srv, &m);
	const struct cifs_break_kind *kind = test->param_value;
	struct kstatfs statfs;

	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	cifs_break_hold(srv, SMB2_WRITE_HE);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "file", kind->state), 1);
	cifs_srv_wait_held(srv, SMB2_WRITE_HE, 1);
	KUNIT_EXPECT_EQ(test, cifs_mnt_statfs(m, &statfs), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_OPLOCK_BREAK_HE), 0);
	cifs_srv_release(srv, SMB2_WRITE_HE);
	cifs_srv_wait_seen(srv, SMB2_OPLOCK_BREAK_HE, 1);
}

static void cifs_break_ends_write_caching(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, kind, &srv, &m);

	cifs_break_to(test, srv, kind->state);
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	cifs_break_expect_content(test, srv, "file", "new");
}

/* What others write is seen if the break has taken that cache, too. */
static void cifs_break_keeps_what_is_left(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, kind, &srv, &m);

	cifs_break_expect_reads(test, m, file, "old");
	cifs_break_to(test, srv, kind->state);
	KUNIT_ASSERT_EQ(test, cifs_srv_write(srv, "file", 0, "new", 3), 0);
	cifs_break_expect_reads(test, m, file, kind->state & CIFS_SRV_R ? "old" : "new");
}

static void cifs_break_purges_mapping(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, kind, &srv, &m);
	struct cifs_mnt_map *map = cifs_mnt_mmap(m, file, PAGE_SIZE);
	char data[4] = "";

	KUNIT_EXPECT_EQ(test, cifs_mnt_load(m, map, 0, data, 3), 0);
	cifs_break_to(test, srv, kind->state);
	KUNIT_ASSERT_EQ(test, cifs_srv_write(srv, "file", 0, "new", 3), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_load(m, map, 0, data, 3), 0);
	KUNIT_EXPECT_STREQ(test, data, kind->state & CIFS_SRV_R ? "old" : "new");
}

static void cifs_break_pushes_locks(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m, *other;
	struct file *file = cifs_break_open(test, kind, &srv, &m), *theirs;

	cifs_break_expect_reads(test, m, file, "old");
	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(m, file, F_SETLK, F_WRLCK, 0, 10), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_LOCK_HE), 0);
	cifs_break_to(test, srv, kind->state);
	/* what is read behind a lock is the server's */
	KUNIT_ASSERT_EQ(test, cifs_srv_write(srv, "file", 0, "new", 3), 0);
	cifs_break_expect_reads(test, m, file, "new");
	cifs_srv_grant(srv, CIFS_SRV_NONE);
	other = cifs_mnt_mount(test, srv, "nosharesock");
	theirs = cifs_mnt_open(other, "file", O_RDWR);
	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(other, theirs, F_SETLK, F_WRLCK, 5, 1), -EACCES);
	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(m, file, F_SETLK, F_UNLCK, 0, 10), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(other, theirs, F_SETLK, F_WRLCK, 5, 1), 0);
}

/* They stay on the client with the right to write. */
static void cifs_break_keeps_locks(struct kunit *test)
{
	static const struct cifs_break_kind kind = { .options = { .leases = true } };
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, &kind, &srv, &m);

	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(m, file, F_SETLK, F_WRLCK, 0, 10), 0);
	cifs_break_to(test, srv, CIFS_SRV_RW);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_LOCK_HE), 0);
}

/* The server waits for the acknowledgment all the same. */
static void cifs_break_push_refused(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, kind, &srv, &m);

	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(m, file, F_SETLK, F_WRLCK, 0, 10), 0);
	cifs_break_answer(srv, SMB2_LOCK_HE, STATUS_LOCK_NOT_GRANTED);
	cifs_break_to(test, srv, kind->state);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_LOCK_HE), 1);
}

static void cifs_break_write_fails(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, kind, &srv, &m);

	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	cifs_break_answer(srv, SMB2_WRITE_HE, STATUS_DISK_FULL);
	cifs_break_to(test, srv, kind->state);
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), -ENOSPC);
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), 0);
}

/* It is not sent again, for the server has heard it. */
static void cifs_break_acknowledgment_refused(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, kind, &srv, &m);

	cifs_break_answer(srv, SMB2_OPLOCK_BREAK_HE, STATUS_INVALID_OPLOCK_PROTOCOL);
	cifs_break_to(test, srv, kind->state);
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	cifs_break_expect_content(test, srv, "file", "new");
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_OPLOCK_BREAK_HE), 1);
}

static void cifs_break_acknowledgment_cut(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, kind, &srv, &m);

	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_OPLOCK_BREAK_HE, .action = CIFS_SRV_CUT_BEFORE });
	cifs_break_to(test, srv, kind->state);
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
	cifs_break_expect_content(test, srv, "file", "new");
}

/* Both are acknowledged, in whatever order their work runs. */
static void cifs_break_twice(struct kunit *test)
{
	static const struct cifs_break_kind kind = { .options = { .leases = true } };
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, &kind, &srv, &m);

	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	cifs_break_hold(srv, SMB2_WRITE_HE);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "file", CIFS_SRV_RH), 1);
	cifs_srv_wait_held(srv, SMB2_WRITE_HE, 1);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "file", CIFS_SRV_NONE), 1);
	cifs_srv_release(srv, SMB2_WRITE_HE);
	cifs_srv_wait_seen(srv, SMB2_OPLOCK_BREAK_HE, 2);
	cifs_break_expect_content(test, srv, "file", "new");
	KUNIT_ASSERT_EQ(test, cifs_srv_write(srv, "file", 0, "NEW", 3), 0);
	cifs_break_expect_reads(test, m, file, "NEW");
}

/* cache=ro and cache=singleclient: nobody else writes to the share. */
static const struct cifs_break_kind cifs_break_trusting_kinds[] = {
	{ "cache=ro", "vers=2.1,cache=ro" },
	{ "cache=singleclient", "vers=2.1,cache=singleclient" },
};

KUNIT_ARRAY_PARAM(cifs_break_trusting, cifs_break_trusting_kinds, cifs_break_kind_desc);

static void cifs_break_keeps_cache_of_trusting(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, kind, &srv, &m);

	cifs_break_expect_reads(test, m, file, "old");
	cifs_break_to(test, srv, CIFS_SRV_NONE);
	KUNIT_ASSERT_EQ(test, cifs_srv_write(srv, "file", 0, "new", 3), 0);
	cifs_break_expect_reads(test, m, file, "old");
}

/* Breaks beside an open or a close. */

static void cifs_break_while_opening(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, kind, &srv, &m);
	struct cifs_mnt_task *task = cifs_mnt_task(test, "open");

	cifs_break_hold(srv, SMB2_CREATE_HE);
	cifs_mnt_start_open(task, m, "file", O_RDONLY);
	cifs_srv_wait_held(srv, SMB2_CREATE_HE, 1);
	cifs_break_to(test, srv, kind->state);
	cifs_srv_grant(srv, kind->state);
	cifs_srv_release(srv, SMB2_CREATE_HE);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(task), 0L);
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	cifs_break_expect_content(test, srv, "file", "new");
}

/* Of a handle that the client does not know yet. */
static void cifs_break_before_answer_to_open(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_break_leases);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct file *file;

	cifs_srv_create(srv, "file", false, "old", 3);
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "file", NULL), 0);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_CREATE_HE, .break_then = true, .break_to = CIFS_SRV_R });
	file = cifs_mnt_open(m, "file", O_RDWR);
	cifs_srv_wait_seen(srv, SMB2_OPLOCK_BREAK_HE, 1);
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	cifs_break_expect_content(test, srv, "file", "new");
}

/* A lock that the server knows, and a lease that comes with a second open. */
static void cifs_break_lease_behind_lock(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_break_leases);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct file *locked, *file;

	cifs_srv_create(srv, "file", false, "old", 3);
	cifs_srv_grant(srv, CIFS_SRV_NONE);
	locked = cifs_mnt_open(m, "file", O_RDWR);
	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(m, locked, F_SETLK, F_WRLCK, 0, 10), 0);
	cifs_srv_grant(srv, CIFS_SRV_R);
	file = cifs_mnt_open(m, "file", O_RDONLY);
	cifs_break_expect_reads(test, m, file, "old");
	KUNIT_ASSERT_EQ(test, cifs_srv_write(srv, "file", 0, "new", 3), 0);
	cifs_break_expect_reads(test, m, file, "new");
}

/* A second open finds that the lease has gone, and others have written. */
static void cifs_break_open_purges_mapping(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_break_leases);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct cifs_mnt_map *map;
	char data[4] = "";

	cifs_srv_create(srv, "file", false, "old", 3);
	cifs_srv_grant(srv, CIFS_SRV_R);
	map = cifs_mnt_mmap(m, cifs_mnt_open(m, "file", O_RDWR), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, cifs_mnt_load(m, map, 0, data, 3), 0);
	KUNIT_ASSERT_EQ(test, cifs_srv_write(srv, "file", 0, "new", 3), 0);
	cifs_srv_grant(srv, CIFS_SRV_NONE);
	cifs_mnt_open(m, "file", O_RDONLY);
	KUNIT_EXPECT_EQ(test, cifs_mnt_load(m, map, 0, data, 3), 0);
	KUNIT_EXPECT_STREQ(test, data, "new");
}

/* For those that follow: no close is deferred. */
static struct file *cifs_break_open_undeferred(struct kunit *test, struct cifs_srv **srv,
					       struct cifs_mnt **m)
{
	const struct cifs_break_kind *kind = test->param_value;
	char options[32];

	*srv = cifs_mnt_server(test, &kind->options);
	snprintf(options, sizeof(options), "%s,closetimeo=0", kind->vers);
	*m = cifs_mnt_mount(test, *srv, options);
	return cifs_mnt_open(*m, "file", O_RDWR | O_CREAT);
}

static void cifs_break_before_close(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open_undeferred(test, &srv, &m);

	cifs_break_to(test, srv, kind->state);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
}

/* The server sends the break before it has seen the CLOSE. */
static void cifs_break_in_close(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open_undeferred(test, &srv, &m);

	cifs_break_hold(srv, SMB2_CLOSE_HE);
	cifs_mnt_start_close(m->user, file);
	cifs_srv_wait_held(srv, SMB2_CLOSE_HE, 1);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "file", kind->state), 1);
	/* the client still knows the key of a lease */
	if (kind->options.leases)
		cifs_srv_wait_seen(srv, SMB2_OPLOCK_BREAK_HE, 1);
	cifs_srv_release(srv, SMB2_CLOSE_HE);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 0L);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
}

static void cifs_break_close_waits_for_acknowledgment(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open_undeferred(test, &srv, &m);
	unsigned int closes = cifs_srv_seen(srv, SMB2_CLOSE_HE);

	cifs_break_hold(srv, SMB2_OPLOCK_BREAK_HE);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "file", kind->state), 1);
	cifs_srv_wait_held(srv, SMB2_OPLOCK_BREAK_HE, 1);
	cifs_mnt_start_close(m->user, file);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(m->user, "__flush_work"));
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_CLOSE_HE), closes);
	cifs_srv_release(srv, SMB2_OPLOCK_BREAK_HE);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 0L);
}

/* close(2) waits for the same WRITE as the break. */
static void cifs_break_in_flush(struct kunit *test)
{
	const struct cifs_break_kind *kind = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file = cifs_break_open(test, kind, &srv, &m);

	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	cifs_break_hold(srv, SMB2_WRITE_HE);
	cifs_mnt_start_close(m->user, file);
	cifs_srv_wait_held(srv, SMB2_WRITE_HE, 1);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "file", kind->state), 1);
	cifs_srv_release(srv, SMB2_WRITE_HE);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 0L);
	cifs_break_expect_content(test, srv, "file", "new");
	cifs_mnt_umount(m);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
}

/* Deferred closes. */

static struct cifs_mnt *cifs_break_mount(struct kunit *test, struct cifs_srv **srv,
					 const char *options)
{
	*srv = cifs_mnt_server(test, &cifs_break_leases);
	KUNIT_ASSERT_EQ(test, cifs_srv_create(*srv, "file", false, "old", 3), 0);
	return cifs_mnt_mount(test, *srv, options);
}

/* The client asks the newest tree of the session first whose lease it is. */
static void cifs_break_on_older_tree(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");

	cifs_mnt_open(m, "file", O_RDWR);
	cifs_mnt_mount(test, srv, "nolease");
	cifs_break_to(test, srv, CIFS_SRV_R);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
}

static const struct cifs_break_deferred {
	const char *name;
	u32 state;
	bool closes;
} cifs_break_deferreds[] = {
	{ "to RH", CIFS_SRV_RH, false },
	{ "to R", CIFS_SRV_R, true },
	{ "to none", CIFS_SRV_NONE, true },
};

static void cifs_break_deferred_desc(const struct cifs_break_deferred *deferred, char *desc)
{
	strscpy(desc, deferred->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_break_deferred, cifs_break_deferreds, cifs_break_deferred_desc);

/* A handle that is closed for a break needs no acknowledgment. */
static void cifs_break_closes_deferred(struct kunit *test)
{
	const struct cifs_break_deferred *deferred = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");

	cifs_break_defer(m, "file", O_RDWR);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "file", deferred->state), 1);
	if (deferred->closes)
		cifs_srv_wait_handles(srv, 0);
	else
		cifs_srv_wait_seen(srv, SMB2_OPLOCK_BREAK_HE, 1);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), deferred->closes ? 0 : 1);
	cifs_mnt_umount(m);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_OPLOCK_BREAK_HE),
			deferred->closes ? 0 : 1);
}

/* Somebody opens the file while the break closes it: by a handle of his own. */
static void cifs_break_closes_while_opening(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");
	unsigned int creates;
	struct file *file;

	cifs_break_defer(m, "file", O_RDWR);
	creates = cifs_srv_seen(srv, SMB2_CREATE_HE);
	cifs_break_hold(srv, SMB2_CLOSE_HE);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "file", CIFS_SRV_NONE), 1);
	cifs_srv_wait_held(srv, SMB2_CLOSE_HE, 1);
	file = cifs_mnt_open(m, "file", O_RDWR);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_CREATE_HE), creates + 1);
	cifs_srv_release(srv, SMB2_CLOSE_HE);
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), 0);
	cifs_break_expect_content(test, srv, "file", "new");
}

/* Each handle is closed, but for the one in use and the one in use again. */
static void cifs_break_closes_each_deferred(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");
	struct file *writer = cifs_mnt_open(m, "file", O_WRONLY), *file;

	cifs_break_defer(m, "file", O_RDWR);
	cifs_break_defer(m, "file", O_RDONLY);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 3);
	file = cifs_mnt_open(m, "file", O_RDONLY);
	cifs_break_to(test, srv, CIFS_SRV_R);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 2);
	cifs_break_expect_reads(test, m, file, "old");
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, writer, 0, "new", 3), 3);
}

static const struct cifs_break_timeout {
	const char *name;
	const char *option;
	unsigned int handles;
} cifs_break_timeouts[] = {
	{ "deferred", "closetimeo=2", 2 },
	{ "not deferred", "closetimeo=0", 0 },
};

static void cifs_break_timeout_desc(const struct cifs_break_timeout *timeout, char *desc)
{
	strscpy(desc, timeout->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_break_timeout, cifs_break_timeouts, cifs_break_timeout_desc);

static void cifs_break_deferred_times_out(struct kunit *test)
{
	const struct cifs_break_timeout *timeout = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, timeout->option);

	cifs_break_defer(m, "file", O_RDWR);
	cifs_break_defer(m, "file", O_RDONLY);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), timeout->handles);
	cifs_srv_wait_handles(srv, 0);
}

/* Without a lease for handles others could not remove the file. */
static void cifs_break_defers_with_lease_only(struct kunit *test)
{
	static const u32 states[] = { CIFS_SRV_NONE, CIFS_SRV_R, CIFS_SRV_RW };
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");
	int i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		cifs_srv_grant(srv, states[i]);
		cifs_break_defer(m, "file", O_RDWR);
		KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
	}
}

static void cifs_break_locked_is_not_deferred(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");
	struct file *file = cifs_mnt_open(m, "file", O_RDWR);

	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(m, file, F_SETLK, F_WRLCK, 0, 10), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
}

/* A close that is deferred sets the times of what was written, once. */
static void cifs_break_deferred_sets_times_once(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60,actimeo=600");
	struct file *file = cifs_mnt_open(m, "file", O_RDWR);
	struct kstat before, after;

	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "file", &before), 0);
	schedule_timeout_uninterruptible(2);
	cifs_break_defer(m, "file", O_RDWR);
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "file", &after), 0);
	KUNIT_EXPECT_EQ(test, after.mtime.tv_nsec, before.mtime.tv_nsec);
}

static const struct cifs_break_reuse {
	const char *name;
	int first;
	int second;
	bool reuses;
} cifs_break_reuses[] = {
	{ "same flags", O_RDWR, O_RDWR, true },
	{ "same flags, read only", O_RDONLY, O_RDONLY, true },
	{ "fewer rights", O_RDWR, O_RDONLY, false },
	{ "more rights", O_RDONLY, O_RDWR, false },
	{ "direct", O_RDWR, O_RDWR | O_DIRECT, false },
	{ "synchronous", O_RDWR, O_RDWR | O_SYNC, false },
};

static void cifs_break_reuse_desc(const struct cifs_break_reuse *reuse, char *desc)
{
	strscpy(desc, reuse->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_break_reuse, cifs_break_reuses, cifs_break_reuse_desc);

static void cifs_break_open_reuses_deferred(struct kunit *test)
{
	const struct cifs_break_reuse *reuse = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60,actimeo=600");
	struct file *file;

	cifs_break_defer(m, "file", reuse->first);
	file = cifs_mnt_open(m, "file", reuse->second);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), reuse->reuses ? 1 : 2);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
	cifs_mnt_umount(m);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
}

/* A handle that an open has taken over is not closed by the old timer. */
static void cifs_break_reuse_ends_deferral(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=1");
	unsigned int closes;
	struct file *file;

	cifs_break_defer(m, "file", O_RDWR);
	closes = cifs_srv_seen(srv, SMB2_CLOSE_HE);
	file = cifs_mnt_open(m, "file", O_RDWR);
	/* another one is deferred later, and times out later */
	cifs_break_defer(m, "other", O_RDWR | O_CREAT);
	cifs_srv_wait_seen(srv, SMB2_CLOSE_HE, closes + 1);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 1);
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), 0);
	cifs_break_expect_content(test, srv, "file", "new");
}

static const struct cifs_break_name {
	const char *desc;
	const char *deferred;
	const char *unlink;
	const char *from;
	const char *to;
	bool closes;
} cifs_break_names[] = {
	{ "unlink", "foo", "foo", NULL, NULL, true },
	{ "unlink of prefix", "foo.tmp", "foo", NULL, NULL, false },
	{ "unlink of longer name", "foo", "foo.tmp", NULL, NULL, false },
	{ "unlink of last component", "dir/foo", "foo", NULL, NULL, false },
	{ "rename", "foo", NULL, "foo", "baz", true },
	{ "rename over", "foo", NULL, "bar", "foo", true },
	{ "rename of prefix", "foo.tmp", NULL, "foo", "baz", false },
	{ "rename over prefix", "foo.tmp", NULL, "bar", "foo", false },
};

static void cifs_break_name_desc(const struct cifs_break_name *name, char *desc)
{
	strscpy(desc, name->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_break_name, cifs_break_names, cifs_break_name_desc);

static void cifs_break_removal_closes_deferred(struct kunit *test)
{
	const struct cifs_break_name *name = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");

	cifs_srv_create(srv, "foo", false, NULL, 0);
	cifs_srv_create(srv, "foo.tmp", false, NULL, 0);
	cifs_srv_create(srv, "bar", false, NULL, 0);
	cifs_srv_create(srv, "dir", true, NULL, 0);
	cifs_srv_create(srv, "dir\\foo", false, NULL, 0);
	cifs_break_defer(m, name->deferred, O_RDWR);
	if (name->unlink)
		KUNIT_EXPECT_EQ(test, cifs_mnt_unlink(m, name->unlink), 0);
	else
		KUNIT_EXPECT_EQ(test, cifs_mnt_rename(m, name->from, name->to), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), name->closes ? 0 : 1);
}

/* The server removes the name when the last handle is closed. */
static void cifs_break_removed_is_not_deferred(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");
	struct file *file = cifs_mnt_open(m, "file", O_RDWR);

	KUNIT_EXPECT_EQ(test, cifs_mnt_unlink(m, "file"), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
}

/* Nor is its handle taken for one of the next file of that name. */
static void cifs_break_removed_is_not_reused(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");
	struct file *removed = cifs_mnt_open(m, "file", O_RDWR), *file;

	KUNIT_EXPECT_EQ(test, cifs_mnt_unlink(m, "file"), 0);
	KUNIT_ASSERT_EQ(test, cifs_srv_create(srv, "file", false, "another", 7), 0);
	file = cifs_mnt_open(m, "file", O_RDWR);
	cifs_break_expect_reads(test, m, file, "another");
	cifs_break_expect_reads(test, m, removed, "old");
}

/* As by ioctl(FIFREEZE), or in a suspend. */
static long cifs_break_freeze(void *arg)
{
	struct super_block *sb = arg;

	return sb->s_op->freeze_fs(sb);
}

static void cifs_break_start_freeze(struct cifs_mnt *m)
{
	cifs_mnt_start(m->user, cifs_break_freeze, m->mnt->mnt_sb);
}

static void cifs_break_freeze_closes_deferred(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");

	cifs_break_defer(m, "file", O_RDWR);
	cifs_break_defer(m, "file", O_RDONLY);
	cifs_break_start_freeze(m);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 0L);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
}

/* For want of memory. */

static void cifs_break_start_create(struct cifs_mnt *m)
{
	char name[16];

	snprintf(name, sizeof(name), "new%u", m->user->fail_nth);
	cifs_mnt_start_open(m->user, m, name, O_RDWR | O_CREAT);
}

static void cifs_break_start_open(struct cifs_mnt *m)
{
	cifs_mnt_start_open(m->user, m, "file", O_RDONLY);
}

/**
 * struct cifs_break_need - an operation in which an allocation fails
 * @name: of the operation
 * @start: starts it; NULL: the close of a file
 * @opens: it opens a file
 * @deferring: it closes a file whose close is deferred; only allocations that
 *	       may not sleep fail then
 * @flags: of that file
 */
static const struct cifs_break_need {
	const char *name;
	void (*start)(struct cifs_mnt *m);
	bool opens;
	bool deferring;
	int flags;
} cifs_break_needs[] = {
	{ "create", cifs_break_start_create, true },
	{ "open", cifs_break_start_open, true },
	{ "close", NULL },
	{ "open closes deferred", cifs_break_start_open, true, true, O_WRONLY },
	{ "freeze closes deferred", cifs_break_start_freeze, false, true, O_RDWR },
	{ "freeze closes what reads", cifs_break_start_freeze, false, true, O_RDONLY },
};

static void cifs_break_need_desc(const struct cifs_break_need *need, char *desc)
{
	strscpy(desc, need->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_break_need, cifs_break_needs, cifs_break_need_desc);

/* Each allocation in turn, until there is none left to fail. */
static void cifs_break_without_memory(struct kunit *test)
{
	const struct cifs_break_need *need = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60,soft");
	struct file *file = NULL;
	unsigned int n, left;

	for (n = 1; n < 200; n++) {
		if (need->deferring)
			cifs_break_defer(m, "file", need->flags);
		if (!need->start)
			file = cifs_mnt_open(m, "file", O_RDWR);
		cifs_kunit_swap_fail_nth(test, !need->deferring);
		m->user->fail_nth = n;
		if (need->start)
			need->start(m);
		else
			cifs_mnt_start_close(m->user, file);
		cifs_mnt_wait(m->user);
		cifs_kunit_swap_fail_nth(test, !need->deferring);
		left = m->user->fail_nth;
		m->user->fail_nth = 0;
		if (need->opens && !m->user->rc)
			cifs_mnt_close(m, m->user->op.file);
		if (left)
			break;
	}
	KUNIT_EXPECT_GT(test, n, 1);
	KUNIT_EXPECT_LT(test, n, 200);
}

static long cifs_break_chmod(void *file)
{
	return vfs_fchmod(file, 0444);
}

/* chmod(2) has a handle already: that of whoever has the file open. */
static void cifs_break_path_finds_handle(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");
	struct file *file = cifs_mnt_open(m, "file", O_RDWR);
	unsigned int opens = cifs_srv_seen(srv, SMB2_CREATE_HE);

	cifs_mnt_start(m->user, cifs_break_chmod, file);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 0L);
	KUNIT_EXPECT_GT(test, cifs_srv_seen(srv, SMB2_SET_INFO_HE), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_CREATE_HE), opens);
}

static void cifs_break_umount_closes_deferred(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=60");
	unsigned int closes;

	cifs_break_defer(m, "file", O_RDWR);
	cifs_break_defer(m, "file", O_RDONLY);
	cifs_break_defer(m, "other", O_RDWR | O_CREAT);
	closes = cifs_srv_seen(srv, SMB2_CLOSE_HE);
	cifs_mnt_umount(m);
	KUNIT_EXPECT_GE(test, cifs_srv_seen(srv, SMB2_CLOSE_HE), closes + 3);
}

/* Nobody waits for the answer, so the client closes once more. */
static void cifs_break_killed_close(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_break_mount(test, &srv, "closetimeo=0");
	struct file *file = cifs_mnt_open(m, "file", O_RDWR);

	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_CLOSE_HE, .action = CIFS_SRV_HOLD,
		.status = STATUS_ACCESS_DENIED });
	cifs_mnt_start_close(m->user, file);
	cifs_srv_wait_held(srv, SMB2_CLOSE_HE, 1);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(m->user, "wait_for_response"));
	cifs_mnt_kill(m->user);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 0L);
	cifs_srv_wait_handles(srv, 0);
}

/* Data that only a mapping has changed. */

static const struct cifs_break_map {
	const char *name;
	const char *option;
	struct cifs_srv_options options;
} cifs_break_maps[] = {
	{ "deferred", "closetimeo=60", { .leases = true } },
	{ "not deferred", "closetimeo=0", { .leases = true } },
	{ "oplocks", "vers=2.1", {} },
	{ "cache=loose", "cache=loose", {} },
};

static void cifs_break_map_desc(const struct cifs_break_map *map, char *desc)
{
	strscpy(desc, map->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_break_map, cifs_break_maps, cifs_break_map_desc);

static void cifs_break_munmap_writes(struct kunit *test)
{
	const struct cifs_break_map *param = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, &param->options);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, param->option);
	struct cifs_mnt_map *map;
	struct file *file;

	KUNIT_ASSERT_EQ(test, cifs_srv_create(srv, "file", false, "old", 3), 0);
	file = cifs_mnt_open(m, "file", O_RDWR);
	map = cifs_mnt_mmap(m, file, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_store(m, map, 0, "new", 3), 0);
	cifs_mnt_munmap(m, map);
	cifs_mnt_umount(m);
	cifs_break_expect_content(test, srv, "file", "new");
}

static const struct cifs_break_cut {
	const char *name;
	const char *options;
	u32 grant;
} cifs_break_cuts[] = {
	{ "soft", "soft", CIFS_SRV_RWH },
	{ "hard", "hard", CIFS_SRV_RWH },
	{ "soft, not cached", "soft", CIFS_SRV_NONE },
	{ "hard, not cached", "hard", CIFS_SRV_NONE },
};

static void cifs_break_cut_desc(const struct cifs_break_cut *cut, char *desc)
{
	strscpy(desc, cut->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_break_cut, cifs_break_cuts, cifs_break_cut_desc);

static void cifs_break_cut_write(struct kunit *test)
{
	const struct cifs_break_cut *cut = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_break_leases);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, cut->options);
	struct file *file;

	cifs_srv_grant(srv, cut->grant);
	file = cifs_mnt_open(m, "file", O_RDWR | O_CREAT);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_WRITE_HE, .action = CIFS_SRV_CUT_BEFORE });
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "new", 3), 3);
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), 0);
	cifs_break_expect_content(test, srv, "file", "new");
}

static struct kunit_case cifs_mount_break_cases[] = {
	KUNIT_CASE_PARAM(cifs_break_writes_before_acknowledging, cifs_break_few_gen_params),
	KUNIT_CASE_PARAM(cifs_break_waits_for_its_write, cifs_break_few_gen_params),
	KUNIT_CASE_PARAM(cifs_break_ends_write_caching, cifs_break_kind_gen_params),
	KUNIT_CASE_PARAM(cifs_break_keeps_what_is_left, cifs_break_kind_gen_params),
	KUNIT_CASE_PARAM(cifs_break_purges_mapping, cifs_break_few_gen_params),
	KUNIT_CASE_PARAM(cifs_break_pushes_locks, cifs_break_few_gen_params),
	KUNIT_CASE(cifs_break_keeps_locks),
	KUNIT_CASE_PARAM(cifs_break_push_refused, cifs_break_few_gen_params),
	KUNIT_CASE_PARAM(cifs_break_write_fails, cifs_break_few_gen_params),
	KUNIT_CASE_PARAM(cifs_break_acknowledgment_refused, cifs_break_few_gen_params),
	KUNIT_CASE_PARAM(cifs_break_acknowledgment_cut, cifs_break_few_gen_params),
	KUNIT_CASE(cifs_break_twice),
	KUNIT_CASE_PARAM(cifs_break_keeps_cache_of_trusting, cifs_break_trusting_gen_params),
	KUNIT_CASE_PARAM(cifs_break_while_opening, cifs_break_few_gen_params),
	KUNIT_CASE(cifs_break_before_answer_to_open),
	KUNIT_CASE(cifs_break_lease_behind_lock),
	KUNIT_CASE(cifs_break_open_purges_mapping),
	KUNIT_CASE(cifs_break_on_older_tree),
	KUNIT_CASE_PARAM(cifs_break_before_close, cifs_break_few_gen_params),
	KUNIT_CASE_PARAM(cifs_break_in_close, cifs_break_few_gen_params),
	KUNIT_CASE_PARAM(cifs_break_close_waits_for_acknowledgment, cifs_break_few_gen_params),
	KUNIT_CASE_PARAM(cifs_break_in_flush, cifs_break_few_gen_params),
	KUNIT_CASE_PARAM(cifs_break_closes_deferred, cifs_break_deferred_gen_params),
	KUNIT_CASE(cifs_break_closes_while_opening),
	KUNIT_CASE(cifs_break_closes_each_deferred),
	KUNIT_CASE_PARAM(cifs_break_deferred_times_out, cifs_break_timeout_gen_params),
	KUNIT_CASE(cifs_break_defers_with_lease_only),
	KUNIT_CASE(cifs_break_locked_is_not_deferred),
	KUNIT_CASE(cifs_break_deferred_sets_times_once),
	KUNIT_CASE_PARAM(cifs_break_open_reuses_deferred, cifs_break_reuse_gen_params),
	KUNIT_CASE(cifs_break_reuse_ends_deferral),
	KUNIT_CASE_PARAM(cifs_break_removal_closes_deferred, cifs_break_name_gen_params),
	KUNIT_CASE(cifs_break_removed_is_not_deferred),
	KUNIT_CASE(cifs_break_removed_is_not_reused),
	KUNIT_CASE(cifs_break_freeze_closes_deferred),
	KUNIT_CASE_PARAM(cifs_break_without_memory, cifs_break_need_gen_params),
	KUNIT_CASE(cifs_break_path_finds_handle),
	KUNIT_CASE(cifs_break_umount_closes_deferred),
	KUNIT_CASE(cifs_break_killed_close),
	KUNIT_CASE_PARAM(cifs_break_munmap_writes, cifs_break_map_gen_params),
	KUNIT_CASE_PARAM(cifs_break_cut_write, cifs_break_cut_gen_params),
	{}
};

static struct kunit_suite cifs_mount_break_suite = {
	.name = "cifs_mount_break",
	.init = cifs_mnt_init_deferring,
	.exit = cifs_mnt_exit,
	.test_cases = cifs_mount_break_cases,
};

kunit_test_suite(cifs_mount_break_suite);
