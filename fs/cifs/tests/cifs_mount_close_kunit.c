// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_mount_close: the session or the share is lost while handles
 * are open. The client does not close them on the next one, where their ids
 * may be those of others.
 */
#include <linux/fcntl.h>
#include "cifs_mount.h"
#include "cifsglob.h"
#include "smb2pdu.h"
#include "smb2status.h"

static bool cifs_close_skip_name(struct dir_context *ctx, const char *name, int len,
				 loff_t pos, u64 ino, unsigned int type)
{
	return true;
}

static long cifs_close_iterate(void *file)
{
	struct dir_context ctx = { .actor = cifs_close_skip_name };

	return iterate_dir(file, &ctx);
}

/* The loss itself, and somebody who connects again. */
static void cifs_close_lose(struct kunit *test, struct cifs_srv *srv, struct cifs_mnt *m,
			    __le32 status)
{
	struct kstatfs statfs;
	unsigned int i;
	int rc = -EAGAIN;

	if (status)
		cifs_srv_on(srv, &(struct cifs_srv_rule){
			.command = SMB2_CREATE_HE, .action = CIFS_SRV_ANSWER, .status = status });
	else
		cifs_srv_cut(srv);
	for (i = 0; rc && i < 10; i++)
		rc = cifs_mnt_statfs(m, &statfs);
	KUNIT_EXPECT_EQ(test, rc, 0);
	/* so that the next handle there would be another one's */
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
}

static const struct cifs_close_loss {
	const char *name;
	__le32 status;
} cifs_close_losses[] = {
	{ "connection", 0 },
	{ "session", STATUS_USER_SESSION_DELETED },
	{ "share", STATUS_NETWORK_NAME_DELETED },
};

static void cifs_close_desc(const struct cifs_close_loss *loss, char *desc)
{
	strscpy(desc, loss->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_close, cifs_close_losses, cifs_close_desc);

static struct cifs_mnt *cifs_close_mount(struct kunit *test, struct cifs_srv **srv)
{
	static const struct cifs_srv_options options = {};

	*srv = cifs_mnt_server(test, &options);
	return cifs_mnt_mount(test, *srv, "closetimeo=0");
}

static void cifs_close_directory(struct kunit *test)
{
	const struct cifs_close_loss *loss = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_close_mount(test, &srv);
	struct file *dir;

	KUNIT_ASSERT_EQ(test, cifs_mnt_mkdir(m, "dir"), 0);
	dir = cifs_mnt_open(m, "dir", O_RDONLY | O_DIRECTORY);
	cifs_mnt_start(m->user, cifs_close_iterate, dir);
	KUNIT_ASSERT_EQ(test, cifs_mnt_finish(m->user), 0);
	cifs_close_lose(test, srv, m, loss->status);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, dir), 0);
	cifs_mnt_umount(m);
}

/* Nor does a close connect again: it ends while the server answers nothing. */
static void cifs_close_does_not_connect(struct kunit *test)
{
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_close_mount(test, &srv);
	struct file *dir;

	KUNIT_ASSERT_EQ(test, cifs_mnt_mkdir(m, "dir"), 0);
	dir = cifs_mnt_open(m, "dir", O_RDONLY | O_DIRECTORY);
	cifs_mnt_start(m->user, cifs_close_iterate, dir);
	KUNIT_ASSERT_EQ(test, cifs_mnt_finish(m->user), 0);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_NEGOTIATE_HE, .action = CIFS_SRV_HOLD });
	cifs_srv_cut(srv);
	cifs_srv_wait_held(srv, SMB2_NEGOTIATE_HE, 1);
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, dir), 0);
	/* the client has not given up the one that is held */
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_NEGOTIATE_HE), 2);
}

/* The server is too busy to close it at first, and when it is tried again at once. */
static void cifs_close_retried(struct kunit *test)
{
	const struct cifs_close_loss *loss = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m = cifs_close_mount(test, &srv);
	struct file *file = cifs_mnt_open(m, "file", O_RDWR | O_CREAT);
	unsigned int closes = cifs_srv_seen(srv, SMB2_CLOSE_HE);

	if (!cifs_mnt_retries_close())
		kunit_skip(test, "the client does not retry closes");
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_CLOSE_HE, .count = 2, .action = CIFS_SRV_ANSWER,
		.status = STATUS_SHARING_VIOLATION });
	KUNIT_EXPECT_EQ(test, cifs_mnt_close(m, file), 0);
	KUNIT_EXPECT_TRUE(test, cifs_srv_wait_seen(srv, SMB2_CLOSE_HE, closes + 2));
	cifs_close_lose(test, srv, m, loss->status);
	cifs_mnt_umount(m);
}

static struct kunit_case cifs_mount_close_cases[] = {
	KUNIT_CASE_PARAM(cifs_close_directory, cifs_close_gen_params),
	KUNIT_CASE(cifs_close_does_not_connect),
	KUNIT_CASE_PARAM(cifs_close_retried, cifs_close_gen_params),
	{}
};

static struct kunit_suite cifs_mount_close_suite = {
	.name = "cifs_mount_close",
	.init = cifs_mnt_init,
	.exit = cifs_mnt_exit,
	.test_cases = cifs_mount_close_cases,
};

kunit_test_suite(cifs_mount_close_suite);
