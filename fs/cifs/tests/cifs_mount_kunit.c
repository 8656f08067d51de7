// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of plain use of a mount: what each system call does at the
 * server, and that nothing is left after the umount.
 */
#include <kunit/test.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include "cifs_mount.h"
#include "cifsglob.h"
#include "smb2pdu.h"
#include "smb2status.h"

/* Expects the whole content of a file at the server. */
static void expect_content(struct kunit *test, struct cifs_srv *srv,
			   const char *name, const char *content)
{
	char data[64] = "";

	KUNIT_EXPECT_EQ_MSG(test, cifs_srv_read(srv, name, 0, data, sizeof(data) - 1),
			    (ssize_t)strlen(content), "size of %s", name);
	KUNIT_EXPECT_STREQ(test, data, content);
}

/* Writes a whole file, down to the server. */
static void write_file(struct kunit *test, struct cifs_mnt *m, const char *name,
		       const char *content)
{
	struct file *file = cifs_mnt_open(m, name, O_WRONLY | O_CREAT | O_TRUNC);
	ssize_t len = strlen(content);

	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, content, len), len);
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
}

/* Expects that a file reads so. */
static void expect_reads(struct kunit *test, struct cifs_mnt *m, const char *name,
			 const char *content)
{
	struct file *file = cifs_mnt_open(m, name, O_RDONLY);
	char data[64] = "";

	KUNIT_EXPECT_EQ(test, cifs_mnt_read(m, file, 0, data, sizeof(data) - 1),
			(ssize_t)strlen(content));
	KUNIT_EXPECT_STREQ(test, data, content);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
}

struct kind {
	const char *name;
	const char *options;
	struct cifs_srv_options server;
};

static const struct kind kinds[] = {
	{ "2.1, oplocks", "vers=2.1" },
	{ "2.1, leases", "vers=2.1", { .leases = true } },
	{ "2.1 of a server without more", NULL, { .dialect = 0x0210 } },
	{ "3.0, oplocks", "vers=3.0" },
	{ "3.0, leases", "vers=3.0", { .leases = true } },
	{ "3.0, no guest", "vers=3.0", { .leases = true, .no_guest = true } },
	{ "3.0, persistent handles", "vers=3.0,persistenthandles",
	  { .leases = true, .persistent = true } },
	{ "3.1.1, oplocks", "vers=3.1.1" },
	{ "3.1.1, leases", "vers=3.1.1", { .leases = true } },
	{ "3.1.1, directory leases", "vers=3.1.1", { .leases = true, .dir_leases = true } },
	{ "3.1.1, no guest", "vers=3.1.1", { .leases = true, .no_guest = true } },
	{ "default dialect", NULL, { .leases = true } },
	{ "nothing cached", "cache=none,actimeo=0", { .leases = true } },
};

static void kind_name(const struct kind *kind, char *name)
{
	strscpy(name, kind->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_name);

static void cifs_mount_writes_and_reads(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, &kind->server);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, kind->options);

	write_file(test, m, "file", "hello");
	expect_content(test, srv, "file", "hello");
	cifs_mnt_umount(m);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 0);

	m = cifs_mnt_mount(test, srv, kind->options);
	expect_reads(test, m, "file", "hello");
}

static void cifs_mount_creates_and_removes(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);

	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(m, "dir"), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(m, "dir"), -EEXIST);
	write_file(test, m, "dir/file", "x");
	KUNIT_EXPECT_TRUE(test, cifs_srv_exists(srv, "dir\\file"));
	KUNIT_EXPECT_EQ(test, cifs_mnt_rmdir(m, "dir"), -ENOTEMPTY);
	KUNIT_EXPECT_EQ(test, cifs_mnt_unlink(m, "dir/file"), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_unlink(m, "dir/file"), -ENOENT);
	KUNIT_EXPECT_FALSE(test, cifs_srv_exists(srv, "dir\\file"));
	KUNIT_EXPECT_EQ(test, cifs_mnt_rmdir(m, "dir"), 0);
	KUNIT_EXPECT_FALSE(test, cifs_srv_exists(srv, "dir"));
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "dir", NULL), -ENOENT);
}

static void cifs_mount_renames(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);

	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(m, "dir"), 0);
	write_file(test, m, "a", "of a");
	write_file(test, m, "b", "of b");
	KUNIT_EXPECT_EQ(test, cifs_mnt_rename(m, "a", "dir/c"), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_rename(m, "b", "dir/c"), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_rename(m, "b", "d"), -ENOENT);
	KUNIT_EXPECT_FALSE(test, cifs_srv_exists(srv, "a"));
	KUNIT_EXPECT_FALSE(test, cifs_srv_exists(srv, "b"));
	expect_content(test, srv, "dir\\c", "of b");
	expect_reads(test, m, "dir/c", "of b");
}

static void cifs_mount_lists_directories(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	char names[64];

	KUNIT_EXPECT_EQ(test, cifs_mnt_readdir(m, "", NULL, 0), 0);
	cifs_srv_create(srv, "one", false, "1", 1);
	cifs_srv_create(srv, "two", true, NULL, 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_readdir(m, "", names, sizeof(names)), 2);
	KUNIT_EXPECT_STREQ(test, names, "one two");
	KUNIT_EXPECT_EQ(test, cifs_mnt_readdir(m, "two", NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_readdir(m, "one", NULL, 0), -ENOTDIR);
}

static void cifs_mount_truncates(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct kstat stat;

	write_file(test, m, "file", "hello");
	KUNIT_EXPECT_EQ(test, cifs_mnt_truncate(m, "file", 4), 0);
	expect_content(test, srv, "file", "hell");
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "file", &stat), 0);
	KUNIT_EXPECT_EQ(test, stat.size, 4);
	KUNIT_EXPECT_EQ(test, cifs_mnt_truncate(m, "none", 4), -ENOENT);
}

static void cifs_mount_has_statfs(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct kstatfs statfs;

	KUNIT_EXPECT_EQ(test, cifs_mnt_statfs(m, &statfs), 0);
	KUNIT_EXPECT_EQ(test, statfs.f_type, SMB2_SUPER_MAGIC);
	KUNIT_EXPECT_NE(test, statfs.f_blocks, 0);
	KUNIT_EXPECT_LE(test, statfs.f_bavail, statfs.f_blocks);
}

struct sharing {
	const char *name;
	const char *options;
	unsigned int connections;
};

static const struct sharing sharings[] = {
	{ "two mounts share a connection", NULL, 1 },
	{ "nosharesock", "nosharesock", 2 },
};

static void sharing_name(const struct sharing *sharing, char *name)
{
	strscpy(name, sharing->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(sharing, sharings, sharing_name);

static void cifs_mount_shares_connections(struct kunit *test)
{
	const struct sharing *sharing = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *a = cifs_mnt_mount(test, srv, sharing->options);
	struct cifs_mnt *b = cifs_mnt_mount(test, srv, sharing->options);

	KUNIT_EXPECT_EQ(test, cifs_srv_connections(srv), sharing->connections);
	write_file(test, a, "file", "of a");
	cifs_mnt_umount(a);
	expect_reads(test, b, "file", "of a");
	cifs_mnt_umount(b);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 0);
}

struct denial {
	const char *name;
	__le32 status;
	int error;
};

static const struct denial denials[] = {
	{ "access denied", STATUS_ACCESS_DENIED, -EACCES },
	{ "name not found", STATUS_OBJECT_NAME_NOT_FOUND, -ENOENT },
	{ "name invalid", STATUS_OBJECT_NAME_INVALID, -ENOENT },
	{ "sharing violation", STATUS_SHARING_VIOLATION, -EBUSY },
	{ "disk full", STATUS_DISK_FULL, -ENOSPC },
	{ "not supported", STATUS_NOT_SUPPORTED, -EOPNOTSUPP },
};

static void denial_name(const struct denial *denial, char *name)
{
	strscpy(name, denial->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(denial, denials, denial_name);

static void cifs_mount_open_error(struct kunit *test)
{
	const struct denial *denial = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct file *file;

	cifs_srv_create(srv, "file", false, "x", 1);
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "file", NULL), 0);
	cifs_srv_on(srv, &(struct cifs_srv_rule) {
		.command = SMB2_CREATE_HE, .count = U32_MAX, .status = denial->status });
	file = cifs_mnt_try_open(m, "file", O_RDONLY);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(file), denial->error);
	cifs_srv_clear_rules(srv);
	expect_reads(test, m, "file", "x");
}

static void cifs_mount_fails_without_share(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m;

	cifs_srv_on(srv, &(struct cifs_srv_rule) {
		.command = SMB2_TREE_CONNECT_HE, .count = U32_MAX,
		.status = STATUS_BAD_NETWORK_NAME });
	KUNIT_EXPECT_EQ(test, cifs_mnt_try_mount(test, srv, NULL, &m), -ENOENT);
	KUNIT_EXPECT_NULL(test, m->mnt);
}

static void cifs_mount_waits_for_pending(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);

	cifs_srv_on(srv, &(struct cifs_srv_rule) {
		.command = SMB2_CREATE_HE, .count = 2, .pending = true });
	cifs_srv_on(srv, &(struct cifs_srv_rule) {
		.command = SMB2_WRITE_HE, .pending = true });
	write_file(test, m, "file", "hello");
	expect_content(test, srv, "file", "hello");
}

static void cifs_mount_waits_for_held_answer(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct file *file = cifs_mnt_open(m, "file", O_RDWR | O_CREAT);

	cifs_srv_on(srv, &(struct cifs_srv_rule) {
		.command = SMB2_WRITE_HE, .action = CIFS_SRV_HOLD });
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "held", 4), 4);
	cifs_mnt_start_fsync(m->user, file);
	KUNIT_EXPECT_TRUE(test, cifs_srv_wait_held(srv, SMB2_WRITE_HE, 1));
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(m->user, "file_write_and_wait_range"));
	expect_content(test, srv, "file", "");
	KUNIT_EXPECT_EQ(test, cifs_srv_release(srv, SMB2_WRITE_HE), 1);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 0L);
	expect_content(test, srv, "file", "held");
}

static void cifs_mount_reconnects(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "hard");
	struct file *file = cifs_mnt_open(m, "file", O_RDWR | O_CREAT);

	cifs_srv_on(srv, &(struct cifs_srv_rule) {
		.command = SMB2_WRITE_HE, .action = CIFS_SRV_CUT_BEFORE });
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "again", 5), 5);
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), 0);
	expect_content(test, srv, "file", "again");
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_NEGOTIATE_HE), 2);
}

static void cifs_mount_maps(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct cifs_mnt_map *map;
	struct file *file;
	char data[6] = "";

	cifs_srv_create(srv, "file", false, "hello", 5);
	file = cifs_mnt_open(m, "file", O_RDWR);
	map = cifs_mnt_mmap(m, file, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, cifs_mnt_load(m, map, 0, data, 5), 0);
	KUNIT_EXPECT_STREQ(test, data, "hello");
	KUNIT_EXPECT_EQ(test, cifs_mnt_store(m, map, 0, "J", 1), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), 0);
	expect_content(test, srv, "file", "Jello");
	cifs_mnt_munmap(m, map);
}

static void cifs_mount_locks_conflict(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *a = cifs_mnt_mount(test, srv, NULL);
	struct cifs_mnt *b = cifs_mnt_mount(test, srv, "nosharesock");
	struct file *of_a, *of_b;

	cifs_srv_grant(srv, CIFS_SRV_R);
	of_a = cifs_mnt_open(a, "file", O_RDWR | O_CREAT);
	of_b = cifs_mnt_open(b, "file", O_RDWR);
	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(a, of_a, F_SETLK, F_WRLCK, 0, 10), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(b, of_b, F_SETLK, F_WRLCK, 20, 10), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(b, of_b, F_SETLK, F_WRLCK, 5, 1), -EACCES);
	cifs_mnt_start_lock(b->user, of_b, F_SETLKW, F_WRLCK, 5, 1);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(b->user, "cifs_lock"));
	KUNIT_EXPECT_EQ(test, cifs_mnt_lock(a, of_a, F_SETLK, F_UNLCK, 0, 10), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(b->user), 0L);
}

static void cifs_mount_detached_while_open(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct file *file = cifs_mnt_open(m, "file", O_RDWR | O_CREAT);

	cifs_mnt_umount(m);
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "late", 4), 4);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 0);
	expect_content(test, srv, "file", "late");
}

/* In vain: somebody has a file open, and goes on with it. */
static void cifs_mount_forced_umount(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct file *file = cifs_mnt_open(m, "file", O_RDWR | O_CREAT);
	struct cifs_mnt_task *reader = cifs_mnt_task(test, "reader");

	cifs_srv_on(srv, &(struct cifs_srv_rule) {
		.command = SMB2_CREATE_HE, .action = CIFS_SRV_HOLD });
	cifs_mnt_start_stat(reader, m, "other");
	KUNIT_EXPECT_TRUE(test, cifs_srv_wait_held(srv, SMB2_CREATE_HE, 1));
	cifs_mnt_force_umount(m);
	cifs_srv_release(srv, SMB2_CREATE_HE);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(reader), -ENOENT);
	if (!cifs_mnt_outlives_forced_umount()) {
		cifs_mnt_expect_left_open(test);
		return;
	}
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "late", 4), 4);
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), 0);
	expect_content(test, srv, "file", "late");
}

/* The server opens the file nevertheless. */
static void cifs_mount_closes_killed_open(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct cifs_tcon *tcon = cifs_sb_master_tcon(CIFS_SB(m->mnt->mnt_sb));
	int users = tcon->tc_count, opens = atomic_read(&tcon->num_remote_opens);
	unsigned int closes = cifs_srv_seen(srv, SMB2_CLOSE_HE);
	unsigned long end = jiffies + 20 * HZ;

	cifs_srv_on(srv, &(struct cifs_srv_rule) {
		.command = SMB2_CREATE_HE, .action = CIFS_SRV_HOLD });
	cifs_mnt_start_open(m->user, m, "file", O_RDWR | O_CREAT);
	KUNIT_EXPECT_TRUE(test, cifs_srv_wait_held(srv, SMB2_CREATE_HE, 1));
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(m->user, "wait_for_response"));
	cifs_mnt_kill(m->user);
	KUNIT_EXPECT_LT(test, cifs_mnt_finish(m->user), 0);
	cifs_srv_release(srv, SMB2_CREATE_HE);
	KUNIT_EXPECT_TRUE(test, cifs_srv_wait_seen(srv, SMB2_CLOSE_HE, closes + 1));
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
	if (!cifs_mnt_counts_killed_open())
		return;
	/* and counts it neither then nor later */
	while (READ_ONCE(tcon->tc_count) != users && time_before(jiffies, end))
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_EQ(test, atomic_read(&tcon->num_remote_opens), opens);
}

static void cifs_mount_many_times(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_alloc(test, srv);
	int i;

	cifs_mnt_slow(test);
	for (i = 0; i < 200; i++) {
		cifs_mnt_start_mount(m->user, m, NULL);
		KUNIT_ASSERT_EQ(test, cifs_mnt_finish(m->user), 0L);
		cifs_mnt_umount(m);
	}
}

static struct kunit_case cifs_mount_cases[] = {
	KUNIT_CASE_PARAM(cifs_mount_writes_and_reads, kind_gen_params),
	KUNIT_CASE(cifs_mount_creates_and_removes),
	KUNIT_CASE(cifs_mount_renames),
	KUNIT_CASE(cifs_mount_lists_directories),
	KUNIT_CASE(cifs_mount_truncates),
	KUNIT_CASE(cifs_mount_has_statfs),
	KUNIT_CASE_PARAM(cifs_mount_shares_connections, sharing_gen_params),
	KUNIT_CASE_PARAM(cifs_mount_open_error, denial_gen_params),
	KUNIT_CASE(cifs_mount_fails_without_share),
	KUNIT_CASE(cifs_mount_waits_for_pending),
	KUNIT_CASE(cifs_mount_waits_for_held_answer),
	KUNIT_CASE(cifs_mount_reconnects),
	KUNIT_CASE(cifs_mount_maps),
	KUNIT_CASE(cifs_mount_locks_conflict),
	KUNIT_CASE(cifs_mount_detached_while_open),
	KUNIT_CASE(cifs_mount_forced_umount),
	KUNIT_CASE(cifs_mount_closes_killed_open),
	KUNIT_CASE(cifs_mount_many_times),
	{}
};

static struct kunit_suite cifs_mount_suite = {
	.name = "cifs_mount",
	.init = cifs_mnt_init,
	.exit = cifs_mnt_exit,
	.test_cases = cifs_mount_cases,
};

kunit_test_suite(cifs_mount_suite);
