// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_mount_umount: what may be under way when a mount goes.
 *
 * Each state is left by system calls and by what the server holds, refuses or
 * breaks; then the mount is unmounted, with the connection up, or lost while
 * the umount waits. The fixture checks that nothing is in use afterwards.
 */
#include "cifsglob.h"
#include "smb2pdu.h"
#include "smb2status.h"
#include "cifs_mount.h"

#define CIFS_UMOUNT_NAME	"file"

enum cifs_umount_how { PLAIN, FORCED, LAZY };

enum cifs_umount_connection { UP, LOST, BACK };

/**
 * struct cifs_umount_state - what is under way
 * @name: of the state
 * @how: the mount is unmounted; LAZY: by the close of its last file
 * @options: of the server
 * @mount: options of the mount
 * @enter: leaves the state, with no file open
 */
struct cifs_umount_state {
	const char *name;
	enum cifs_umount_how how;
	struct cifs_srv_options options;
	const char *mount;
	void (*enter)(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m);
};

/* The mount has no file open, but the client keeps the handle for 30 s. */
static struct file *cifs_umount_open(struct cifs_mnt *m)
{
	return cifs_mnt_open(m, CIFS_UMOUNT_NAME, O_RDWR | O_CREAT);
}

static void cifs_umount_write_and_close(struct cifs_mnt *m)
{
	struct file *file = cifs_umount_open(m);

	cifs_mnt_write(m, file, 0, "data", 4);
	cifs_mnt_close(m, file);
}

static void cifs_umount_nothing(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m)
{
	cifs_umount_write_and_close(m);
}

static void cifs_umount_readahead(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m)
{
	struct file *file;

	KUNIT_ASSERT_EQ(test, cifs_srv_create(srv, CIFS_UMOUNT_NAME, false, "data", 4), 0);
	file = cifs_umount_open(m);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_READ_HE, .action = CIFS_SRV_HOLD });
	cifs_mnt_readahead(m, file, 0, PAGE_SIZE);
	cifs_srv_wait_held(srv, SMB2_READ_HE, 1);
	cifs_mnt_close(m, file);
}

/* The last put of the file is the one of its deferred close, at umount. */
static void cifs_umount_close(struct cifs_srv *srv, struct cifs_mnt *m,
			      const struct cifs_srv_rule *rule)
{
	cifs_srv_on(srv, rule);
	cifs_umount_write_and_close(m);
}

static void cifs_umount_close_held(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m)
{
	cifs_umount_close(srv, m, &(struct cifs_srv_rule){
		.command = SMB2_CLOSE_HE, .action = CIFS_SRV_HOLD });
}

/* It is closed when the time is up, and the server does not answer. */
static void cifs_umount_deferred_held(struct kunit *test, struct cifs_srv *srv,
				      struct cifs_mnt *m)
{
	cifs_umount_close_held(test, srv, m);
	cifs_srv_wait_held(srv, SMB2_CLOSE_HE, 1);
}

static void cifs_umount_close_refused(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m)
{
	cifs_umount_close(srv, m, &(struct cifs_srv_rule){
		.command = SMB2_CLOSE_HE, .count = 2, .status = STATUS_IO_TIMEOUT });
}

static void cifs_umount_close_cut(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m)
{
	cifs_umount_close(srv, m, &(struct cifs_srv_rule){
		.command = SMB2_CLOSE_HE, .action = CIFS_SRV_CUT_BEFORE });
}

static void cifs_umount_close_answered_cut(struct kunit *test, struct cifs_srv *srv,
					   struct cifs_mnt *m)
{
	cifs_umount_close(srv, m, &(struct cifs_srv_rule){
		.command = SMB2_CLOSE_HE, .action = CIFS_SRV_CUT_AFTER });
}

/* Dirty after the last use of the file: only the deferred handle can write it back. */
static void cifs_umount_store(struct kunit *test, struct cifs_mnt *m)
{
	struct file *file = cifs_umount_open(m);
	struct cifs_mnt_map *map;

	cifs_mnt_write(m, file, 0, "data", 4);
	cifs_mnt_fsync(m, file);
	map = cifs_mnt_mmap(m, file, PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, map);
	cifs_mnt_close(m, file);
	KUNIT_EXPECT_EQ(test, cifs_mnt_munmap_in_io(m, map, 0, "DATA", 4), 0);
}

static void cifs_umount_break_writes(struct kunit *test, struct cifs_srv *srv,
				     struct cifs_mnt *m, u32 state)
{
	cifs_umount_store(test, m);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_WRITE_HE, .action = CIFS_SRV_HOLD });
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, CIFS_UMOUNT_NAME, state), 1);
	cifs_srv_wait_held(srv, SMB2_WRITE_HE, 1);
}

static void cifs_umount_break_to_rh(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m)
{
	cifs_umount_break_writes(test, srv, m, CIFS_SRV_RH);
}

static void cifs_umount_break_to_none(struct kunit *test, struct cifs_srv *srv,
				      struct cifs_mnt *m)
{
	cifs_umount_break_writes(test, srv, m, CIFS_SRV_NONE);
}

/* A break has the client close a handle that only its deferred close keeps. */
static void cifs_umount_break_closes(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m)
{
	cifs_umount_close_held(test, srv, m);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, CIFS_UMOUNT_NAME, CIFS_SRV_R), 1);
	cifs_srv_wait_held(srv, SMB2_CLOSE_HE, 1);
}

/* Breaks that come with the answer to the CLOSE that the umount waits for. */
static void cifs_umount_break_late(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m)
{
	cifs_umount_close(srv, m, &(struct cifs_srv_rule){
		.command = SMB2_CLOSE_HE, .break_first = true, .break_to = CIFS_SRV_NONE });
}

static void cifs_umount_cached_dir(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m)
{
	char names[64];

	KUNIT_ASSERT_EQ(test, cifs_srv_create(srv, "dir", true, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_readdir(m, "dir", names, sizeof(names)), 0);
}

static void cifs_umount_dir_break(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m)
{
	cifs_umount_cached_dir(test, srv, m);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_CLOSE_HE, .action = CIFS_SRV_HOLD });
	cifs_srv_break(srv, NULL, CIFS_SRV_NONE);
}

static void cifs_umount_dir_break_late(struct kunit *test, struct cifs_srv *srv,
				       struct cifs_mnt *m)
{
	cifs_umount_write_and_close(m);
	cifs_umount_cached_dir(test, srv, m);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_CLOSE_HE, .break_first = true, .break_to = CIFS_SRV_NONE });
}

static void cifs_umount_reopen(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m)
{
	cifs_umount_write_and_close(m);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_CREATE_HE, .action = CIFS_SRV_HOLD });
	cifs_srv_cut(srv);
	cifs_srv_wait_held(srv, SMB2_CREATE_HE, 1);
}

#define LEASES		{ .leases = true }
#define DIR_LEASES	{ .leases = true, .dir_leases = true }
#define PERSISTENT	{ .leases = true, .persistent = true }
#define DEFER		"closetimeo=30"
#define DEFER_BRIEFLY	"closetimeo=1"

static const struct cifs_umount_state cifs_umount_states[] = {
	{ "nothing", PLAIN, LEASES, DEFER, cifs_umount_nothing },
	{ "nothing, forced", FORCED, LEASES, DEFER, cifs_umount_nothing },
	{ "nothing, lazy", LAZY, LEASES, DEFER, cifs_umount_nothing },
	{ "READ held", PLAIN, {}, "closetimeo=0", cifs_umount_readahead },
	{ "READ held, forced", FORCED, {}, "closetimeo=0", cifs_umount_readahead },
	{ "READ held, lazy", LAZY, {}, "closetimeo=0", cifs_umount_readahead },
	{ "deferred CLOSE held", PLAIN, LEASES, DEFER_BRIEFLY, cifs_umount_deferred_held },
	{ "CLOSE held", PLAIN, LEASES, DEFER, cifs_umount_close_held },
	{ "CLOSE held, forced", FORCED, LEASES, DEFER, cifs_umount_close_held },
	{ "CLOSE held, lazy", LAZY, LEASES, DEFER, cifs_umount_close_held },
	{ "CLOSE refused", PLAIN, LEASES, DEFER, cifs_umount_close_refused },
	{ "CLOSE refused, forced", FORCED, LEASES, DEFER, cifs_umount_close_refused },
	{ "CLOSE refused, lazy", LAZY, LEASES, DEFER, cifs_umount_close_refused },
	{ "CLOSE cut", PLAIN, LEASES, DEFER, cifs_umount_close_cut },
	{ "CLOSE cut, forced", FORCED, LEASES, DEFER, cifs_umount_close_cut },
	{ "CLOSE cut, lazy", LAZY, LEASES, DEFER, cifs_umount_close_cut },
	{ "CLOSE done and cut", PLAIN, LEASES, DEFER, cifs_umount_close_answered_cut },
	{ "CLOSE done and cut, forced", FORCED, LEASES, DEFER, cifs_umount_close_answered_cut },
	{ "CLOSE done and cut, lazy", LAZY, LEASES, DEFER, cifs_umount_close_answered_cut },
	{ "break to RH writes", PLAIN, LEASES, DEFER, cifs_umount_break_to_rh },
	{ "break to RH writes, forced", FORCED, LEASES, DEFER, cifs_umount_break_to_rh },
	{ "break to RH writes, lazy", LAZY, LEASES, DEFER, cifs_umount_break_to_rh },
	{ "break to none writes", PLAIN, LEASES, DEFER, cifs_umount_break_to_none },
	{ "break to none writes, forced", FORCED, LEASES, DEFER, cifs_umount_break_to_none },
	{ "break to none writes, lazy", LAZY, LEASES, DEFER, cifs_umount_break_to_none },
	{ "break closes", PLAIN, LEASES, DEFER, cifs_umount_break_closes },
	{ "break closes, forced", FORCED, LEASES, DEFER, cifs_umount_break_closes },
	{ "break closes, lazy", LAZY, LEASES, DEFER, cifs_umount_break_closes },
	{ "late break", PLAIN, LEASES, DEFER, cifs_umount_break_late },
	{ "late break, forced", FORCED, LEASES, DEFER, cifs_umount_break_late },
	{ "late break, lazy", LAZY, LEASES, DEFER, cifs_umount_break_late },
	{ "cached directory", PLAIN, DIR_LEASES, DEFER, cifs_umount_cached_dir },
	{ "cached directory, forced", FORCED, DIR_LEASES, DEFER, cifs_umount_cached_dir },
	{ "cached directory, lazy", LAZY, DIR_LEASES, DEFER, cifs_umount_cached_dir },
	{ "break of directory", PLAIN, DIR_LEASES, DEFER, cifs_umount_dir_break },
	{ "break of directory, forced", FORCED, DIR_LEASES, DEFER, cifs_umount_dir_break },
	{ "break of directory, lazy", LAZY, DIR_LEASES, DEFER, cifs_umount_dir_break },
	{ "late break of directory", PLAIN, DIR_LEASES, DEFER, cifs_umount_dir_break_late },
	{ "late break of directory, forced", FORCED, DIR_LEASES, DEFER,
	  cifs_umount_dir_break_late },
	{ "late break of directory, lazy", LAZY, DIR_LEASES, DEFER, cifs_umount_dir_break_late },
	{ "persistent reopen", PLAIN, PERSISTENT, DEFER ",persistenthandles", cifs_umount_reopen },
	{ "persistent reopen, forced", FORCED, PERSISTENT, DEFER ",persistenthandles",
	  cifs_umount_reopen },
	{ "persistent reopen, lazy", LAZY, PERSISTENT, DEFER ",persistenthandles",
	  cifs_umount_reopen },
};

static void cifs_umount_desc(const struct cifs_umount_state *state, char *desc)
{
	strscpy(desc, state->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_umount, cifs_umount_states, cifs_umount_desc);

static void cifs_umount_survives(struct kunit *test, bool dfs,
				 enum cifs_umount_connection connection)
{
	const struct cifs_umount_state *state = test->param_value;
	struct cifs_srv_options options = state->options;
	struct cifs_mnt_task *umount;
	struct file *open = NULL;
	struct cifs_srv *srv;
	struct cifs_mnt *m;

	if (connection == LOST && !cifs_mnt_time_travels())
		kunit_skip(test, "the client tries for some 20 s to connect again");
	cifs_mnt_sample(test, state - cifs_umount_states + connection + 2 * dfs, 11);
	if (strncmp(state->mount, "closetimeo=0", strlen("closetimeo=0")))
		cifs_mnt_need_deferred_close(test);
	options.dfs = dfs;
	srv = cifs_mnt_server(test, &options);
	m = cifs_mnt_mount(test, srv, state->mount);
	if (state->how == LAZY)
		open = cifs_mnt_open(m, "open", O_RDWR | O_CREAT);
	state->enter(test, srv, m);

	if (state->how == FORCED)
		cifs_mnt_expect_left_open(test);
	umount = cifs_mnt_task(test, "umount");
	cifs_mnt_start_umount(umount, m, state->how == FORCED);
	if (open) {
		cifs_mnt_wait(umount);
		cifs_mnt_start_close(umount, open);
	}
	cifs_mnt_wait_asleep(umount, "cifs_kill_sb");
	if (connection != UP) {
		cifs_srv_refuse(srv, connection == LOST);
		cifs_srv_cut(srv);
	}
	cifs_srv_clear_rules(srv);
	cifs_srv_release(srv, CIFS_SRV_ANY);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait(umount));
}

static void cifs_umount_connected(struct kunit *test)
{
	cifs_umount_survives(test, false, UP);
}

static void cifs_umount_connection_lost(struct kunit *test)
{
	cifs_umount_survives(test, false, LOST);
}

static void cifs_umount_reconnects(struct kunit *test)
{
	cifs_umount_survives(test, false, BACK);
}

static void cifs_umount_dfs_connection_lost(struct kunit *test)
{
	cifs_umount_survives(test, true, LOST);
}

static void cifs_umount_dfs_reconnects(struct kunit *test)
{
	cifs_umount_survives(test, true, BACK);
}

static const struct cifs_umount_io {
	const char *name;
	u16 command;
} cifs_umount_ios[] = {
	{ "READ", SMB2_READ_HE },
	{ "WRITE", SMB2_WRITE_HE },
};

static void cifs_umount_io_desc(const struct cifs_umount_io *io, char *desc)
{
	strscpy(desc, io->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_umount_io, cifs_umount_ios, cifs_umount_io_desc);

/* A user was killed while he waited for the server, which has yet to answer. */
static void cifs_umount_waits_for_killed_io(struct kunit *test)
{
	const struct cifs_umount_io *io = test->param_value;
	struct cifs_mnt_task *umount;
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct file *file;

	if (!cifs_mnt_direct_io_is_killable())
		kunit_skip(test, "direct I/O cannot be killed");
	srv = cifs_mnt_server(test, NULL);
	m = cifs_mnt_mount(test, srv, "closetimeo=0");
	umount = cifs_mnt_task(test, "umount");
	KUNIT_ASSERT_EQ(test, cifs_srv_create(srv, CIFS_UMOUNT_NAME, false, "data", 4), 0);
	file = cifs_mnt_open(m, CIFS_UMOUNT_NAME, O_RDWR | O_DIRECT);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = io->command, .action = CIFS_SRV_HOLD });
	if (io->command == SMB2_READ_HE)
		cifs_mnt_start_read(m->user, file, 0, 4);
	else
		cifs_mnt_start_write(m->user, file, 0, "DATA", 4);
	cifs_srv_wait_held(srv, io->command, 1);
	cifs_mnt_wait_asleep(m->user, "wait_for_completion_killable");
	cifs_mnt_kill(m->user);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), (long)-EINTR);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
	cifs_mnt_start_umount(umount, m, false);
	cifs_mnt_wait_asleep(umount, "cifs_kill_sb");
	cifs_srv_release(srv, io->command);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait(umount));
}

static const struct cifs_umount_late {
	const char *name;
	struct cifs_srv_rule rule;
	bool broken;
} cifs_umount_lates[] = {
	{ "break", { SMB2_CLOSE_HE, .action = CIFS_SRV_HOLD }, true },
	{ "CLOSE refused", { SMB2_CLOSE_HE, .count = 2, .status = STATUS_IO_TIMEOUT } },
};

static void cifs_umount_late_desc(const struct cifs_umount_late *late, char *desc)
{
	strscpy(desc, late->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_umount_late, cifs_umount_lates, cifs_umount_late_desc);

/*
 * The completion of a READ, for which umount waits, is the last user of the file,
 * unless a break is: that would have to wait for the page.
 */
static void cifs_umount_waits_for_put_of_read(struct kunit *test)
{
	static const struct cifs_srv_options options = { .leases = true };
	const struct cifs_umount_late *late = test->param_value;
	struct cifs_mnt_task *umount = cifs_mnt_task(test, "umount");
	struct cifs_srv *srv = cifs_mnt_server(test, &options);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "closetimeo=0");
	unsigned int closes;

	cifs_umount_readahead(test, srv, m);
	cifs_mnt_start_umount(umount, m, false);
	if (!cifs_mnt_wait_asleep(umount, "cifs_kill_sb"))
		kunit_skip(test, "the file keeps the superblock");
	closes = cifs_srv_seen(srv, SMB2_CLOSE_HE);
	cifs_srv_on(srv, &late->rule);
	if (late->broken)
		KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, CIFS_UMOUNT_NAME, CIFS_SRV_NONE), 1);
	cifs_srv_release(srv, SMB2_READ_HE);
	cifs_srv_wait_seen(srv, SMB2_CLOSE_HE, closes + 1);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(umount, "cifs_kill_sb"));
	cifs_srv_release(srv, SMB2_CLOSE_HE);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait(umount));
}

/* No directory is open at the server any more when umount returns. */
static void cifs_umount_waits_for_dir_break(struct kunit *test)
{
	static const struct cifs_srv_options options = DIR_LEASES;
	struct cifs_srv *srv = cifs_mnt_server(test, &options);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct cifs_mnt_task *umount = cifs_mnt_task(test, "umount");

	cifs_umount_cached_dir(test, srv, m);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_CLOSE_HE, .action = CIFS_SRV_HOLD });
	if (!cifs_srv_break(srv, "dir", CIFS_SRV_NONE))
		kunit_skip(test, "the directory is not kept open");
	cifs_srv_wait_held(srv, SMB2_CLOSE_HE, 1);
	cifs_mnt_start_umount(umount, m, false);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(umount, "cifs_kill_sb"));
	cifs_srv_release(srv, SMB2_CLOSE_HE);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait(umount));
}

/* A directory is broken when umount no longer waits for breaks. */
static void cifs_umount_leaves_dir_break(struct kunit *test)
{
	static const struct cifs_srv_options options = { .leases = true, .dir_leases = true };
	struct cifs_mnt_task *umount;
	struct cifs_srv *srv;
	struct cifs_mnt *m;

	if (cifs_mnt_waits_for_dir_breaks())
		kunit_skip(test, "umount waits for all of them");
	srv = cifs_mnt_server(test, &options);
	m = cifs_mnt_mount(test, srv, "closetimeo=0");
	umount = cifs_mnt_task(test, "umount");
	cifs_umount_readahead(test, srv, m);
	cifs_umount_cached_dir(test, srv, m);
	cifs_mnt_start_umount(umount, m, false);
	cifs_mnt_wait_asleep(umount, "cifs_kill_sb");
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_CLOSE_HE, .action = CIFS_SRV_HOLD });
	KUNIT_EXPECT_GT(test, cifs_srv_break(srv, NULL, CIFS_SRV_NONE), 0);
	cifs_srv_wait_held(srv, SMB2_CLOSE_HE, 1);
	cifs_srv_release(srv, SMB2_READ_HE);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait(umount));
	cifs_srv_release(srv, SMB2_CLOSE_HE);
}

static struct kunit_case cifs_mount_umount_cases[] = {
	KUNIT_CASE_PARAM(cifs_umount_connected, cifs_umount_gen_params),
	KUNIT_CASE_PARAM_ATTR(cifs_umount_connection_lost, cifs_umount_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM(cifs_umount_reconnects, cifs_umount_gen_params),
	KUNIT_CASE_PARAM_ATTR(cifs_umount_dfs_connection_lost, cifs_umount_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM(cifs_umount_dfs_reconnects, cifs_umount_gen_params),
	KUNIT_CASE_PARAM(cifs_umount_waits_for_killed_io, cifs_umount_io_gen_params),
	KUNIT_CASE_PARAM(cifs_umount_waits_for_put_of_read, cifs_umount_late_gen_params),
	KUNIT_CASE(cifs_umount_waits_for_dir_break),
	KUNIT_CASE(cifs_umount_leaves_dir_break),
	{}
};

static struct kunit_suite cifs_mount_umount_suite = {
	.name = "cifs_mount_umount",
	.init = cifs_mnt_init,
	.exit = cifs_mnt_exit,
	.test_cases = cifs_mount_umount_cases,
};

kunit_test_suite(cifs_mount_umount_suite);
