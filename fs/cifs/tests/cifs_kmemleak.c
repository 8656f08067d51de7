// SPDX-License-Identifier: GPL-2.0
/*
 * Kmemleak, asked the way user space asks it. See cifs_kmemleak.h.
 *
 * It has no other way in: commands are written to its file in debugfs, and
 * its findings are read from there, all through memory of user space.
 */
#define CIFS_KUNIT_NO_INTERPOSE
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "cifs_kmemleak.h"
#include "cifs_leftovers.h"

/* Younger objects are no leaks yet, see mm/kmemleak.c: MSECS_MIN_AGE. */
#define MIN_AGE_MS	6000

/**
 * struct door - the way in
 * @file: /sys/kernel/debug/kmemleak
 * @mm: memory of user space
 * @buf: a page of it
 */
struct door {
	struct file *file;
	struct mm_struct *mm;
	unsigned long buf;
};

static struct file *open_kmemleak(void)
{
	struct file_system_type *type = get_fs_type("debugfs");
	struct vfsmount *mnt;
	struct file *file;
	struct path path;
	int rc;

	if (!type)
		return ERR_PTR(-ENODEV);
	mnt = kern_mount(type);
	put_filesystem(type);
	if (IS_ERR(mnt))
		return ERR_CAST(mnt);
	rc = cifs_kunit_lookup(mnt, "kmemleak", &path);
	if (rc) {
		kern_unmount(mnt);
		return ERR_PTR(rc);
	}
	/* holds the mount as well */
	file = dentry_open(&path, O_RDWR, current_cred());
	path_put(&path);
	kern_unmount(mnt);
	return file;
}

static int open_door(struct door *door)
{
	int rc = -ENOMEM;

	door->file = open_kmemleak();
	if (IS_ERR(door->file))
		return PTR_ERR(door->file);
	door->mm = mm_alloc();
	if (!door->mm)
		goto out_close;
	if (!door->mm->task_size)
		door->mm->task_size = TASK_SIZE;
	arch_pick_mmap_layout(door->mm, &current->signal->rlim[RLIMIT_STACK]);
	kthread_use_mm(door->mm);
	door->buf = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!IS_ERR_VALUE(door->buf))
		return 0;
	rc = door->buf;
	kthread_unuse_mm(door->mm);
	mmput(door->mm);
out_close:
	fput(door->file);
	return rc;
}

static void close_door(struct door *door)
{
	kthread_unuse_mm(door->mm);
	mmput(door->mm);
	fput(door->file);
	flush_delayed_fput();
}

static int command(struct door *door, const char *what)
{
	loff_t pos = 0;
	ssize_t rc;

	if (copy_to_user((void __user *)door->buf, what, strlen(what)))
		return -EFAULT;
	rc = vfs_write(door->file, (void __user *)door->buf, strlen(what), &pos);
	return rc < 0 ? rc : 0;
}

/* What it cannot reach is taken for a leak when it has not changed since. */
static int scan(struct door *door)
{
	int rc;

	msleep(MIN_AGE_MS);
	rc = command(door, "scan");
	return rc ?: command(door, "scan");
}

/* More would be too much for the console of UML, which then loses lines. */
#define MAX_TOLD	8

/* Of what it has to say, count the leaks, and pass on the first. */
static void tell(struct kunit *test, char *text, int *nr)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		*nr += !!str_has_prefix(line, "unreferenced object");
		if (*line && *nr <= MAX_TOLD)
			kunit_info(test, "%s", line);
	}
}

static int read_door(struct kunit *test, struct door *door, char *text)
{
	void __user *buf = (void __user *)door->buf;
	int nr = 0;
	ssize_t n;
	loff_t pos = 0;

	while ((n = vfs_read(door->file, buf, PAGE_SIZE - 1, &pos)) > 0) {
		if (copy_from_user(text, buf, n))
			return -EFAULT;
		text[n] = '\0';
		tell(test, text, &nr);
	}
	return n ?: nr;
}

/**
 * cifs_kunit_kmemleak() - look for memory that nothing points to any more
 * @test: the case, whose log gets what kmemleak knows of the first of it
 *
 * All that was leaked since boot counts: with .kunitconfig, UML leaks nothing
 * of its own. To be called by a kthread. Sleeps, for longer than kmemleak
 * takes an object for new.
 *
 * Return: how many leaks there are, or a negative errno: -ENOENT without
 * kmemleak, -EPERM if it has switched itself off.
 */
int cifs_kunit_kmemleak(struct kunit *test)
{
	struct door door;
	char *text;
	int rc;

	text = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	rc = open_door(&door);
	if (rc)
		return rc;
	rc = scan(&door);
	if (!rc)
		rc = read_door(test, &door, text);
	close_door(&door);
	return rc;
}
