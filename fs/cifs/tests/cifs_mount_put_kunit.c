// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_mount_put: the deadlock of 2019, by system calls.
 *
 * Somebody has the client write back a page, and is the last to use the file
 * that it is written through: the page is locked while the file is put. A
 * writer of the same file holds lock_sem and waits for the page.
 */
#include <linux/fcntl.h>
#include "cifs_mount.h"
#include "cifsglob.h"
#include "smb2pdu.h"
#include "smb2status.h"

/**
 * struct cifs_put_scene - a file with a dirty page, that will be written through
 *	a second handle, which only its deferred close keeps open
 * @srv: the server
 * @m: the mount
 * @user: the one who writes
 * @file: open for writing, by @user
 */
struct cifs_put_scene {
	struct cifs_srv *srv;
	struct cifs_mnt *m;
	struct cifs_mnt_task *user;
	struct file *file;
};

static void cifs_put_dirty(struct kunit *test, struct cifs_put_scene *scene)
{
	static const struct cifs_srv_options options = { .leases = true };
	struct file *second;
	char data[64] = {};

	scene->srv = cifs_mnt_server(test, &options);
	scene->m = cifs_mnt_mount(test, scene->srv, "closetimeo=60");
	scene->user = cifs_mnt_task(test, "writer");
	cifs_srv_grant(scene->srv, CIFS_SRV_NONE);
	scene->file = cifs_mnt_open(scene->m, "file", O_RDWR | O_CREAT);
	/* the second open finds that the server's file has changed */
	KUNIT_ASSERT_EQ(test, cifs_srv_write(scene->srv, "file", 0, data, sizeof(data)), 0);
	cifs_srv_grant(scene->srv, CIFS_SRV_RWH);
	second = cifs_mnt_open(scene->m, "file", O_RDWR | O_SYNC);
	cifs_mnt_close(scene->m, second);
	KUNIT_ASSERT_EQ(test, cifs_mnt_write(scene->m, scene->file, 0, "1", 1), 1);
}

/* A rename that is denied may be so for a handle of whatever file. */
static void cifs_put_close_deferred(struct kunit *test, struct cifs_put_scene *scene)
{
	cifs_srv_on(scene->srv, &(struct cifs_srv_rule){
		.command = SMB2_SET_INFO_HE, .status = STATUS_ACCESS_DENIED });
	KUNIT_ASSERT_EQ(test, cifs_srv_create(scene->srv, "other", false, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_rename(scene->m, "other", "another"), 0);
}

/* The page is locked by @task, which the server keeps waiting. */
static void cifs_put_last(struct kunit *test, struct cifs_put_scene *scene,
			  struct cifs_mnt_task *task, u16 held)
{
	if (!cifs_srv_wait_held(scene->srv, held, 1))
		return;
	cifs_put_close_deferred(test, scene);
	cifs_mnt_start_write(scene->user, scene->file, 0, "2", 1);
	cifs_mnt_wait_asleep(scene->user, "cifs_strict_writev");
	cifs_srv_release(scene->srv, held);
	if (!cifs_mnt_wait(task) || !cifs_mnt_wait(scene->user))
		return;
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(scene->user), 1);
	cifs_mnt_close(scene->m, scene->file);
}

/* stat(2) drops the pages of a file that the server has changed. */
static void cifs_put_by_stat_launders(struct kunit *test)
{
	struct cifs_mnt_task *task = cifs_mnt_task(test, "stat");
	struct cifs_put_scene scene;

	cifs_put_dirty(test, &scene);
	cifs_srv_on(scene.srv, &(struct cifs_srv_rule){
		.command = SMB2_WRITE_HE, .action = CIFS_SRV_HOLD });
	cifs_mnt_start_stat(task, scene.m, "file");
	if (!cifs_mnt_wait_asleep(task, "invalidate_inode_pages2_range"))
		kunit_skip(test, "stat does not drop a dirty page");
	cifs_put_last(test, &scene, task, SMB2_WRITE_HE);
}

/* The handle was lost with the connection, and cannot be opened again. */
static void cifs_put_by_fsync_reopen_fails(struct kunit *test)
{
	struct cifs_mnt_task *task = cifs_mnt_task(test, "fsync");
	struct cifs_put_scene scene;
	struct kstatfs statfs;

	/* fsync(2) of some kernels flushes by a handle that was not reopened */
	cifs_mnt_expect_stale(test);
	cifs_put_dirty(test, &scene);
	cifs_srv_cut(scene.srv);
	while (cifs_mnt_statfs(scene.m, &statfs) == -EAGAIN)
		;
	cifs_srv_on(scene.srv, &(struct cifs_srv_rule){
		.command = SMB2_CREATE_HE, .action = CIFS_SRV_HOLD,
		.status = STATUS_SHARING_VIOLATION });
	cifs_mnt_start_fsync(task, scene.file);
	cifs_put_last(test, &scene, task, SMB2_CREATE_HE);
}

static struct kunit_case cifs_mount_put_cases[] = {
	KUNIT_CASE(cifs_put_by_stat_launders),
	KUNIT_CASE(cifs_put_by_fsync_reopen_fails),
	{}
};

static struct kunit_suite cifs_mount_put_suite = {
	.name = "cifs_mount_put",
	.init = cifs_mnt_init_deferring,
	.exit = cifs_mnt_exit,
	.test_cases = cifs_mount_put_cases,
};

kunit_test_suite(cifs_mount_put_suite);
