// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_mount_reconnect: the connection, the session or the share
 * is lost at any request of a mount, and of what is done with it.
 */
#include <linux/fcntl.h>
#include "cifs_mount.h"
#include "cifsglob.h"
#include "smb2pdu.h"
#include "smb2status.h"

/* More requests than any scenario here makes. */
#define CIFS_RECONNECT_MAX	200

/**
 * struct cifs_reconnect_loss - what is lost, and how it shows
 * @name: of the loss
 * @dfs: on a DFS mount
 * @mount: options of the mount
 * @action: of the server
 * @status: of the server
 */
struct cifs_reconnect_loss {
	const char *name;
	bool dfs;
	const char *mount;
	enum cifs_srv_action action;
	__le32 status;
};

static const struct cifs_reconnect_loss cifs_reconnect_losses[] = {
	{ "cut", false, "soft", CIFS_SRV_CUT_BEFORE },
	{ "cut, hard", false, "hard", CIFS_SRV_CUT_BEFORE },
	{ "cut, DFS", true, "soft", CIFS_SRV_CUT_BEFORE },
	{ "cut, DFS, hard", true, "hard", CIFS_SRV_CUT_BEFORE },
	{ "done and cut", false, "soft", CIFS_SRV_CUT_AFTER },
	{ "done and cut, hard", false, "hard", CIFS_SRV_CUT_AFTER },
	{ "done and cut, DFS", true, "soft", CIFS_SRV_CUT_AFTER },
	{ "done and cut, DFS, hard", true, "hard", CIFS_SRV_CUT_AFTER },
	{ "answered and cut", false, "soft", CIFS_SRV_CUT_ANSWERED },
	{ "answered and cut, hard", false, "hard", CIFS_SRV_CUT_ANSWERED },
	{ "answered and cut, DFS", true, "soft", CIFS_SRV_CUT_ANSWERED },
	{ "answered and cut, DFS, hard", true, "hard", CIFS_SRV_CUT_ANSWERED },
	{ "session deleted", false, "soft", CIFS_SRV_ANSWER, STATUS_USER_SESSION_DELETED },
	{ "session deleted, hard", false, "hard", CIFS_SRV_ANSWER, STATUS_USER_SESSION_DELETED },
	{ "session deleted, DFS", true, "soft", CIFS_SRV_ANSWER, STATUS_USER_SESSION_DELETED },
	{ "session deleted, DFS, hard", true, "hard", CIFS_SRV_ANSWER,
	  STATUS_USER_SESSION_DELETED },
	{ "session expired", false, "soft", CIFS_SRV_ANSWER, STATUS_NETWORK_SESSION_EXPIRED },
	{ "session expired, hard", false, "hard", CIFS_SRV_ANSWER, STATUS_NETWORK_SESSION_EXPIRED },
	{ "session expired, DFS", true, "soft", CIFS_SRV_ANSWER, STATUS_NETWORK_SESSION_EXPIRED },
	{ "session expired, DFS, hard", true, "hard", CIFS_SRV_ANSWER,
	  STATUS_NETWORK_SESSION_EXPIRED },
	{ "share deleted", false, "soft", CIFS_SRV_ANSWER, STATUS_NETWORK_NAME_DELETED },
	{ "share deleted, hard", false, "hard", CIFS_SRV_ANSWER, STATUS_NETWORK_NAME_DELETED },
	{ "share deleted, DFS", true, "soft", CIFS_SRV_ANSWER, STATUS_NETWORK_NAME_DELETED },
	{ "share deleted, DFS, hard", true, "hard", CIFS_SRV_ANSWER, STATUS_NETWORK_NAME_DELETED },
};

static void cifs_reconnect_desc(const struct cifs_reconnect_loss *loss, char *desc)
{
	strscpy(desc, loss->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_reconnect, cifs_reconnect_losses, cifs_reconnect_desc);

/* Has the n-th request from now on lost; returns how many have come so far. */
static unsigned int cifs_reconnect_lose(struct cifs_srv *srv, unsigned int n,
					const struct cifs_reconnect_loss *loss)
{
	cifs_srv_clear_rules(srv);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = CIFS_SRV_ANY, .skip = n, .action = loss->action,
		.status = loss->status });
	return cifs_srv_seen(srv, CIFS_SRV_ANY);
}

/* The mount may fail, but it returns, and nothing is left of it. */
static void cifs_reconnect_in_mount(struct kunit *test)
{
	const struct cifs_reconnect_loss *loss = test->param_value;
	const struct cifs_srv_options options = { .leases = true, .dfs = loss->dfs };
	struct cifs_srv *srv = cifs_mnt_server(test, &options);
	unsigned int n, seen;
	struct cifs_mnt *m;

	cifs_mnt_sample(test, loss - cifs_reconnect_losses, 24);
	cifs_mnt_expect_stale(test);
	for (n = 0; n < CIFS_RECONNECT_MAX; n++) {
		seen = cifs_reconnect_lose(srv, n, loss);
		if (!cifs_mnt_try_mount(test, srv, loss->mount, &m))
			cifs_mnt_umount(m);
		if (cifs_srv_seen(srv, CIFS_SRV_ANY) - seen <= n)
			break;
	}
	KUNIT_EXPECT_LT(test, n, CIFS_RECONNECT_MAX);
}

static struct kunit_case cifs_mount_reconnect_cases[] = {
	KUNIT_CASE_PARAM_ATTR(cifs_reconnect_in_mount, cifs_reconnect_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite cifs_mount_reconnect_suite = {
	.name = "cifs_mount_reconnect",
	.init = cifs_mnt_init,
	.exit = cifs_mnt_exit,
	.test_cases = cifs_mount_reconnect_cases,
};

kunit_test_suite(cifs_mount_reconnect_suite);
