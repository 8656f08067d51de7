// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_mount_session: what mounts share, and lose.
 *
 * Superblocks, trees, sessions, channels and connections of several mounts:
 * who shares what, what is on its way out while another mounts, and what the
 * server takes away in the middle.
 */
#include <linux/fcntl.h>
#include "cifs_mount.h"
#include "cifsglob.h"
#include "smb2pdu.h"
#include "smb2status.h"

/* Goes on with the mount until the client has reconnected it. */
static void cifs_session_settle(struct kunit *test, struct cifs_mnt *m)
{
	struct kstatfs statfs;
	int i, rc = -EAGAIN;

	for (i = 0; i < 10 && (rc == -EAGAIN || rc == -EHOSTDOWN || rc == -EREMCHG); i++)
		rc = cifs_mnt_statfs(m, &statfs);
	KUNIT_EXPECT_EQ_MSG(test, rc, 0, "statfs, call %d", i);
}

/* What two mounts share. */

/**
 * struct cifs_session_share - what two mounts share
 * @name: of that
 * @first: options of the one
 * @second: options of the other
 * @supers: superblocks of both
 * @trees: trees of both, with those of IPC$
 * @sessions: sessions of both
 * @connections: connections of both
 */
struct cifs_session_share {
	const char *name;
	const char *first;
	const char *second;
	unsigned int supers;
	unsigned int trees;
	unsigned int sessions;
	unsigned int connections;
};

static const struct cifs_session_share cifs_session_shares[] = {
	{ "superblock", NULL, NULL, 1, 2, 1, 1 },
	{ "tree", NULL, "actimeo=0", 2, 2, 1, 1 },
	{ "session", NULL, "nolease", 2, 3, 1, 1 },
	{ "connection", NULL, "username=other", 2, 4, 2, 1 },
	{ "nothing", NULL, "nosharesock", 2, 4, 2, 2 },
	{ "nothing, same options", "nosharesock", "nosharesock", 2, 4, 2, 2 },
};

static void cifs_session_share_desc(const struct cifs_session_share *share, char *desc)
{
	strscpy(desc, share->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_session_share, cifs_session_shares, cifs_session_share_desc);

static void cifs_session_shared(struct kunit *test, bool first_goes)
{
	const struct cifs_session_share *share = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *a = cifs_mnt_mount(test, srv, share->first);
	struct cifs_mnt *b = cifs_mnt_mount(test, srv, share->second);
	struct cifs_mnt *stays = first_goes ? b : a;

	KUNIT_EXPECT_EQ(test, 1 + (a->mnt->mnt_sb != b->mnt->mnt_sb), share->supers);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_TREE_CONNECT_HE), share->trees);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), share->sessions);
	KUNIT_EXPECT_EQ(test, cifs_srv_connections(srv), share->connections);
	cifs_mnt_umount(first_goes ? a : b);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(stays, "dir"), 0);
	cifs_mnt_umount(stays);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 0);
}

static void cifs_session_first_goes_first(struct kunit *test)
{
	cifs_session_shared(test, true);
}

static void cifs_session_second_goes_first(struct kunit *test)
{
	cifs_session_shared(test, false);
}

static void cifs_session_remount(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "actimeo=60");
	unsigned int seen;

	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(m, "dir"), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "dir", NULL), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_remount(m, "actimeo=0"), 0);
	seen = cifs_srv_seen(srv, SMB2_QUERY_INFO_HE);
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "dir", NULL), 0);
	KUNIT_EXPECT_GT(test, cifs_srv_seen(srv, SMB2_QUERY_INFO_HE), seen);
	KUNIT_EXPECT_EQ(test, cifs_mnt_remount(m, "username=other"), -EINVAL);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
}

/* A mount while the last user of its session goes. */

/**
 * struct cifs_session_exit - where the server holds up a umount
 * @name: of that
 * @command: what it holds
 * @sessions: sessions while it does, with that of the new mount
 * @cut: the connection is lost then
 */
struct cifs_session_exit {
	const char *name;
	u16 command;
	unsigned int sessions;
	bool cut;
};

static const struct cifs_session_exit cifs_session_exits[] = {
	{ "TREE_DISCONNECT", SMB2_TREE_DISCONNECT_HE, 1 },
	{ "LOGOFF", SMB2_LOGOFF_HE, 2 },
	{ "TREE_DISCONNECT, cut", SMB2_TREE_DISCONNECT_HE, 1, true },
	{ "LOGOFF, cut", SMB2_LOGOFF_HE, 2, true },
};

static void cifs_session_exit_desc(const struct cifs_session_exit *exit, char *desc)
{
	strscpy(desc, exit->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_session_exit, cifs_session_exits, cifs_session_exit_desc);

static void cifs_session_mount_during_umount(struct kunit *test)
{
	const struct cifs_session_exit *exit = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *a = cifs_mnt_mount(test, srv, NULL);
	struct cifs_mnt *b;

	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = exit->command, .action = CIFS_SRV_HOLD });
	cifs_mnt_start_umount(a->user, a, false);
	cifs_srv_wait_held(srv, exit->command, 1);
	b = cifs_mnt_mount(test, srv, "hard");
	KUNIT_EXPECT_TRUE(test, cifs_mnt_busy(a->user));
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), exit->sessions);
	if (exit->cut) {
		cifs_mnt_expect_stale(test);
		cifs_srv_cut(srv);
	}
	cifs_srv_release(srv, exit->command);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait(a->user));
	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(b, "dir"), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
}

/* The connection is lost first, so that the mount has to bring it back. */
static void cifs_session_mount_behind_cut(struct kunit *test)
{
	const struct cifs_session_exit *exit = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *a = cifs_mnt_mount(test, srv, NULL);
	struct cifs_mnt *b = cifs_mnt_alloc(test, srv);

	cifs_mnt_expect_stale(test);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = exit->command,
		.action = exit->cut ? CIFS_SRV_CUT_BEFORE : CIFS_SRV_CUT_AFTER });
	cifs_mnt_start_umount(a->user, a, false);
	cifs_srv_wait_seen(srv, exit->command, 1);
	cifs_mnt_start_mount(b->user, b, "hard");
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait(a->user));
	if (!cifs_mnt_finish(b->user))
		KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(b, "dir"), 0);
}

#define CIFS_SESSION_USERS	6
#define CIFS_SESSION_ROUNDS	20

/* Half of the users mount while the others unmount. */
static void cifs_session_many_users(struct kunit *test)
{
	static const char * const options[] = {
		NULL, "actimeo=0", "nolease", "username=other", "nosharesock", NULL,
	};
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m[CIFS_SESSION_USERS];
	int i, round;

	for (i = 0; i < CIFS_SESSION_USERS; i++)
		m[i] = cifs_mnt_alloc(test, srv);
	for (round = 0; round < CIFS_SESSION_ROUNDS; round++) {
		for (i = 0; i < CIFS_SESSION_USERS; i++) {
			if (m[i]->mnt)
				cifs_mnt_start_umount(m[i]->user, m[i], false);
			else if ((i + round) % 2)
				cifs_mnt_start_mount(m[i]->user, m[i], options[i]);
		}
		for (i = 0; i < CIFS_SESSION_USERS; i++)
			KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m[i]->user), 0L);
	}
}

/* What the server takes away. */

/**
 * struct cifs_session_loss - what the server says to a mount
 * @name: of that
 * @status: what it says
 * @other: options of a second mount
 * @setups: SESSION_SETUP requests that bring both mounts back
 * @trees: TREE_CONNECT requests, at least
 */
struct cifs_session_loss {
	const char *name;
	__le32 status;
	const char *other;
	unsigned int setups;
	unsigned int trees;
};

static const struct cifs_session_loss cifs_session_losses[] = {
	{ "session deleted", STATUS_USER_SESSION_DELETED, "actimeo=0", 2, 1 },
	{ "session deleted, two trees", STATUS_USER_SESSION_DELETED, "nolease", 2, 2 },
	{ "session expired", STATUS_NETWORK_SESSION_EXPIRED, "actimeo=0", 2, 1 },
	{ "session expired, two trees", STATUS_NETWORK_SESSION_EXPIRED, "nolease", 2, 2 },
	{ "share deleted", STATUS_NETWORK_NAME_DELETED, "actimeo=0", 0, 1 },
	{ "share deleted, two trees", STATUS_NETWORK_NAME_DELETED, "nolease", 0, 1 },
};

static void cifs_session_loss_desc(const struct cifs_session_loss *loss, char *desc)
{
	strscpy(desc, loss->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_session_loss, cifs_session_losses, cifs_session_loss_desc);

static void cifs_session_goes_on(struct kunit *test, u16 command)
{
	const struct cifs_session_loss *loss = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *a = cifs_mnt_mount(test, srv, NULL);
	struct cifs_mnt *b = cifs_mnt_mount(test, srv, loss->other);
	unsigned int setups = cifs_srv_seen(srv, SMB2_SESSION_SETUP_HE);
	unsigned int trees = cifs_srv_seen(srv, SMB2_TREE_CONNECT_HE);

	cifs_mnt_expect_stale(test);
	cifs_srv_on(srv, &(struct cifs_srv_rule){ .command = command, .status = loss->status });
	cifs_mnt_stat(a, "file", NULL);
	cifs_session_settle(test, a);
	cifs_session_settle(test, b);
	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(a, "of a"), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(b, "of b"), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_SESSION_SETUP_HE) - setups, loss->setups);
	KUNIT_EXPECT_GE(test, cifs_srv_seen(srv, SMB2_TREE_CONNECT_HE) - trees, loss->trees);
}

static void cifs_session_lost_in_open(struct kunit *test)
{
	cifs_session_goes_on(test, SMB2_CREATE_HE);
}

/* The connection is lost, and the session set up again: by the same name. */
static void cifs_session_reconnects_in_charset(struct kunit *test)
{
	static const struct cifs_srv_options options = { .user = "\xc3\xbc" };
	struct cifs_srv *srv;
	struct cifs_mnt *m;

	if (!IS_ENABLED(CONFIG_NLS_UTF8))
		kunit_skip(test, "there is no charset but the default one");
	srv = cifs_mnt_server(test, &options);
	m = cifs_mnt_mount(test, srv, "iocharset=utf8,username=\xc3\xbc");
	cifs_srv_cut(srv);
	cifs_session_settle(test, m);
}

/* A handle that is lost before fsync(2), or in it, is opened again. */

struct cifs_session_sync {
	const char *name;
	const char *options;
	bool in_flush;
};

static const struct cifs_session_sync cifs_session_syncs[] = {
	{ "strict" },
	{ "strict, in FLUSH", NULL, true },
	{ "loose", "cache=loose" },
	{ "loose, in FLUSH", "cache=loose", true },
};

static void cifs_session_sync_desc(const struct cifs_session_sync *sync, char *desc)
{
	strscpy(desc, sync->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_session_sync, cifs_session_syncs, cifs_session_sync_desc);

static void cifs_session_lost_before_fsync(struct kunit *test)
{
	const struct cifs_session_sync *sync = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, sync->options);
	struct file *file = cifs_mnt_open(m, "file", O_RDWR | O_CREAT);

	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "data", 4), 4);
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), 0);
	if (sync->in_flush) {
		cifs_mnt_expect_stale(test);
		cifs_srv_on(srv, &(struct cifs_srv_rule){
			.command = SMB2_FLUSH_HE, .action = CIFS_SRV_CUT_BEFORE });
	} else {
		cifs_srv_cut(srv);
		cifs_session_settle(test, m);
	}
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), 0);
}

/* The connection is lost, and the server is away for a while. */

static void cifs_session_soft_gives_up(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m;

	cifs_mnt_slow(test);
	srv = cifs_mnt_server(test, NULL);
	m = cifs_mnt_mount(test, srv, "soft");
	cifs_srv_refuse(srv, true);
	cifs_srv_cut(srv);
	while (cifs_srv_connections(srv))
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_LT(test, cifs_mnt_stat(m, "file", NULL), 0);
	cifs_srv_refuse(srv, false);
	cifs_session_settle(test, m);
}

/* For longer than a soft mount does. */
static void cifs_session_hard_waits(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	unsigned int seen;

	cifs_mnt_slow(test);
	srv = cifs_mnt_server(test, NULL);
	m = cifs_mnt_mount(test, srv, "hard");
	seen = cifs_srv_seen(srv, SMB2_NEGOTIATE_HE);
	cifs_srv_refuse(srv, true);
	cifs_srv_cut(srv);
	cifs_mnt_start_mkdir(m->user, m, "dir");
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(m->user, "cifs_wait_for_server_reconnect"));
	schedule_timeout_uninterruptible(15 * HZ);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_busy(m->user));
	cifs_srv_refuse(srv, false);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 0L);
	KUNIT_EXPECT_TRUE(test, cifs_srv_exists(srv, "dir"));
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_NEGOTIATE_HE), seen + 1);
}

static void cifs_session_hard_is_killed(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "hard");

	cifs_mnt_slow(test);
	cifs_srv_refuse(srv, true);
	cifs_srv_cut(srv);
	cifs_mnt_start_stat(m->user, m, "file");
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(m->user, "cifs_wait_for_server_reconnect"));
	cifs_mnt_kill(m->user);
	KUNIT_EXPECT_LT(test, cifs_mnt_finish(m->user), 0L);
}

static void cifs_session_echoes(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);

	cifs_mnt_slow(test);
	cifs_mnt_mount(test, srv, "echo_interval=1");
	KUNIT_EXPECT_TRUE(test, cifs_srv_wait_seen(srv, SMB2_ECHO_HE, 2));
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_NEGOTIATE_HE), 1);
}

/* A server that answers nothing more is given up, with what it owes. */
static void cifs_session_echo_unanswered(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "hard,echo_interval=1");

	cifs_mnt_slow(test);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_ECHO_HE, .count = U32_MAX, .action = CIFS_SRV_DROP });
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_CREATE_HE, .action = CIFS_SRV_HOLD });
	cifs_mnt_start_mkdir(m->user, m, "dir");
	cifs_srv_wait_held(srv, SMB2_CREATE_HE, 1);
	KUNIT_EXPECT_TRUE(test, cifs_srv_wait_seen(srv, SMB2_NEGOTIATE_HE, 2));
	cifs_srv_clear_rules(srv);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 0L);
	KUNIT_EXPECT_TRUE(test, cifs_srv_exists(srv, "dir"));
}

/* Credits: whatever becomes of a request, they come back. */

struct cifs_session_debt {
	const char *name;
	struct cifs_srv_rule rule;
};

static const struct cifs_session_debt cifs_session_debts[] = {
	{ "answered", {} },
	{ "refused", { SMB2_CREATE_HE, .count = U32_MAX, .status = STATUS_ACCESS_DENIED } },
	{ "pending", { SMB2_CREATE_HE, .count = U32_MAX, .pending = true } },
	{ "all pending", { CIFS_SRV_ANY, .count = U32_MAX, .pending = true } },
};

static void cifs_session_debt_desc(const struct cifs_session_debt *debt, char *desc)
{
	strscpy(desc, debt->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_session_debt, cifs_session_debts, cifs_session_debt_desc);

static void cifs_session_credits_return(struct kunit *test)
{
	static const struct cifs_srv_options options = { .credits = 8 };
	const struct cifs_session_debt *debt = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, &options);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "actimeo=0");
	int i;

	cifs_srv_on(srv, &debt->rule);
	for (i = 0; i < 20; i++)
		cifs_mnt_stat(m, "file", NULL);
	cifs_srv_clear_rules(srv);
	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(m, "dir"), 0);
}

/* Users for whom there are none left wait for them. */
static void cifs_session_credits_run_out(struct kunit *test)
{
	static const struct cifs_srv_options options = { .credits = 8 };
	struct cifs_srv *srv = cifs_mnt_server(test, &options);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "hard,actimeo=0");
	struct cifs_mnt_task *task[4];
	int i;

	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_CREATE_HE, .count = U32_MAX, .action = CIFS_SRV_HOLD });
	for (i = 0; i < ARRAY_SIZE(task); i++) {
		task[i] = cifs_mnt_task(test, "stat");
		cifs_mnt_start_stat(task[i], m, "");
	}
	cifs_srv_wait_held(srv, SMB2_CREATE_HE, 2);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(task[3], "wait_for_free_credits"));
	cifs_srv_clear_rules(srv);
	cifs_srv_release(srv, SMB2_CREATE_HE);
	for (i = 0; i < ARRAY_SIZE(task); i++)
		KUNIT_EXPECT_EQ(test, cifs_mnt_finish(task[i]), 0L);
}

/* multiuser: a session for each user, with that user's own login. */

static struct cifs_mnt_task *cifs_session_user(struct kunit *test, uid_t uid, const char *login)
{
	struct cifs_mnt_task *task = cifs_mnt_task(test, "user");

	cifs_mnt_become(task, uid, login);
	return task;
}

static int cifs_session_mkdir(struct cifs_mnt_task *task, struct cifs_mnt *m, const char *name)
{
	cifs_mnt_start_mkdir(task, m, name);
	return cifs_mnt_finish(task);
}

static void cifs_session_each_user(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "multiuser,sec=ntlmssp");
	struct cifs_mnt_task *alice = cifs_session_user(test, 1, "alice:1");
	struct cifs_mnt_task *bob = cifs_session_user(test, 2, "bob:2");

	KUNIT_EXPECT_EQ(test, cifs_session_mkdir(alice, m, "a"), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 2);
	KUNIT_EXPECT_EQ(test, cifs_session_mkdir(alice, m, "b"), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 2);
	KUNIT_EXPECT_EQ(test, cifs_session_mkdir(bob, m, "c"), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 3);
	KUNIT_EXPECT_EQ(test, cifs_srv_connections(srv), 1);
	cifs_mnt_umount(m);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 0);
}

static void cifs_session_user_without_login(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "multiuser,sec=ntlmssp");
	struct cifs_mnt_task *eve = cifs_session_user(test, 1, NULL);

	/* -EACCES, or what request_key(2) says without a program to ask */
	KUNIT_EXPECT_LT(test, cifs_session_mkdir(eve, m, "a"), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(m, "a"), 0);
	cifs_mnt_umount(m);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 0);
}

static const struct cifs_srv_rule cifs_session_refusals[] = {
	{ SMB2_SESSION_SETUP_HE, .status = STATUS_LOGON_FAILURE },
	{ SMB2_SESSION_SETUP_HE, .skip = 1, .status = STATUS_LOGON_FAILURE },
	{ SMB2_TREE_CONNECT_HE, .skip = 1, .status = STATUS_ACCESS_DENIED },
};

static void cifs_session_refusal_desc(const struct cifs_srv_rule *rule, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "command %u, %u skipped", rule->command, rule->skip);
}

KUNIT_ARRAY_PARAM(cifs_session_refusal, cifs_session_refusals, cifs_session_refusal_desc);

/* And may try again, a second later. */
static void cifs_session_user_refused(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "multiuser,sec=ntlmssp");
	struct cifs_mnt_task *alice = cifs_session_user(test, 1, "alice:1");

	cifs_srv_on(srv, test->param_value);
	KUNIT_EXPECT_EQ(test, cifs_session_mkdir(alice, m, "a"), -EACCES);
	cifs_srv_clear_rules(srv);
	schedule_timeout_uninterruptible(HZ + 1);
	KUNIT_EXPECT_EQ(test, cifs_session_mkdir(alice, m, "a"), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 2);
}

/* The break is acknowledged in the session of who holds the lease. */
static void cifs_session_break_of_user(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, NULL);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "multiuser,sec=ntlmssp");
	struct cifs_mnt_task *alice = cifs_session_user(test, 1, "alice:1");

	cifs_mnt_start_open(alice, m, "file", O_RDWR | O_CREAT);
	KUNIT_ASSERT_EQ(test, cifs_mnt_finish(alice), 0L);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "file", CIFS_SRV_NONE), 1);
	KUNIT_EXPECT_TRUE(test, cifs_srv_wait_seen(srv, SMB2_OPLOCK_BREAK_HE, 1));
}

/* Several connections for one session. */

static const struct cifs_srv_options cifs_session_channels = {
	.multichannel = true, .interfaces = 2,
};

#define CHANNELS	"multichannel,max_channels=2"

/* Goes on until a connection is used: some clients have the mount wait for it, others not. */
static void cifs_session_use(struct kunit *test, struct cifs_mnt *m, unsigned int connection)
{
	unsigned int seen = cifs_srv_seen_on(m->srv, connection, SMB2_QUERY_INFO_HE);
	unsigned long end = jiffies + 20 * HZ;

	while (cifs_srv_seen_on(m->srv, connection, SMB2_QUERY_INFO_HE) == seen &&
	       time_before(jiffies, end)) {
		KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "", NULL), 0);
		schedule_timeout_uninterruptible(1);
	}
	KUNIT_EXPECT_GT(test, cifs_srv_seen_on(m->srv, connection, SMB2_QUERY_INFO_HE), seen);
}

/* The same for so many connections: where a client fails to bind one, it makes another. */
static void cifs_session_use_all(struct kunit *test, struct cifs_mnt *m, unsigned int nr)
{
	unsigned long end = jiffies + 20 * HZ;

	while (cifs_srv_connections_used(m->srv, SMB2_QUERY_INFO_HE) != nr &&
	       time_before(jiffies, end)) {
		KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "", NULL), 0);
		schedule_timeout_uninterruptible(1);
	}
	KUNIT_EXPECT_EQ(test, cifs_srv_connections_used(m->srv, SMB2_QUERY_INFO_HE), nr);
}

static struct cifs_mnt *cifs_session_mount_channels(struct kunit *test, struct cifs_srv *srv)
{
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, CHANNELS ",hard,actimeo=0");

	cifs_session_use(test, m, 2);
	return m;
}

static void cifs_session_uses_channels(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_session_channels);
	struct cifs_mnt *m = cifs_session_mount_channels(test, srv);

	KUNIT_EXPECT_EQ(test, cifs_srv_connections(srv), 2);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
	cifs_session_use(test, m, 1);
	cifs_session_use(test, m, 2);
	cifs_mnt_umount(m);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 0);
}

/* The mount does without the channel, or it gets another one. */
static const struct cifs_srv_rule cifs_session_faults[] = {
	{ SMB2_NEGOTIATE_HE, .skip = 1, .status = STATUS_NOT_SUPPORTED },
	{ SMB2_NEGOTIATE_HE, .skip = 1, .action = CIFS_SRV_CUT_BEFORE },
	{ SMB2_SESSION_SETUP_HE, .skip = 2, .status = STATUS_ACCESS_DENIED },
	{ SMB2_SESSION_SETUP_HE, .skip = 2, .action = CIFS_SRV_CUT_BEFORE },
	{ SMB2_SESSION_SETUP_HE, .skip = 3, .status = STATUS_ACCESS_DENIED },
	{ SMB2_SESSION_SETUP_HE, .skip = 3, .action = CIFS_SRV_CUT_AFTER },
	{ SMB2_SESSION_SETUP_HE, .skip = 3, .action = CIFS_SRV_CUT_ANSWERED },
	{ SMB2_SESSION_SETUP_HE, .skip = 2, .count = U32_MAX, .status = STATUS_ACCESS_DENIED },
};

static void cifs_session_fault_desc(const struct cifs_srv_rule *rule, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "command %u, skip %u, action %u%s", rule->command,
		 rule->skip, rule->action, rule->count ? ", always" : "");
}

KUNIT_ARRAY_PARAM(cifs_session_fault, cifs_session_faults, cifs_session_fault_desc);

static void cifs_session_channel_fails(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_session_channels);
	struct cifs_mnt *m;

	cifs_srv_on(srv, test->param_value);
	m = cifs_mnt_mount(test, srv, CHANNELS ",hard");
	cifs_srv_clear_rules(srv);
	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(m, "dir"), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
}

static void cifs_session_channel_held(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_session_channels);
	struct cifs_mnt *m = cifs_mnt_alloc(test, srv);

	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_SESSION_SETUP_HE, .skip = 2, .action = CIFS_SRV_HOLD });
	cifs_mnt_start_mount(m->user, m, CHANNELS);
	cifs_srv_wait_held(srv, SMB2_SESSION_SETUP_HE, 1);
	cifs_srv_cut_one(srv, 2);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 0L);
	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(m, "dir"), 0);
}

/* Whichever channel is lost, the other one goes on, and it comes back. */
static void cifs_session_channel_lost(struct kunit *test, unsigned int lost)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_session_channels);
	struct cifs_mnt *m = cifs_session_mount_channels(test, srv);
	struct file *file = cifs_mnt_open(m, "file", O_RDWR | O_CREAT);

	cifs_srv_cut_one(srv, lost);
	cifs_session_use(test, m, 3 - lost);
	cifs_session_use(test, m, 3);
	KUNIT_EXPECT_EQ(test, cifs_mnt_write(m, file, 0, "data", 4), 4);
	KUNIT_EXPECT_EQ(test, cifs_mnt_fsync(m, file), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
	KUNIT_EXPECT_EQ(test, cifs_srv_connections(srv), 2);
}

static void cifs_session_first_channel_lost(struct kunit *test)
{
	cifs_session_channel_lost(test, 1);
}

static void cifs_session_second_channel_lost(struct kunit *test)
{
	cifs_session_channel_lost(test, 2);
}

/* The other session has the first connection in common with it, but not this one. */
static void cifs_session_channel_of_other_lost(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_session_channels);
	struct cifs_mnt *a = cifs_session_mount_channels(test, srv);
	struct cifs_mnt *b = cifs_mnt_mount(test, srv, CHANNELS ",username=other,actimeo=0");
	unsigned int setups;

	cifs_session_use(test, b, 3);
	setups = cifs_srv_seen(srv, SMB2_SESSION_SETUP_HE);
	cifs_srv_cut_one(srv, 2);
	cifs_session_use(test, a, 4);
	cifs_session_use(test, b, 1);
	cifs_session_use(test, b, 3);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_SESSION_SETUP_HE) - setups, 2);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 2);
}

/* With the session goes each of its channels. */
static void cifs_session_deleted_with_channels(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_session_channels);
	struct cifs_mnt *m = cifs_session_mount_channels(test, srv);

	cifs_mnt_slow(test);
	cifs_mnt_expect_stale(test);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_CREATE_HE, .status = STATUS_USER_SESSION_DELETED });
	cifs_mnt_stat(m, "", NULL);
	cifs_session_settle(test, m);
	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(m, "dir"), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
}

static void cifs_session_umount_with_channel_down(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_session_channels);
	struct cifs_mnt *m = cifs_session_mount_channels(test, srv);

	cifs_srv_refuse(srv, true);
	cifs_srv_cut_one(srv, 2);
	cifs_mnt_umount(m);
	cifs_srv_refuse(srv, false);
}

/* The channel is being set up again while its session goes. */
static void cifs_session_umount_with_channel_held(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_session_channels);
	struct cifs_mnt *m = cifs_session_mount_channels(test, srv);
	struct cifs_mnt_task *umount = cifs_mnt_task(test, "umount");

	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_SESSION_SETUP_HE, .action = CIFS_SRV_HOLD });
	cifs_srv_cut_one(srv, 2);
	cifs_srv_wait_held(srv, SMB2_SESSION_SETUP_HE, 1);
	cifs_mnt_start_umount(umount, m, false);
	cifs_mnt_wait_asleep(umount, "cifs_umount");
	cifs_srv_release(srv, SMB2_SESSION_SETUP_HE);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait(umount));
}

/* The session is on its way out when the second channel's turn comes. */
static void cifs_session_umount_with_both_channels_held(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_session_channels);
	struct cifs_mnt *m = cifs_session_mount_channels(test, srv);

	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_NEGOTIATE_HE, .action = CIFS_SRV_HOLD });
	cifs_srv_cut(srv);
	cifs_srv_wait_held(srv, SMB2_NEGOTIATE_HE, 1);
	cifs_mnt_umount(m);
	cifs_srv_release(srv, SMB2_NEGOTIATE_HE);
}

/* The server has no multichannel any more when these reconnect. */

struct cifs_session_loss_of_channels {
	const char *name;
	unsigned int connection;
};

static const struct cifs_session_loss_of_channels cifs_session_losses_of_channels[] = {
	{ "both" }, { "second", 2 },
};

static void cifs_session_loss_of_channels_desc(const struct cifs_session_loss_of_channels *loss,
					       char *desc)
{
	strscpy(desc, loss->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_session_loss_of_channels, cifs_session_losses_of_channels,
		  cifs_session_loss_of_channels_desc);

static void cifs_session_multichannel_given_up(struct kunit *test)
{
	const struct cifs_session_loss_of_channels *loss = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_session_channels);
	struct cifs_mnt *m = cifs_session_mount_channels(test, srv);
	unsigned long end = jiffies + 20 * HZ;

	/* a new session may be used with the trees of the last one */
	cifs_mnt_expect_stale(test);
	cifs_srv_give_up_multichannel(srv);
	if (loss->connection)
		cifs_srv_cut_one(srv, loss->connection);
	else
		cifs_srv_cut(srv);
	while ((cifs_srv_seen(srv, SMB2_NEGOTIATE_HE) == 2 || cifs_srv_connections(srv) != 1) &&
	       time_before(jiffies, end))
		schedule_timeout_uninterruptible(1);
	cifs_session_settle(test, m);
	KUNIT_EXPECT_EQ(test, cifs_mnt_mkdir(m, "dir"), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_connections(srv), 1);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
}

/* Once the session is set up anew, the next tree asks for the interfaces again. */
static void cifs_session_interfaces_change(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_session_channels);
	struct cifs_mnt *m = cifs_session_mount_channels(test, srv);
	int i;

	cifs_mnt_expect_stale(test);
	cifs_srv_set_interfaces(srv, 1);
	cifs_srv_cut(srv);
	cifs_session_settle(test, m);
	cifs_session_use_all(test, m, 2);
	cifs_mnt_mount(test, srv, CHANNELS ",nolease");
	for (i = 0; i < 2; i++) {
		cifs_srv_cut_one(srv, 0);
		cifs_session_use_all(test, m, 2);
	}
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
}

/* One of the channels has no other interface to go on with. */
static void cifs_session_interface_gone(struct kunit *test)
{
	static const struct cifs_srv_options options = {
		.multichannel = true, .interfaces = 3, .no_rss = true,
	};
	struct cifs_srv *srv = cifs_mnt_server(test, &options);
	struct cifs_mnt *m;

	cifs_mnt_expect_stale(test);
	m = cifs_mnt_mount(test, srv, "multichannel,max_channels=3,hard,actimeo=0");
	cifs_session_use_all(test, m, 3);
	/* in a new session the client asks for the interfaces again */
	cifs_srv_cut(srv);
	cifs_session_use_all(test, m, 3);
	cifs_srv_set_interfaces(srv, 1);
	cifs_mnt_mount(test, srv, "multichannel,max_channels=3,nolease");
	cifs_srv_cut(srv);
	cifs_session_use_all(test, m, 3);
	KUNIT_EXPECT_EQ(test, cifs_srv_sessions(srv), 1);
}

static struct kunit_case cifs_mount_session_cases[] = {
	KUNIT_CASE_PARAM(cifs_session_first_goes_first, cifs_session_share_gen_params),
	KUNIT_CASE_PARAM(cifs_session_second_goes_first, cifs_session_share_gen_params),
	KUNIT_CASE(cifs_session_remount),
	KUNIT_CASE_PARAM(cifs_session_mount_during_umount, cifs_session_exit_gen_params),
	KUNIT_CASE_PARAM(cifs_session_mount_behind_cut, cifs_session_exit_gen_params),
	KUNIT_CASE(cifs_session_many_users),
	KUNIT_CASE_PARAM(cifs_session_lost_in_open, cifs_session_loss_gen_params),
	KUNIT_CASE(cifs_session_reconnects_in_charset),
	KUNIT_CASE_PARAM(cifs_session_lost_before_fsync, cifs_session_sync_gen_params),
	KUNIT_CASE_SLOW(cifs_session_soft_gives_up),
	KUNIT_CASE_SLOW(cifs_session_hard_waits),
	KUNIT_CASE_SLOW(cifs_session_hard_is_killed),
	KUNIT_CASE_SLOW(cifs_session_echoes),
	KUNIT_CASE_SLOW(cifs_session_echo_unanswered),
	KUNIT_CASE_PARAM(cifs_session_credits_return, cifs_session_debt_gen_params),
	KUNIT_CASE(cifs_session_credits_run_out),
	KUNIT_CASE(cifs_session_each_user),
	KUNIT_CASE(cifs_session_user_without_login),
	KUNIT_CASE_PARAM(cifs_session_user_refused, cifs_session_refusal_gen_params),
	KUNIT_CASE(cifs_session_break_of_user),
	KUNIT_CASE(cifs_session_uses_channels),
	KUNIT_CASE_PARAM(cifs_session_channel_fails, cifs_session_fault_gen_params),
	KUNIT_CASE(cifs_session_channel_held),
	KUNIT_CASE(cifs_session_first_channel_lost),
	KUNIT_CASE(cifs_session_second_channel_lost),
	KUNIT_CASE(cifs_session_channel_of_other_lost),
	KUNIT_CASE_SLOW(cifs_session_deleted_with_channels),
	KUNIT_CASE_SLOW(cifs_session_umount_with_channel_down),
	KUNIT_CASE(cifs_session_umount_with_channel_held),
	KUNIT_CASE_SLOW(cifs_session_umount_with_both_channels_held),
	KUNIT_CASE_PARAM_ATTR(cifs_session_multichannel_given_up,
			      cifs_session_loss_of_channels_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE(cifs_session_interfaces_change),
	KUNIT_CASE_SLOW(cifs_session_interface_gone),
	{}
};

static struct kunit_suite cifs_mount_session_suite = {
	.name = "cifs_mount_session",
	.init = cifs_mnt_init_deferring,
	.exit = cifs_mnt_exit,
	.test_cases = cifs_mount_session_cases,
};

kunit_test_suite(cifs_mount_session_suite);
