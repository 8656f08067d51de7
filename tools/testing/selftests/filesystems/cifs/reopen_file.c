// SPDX-License-Identifier: GPL-2.0
/*
 * Many tasks open, write, read, lock and close the same few files, whose
 * names change meanwhile; then a look at what has come of them on the server.
 *
 * usage: reopen_file run DIR TABLE SECONDS
 *        reopen_file run-cut DIR TABLE SECONDS
 *        reopen_file verify DIR TABLE
 *
 * Each task has slots of its own in every file. TABLE, a file, remembers what it
 * has written last, and what it knows to be on the server. They are the same
 * unless the connection is cut (run-cut): then calls may fail.
 */

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES 3
#define TASKS 8
#define PAGE 4096
/* Buffered writes share pages, direct ones do not. */
#define SMALL 1024
#define DIRECT_START (TASKS * SMALL)
#define FILE_SIZE (DIRECT_START + TASKS * PAGE)
/* Locks are mandatory to a server: none is on what is written. */
#define LOCK_START 0x100000
#define RETRIES 60
#define NAME_SIZE 256

enum kind { BUFFERED, DIRECT, KINDS };

struct slot {
	uint32_t sure;
	uint32_t tried;
};

struct table {
	/*
	 * The client waits for writers when the server takes a lease back for a
	 * rename, which locks the writers out: none writes during a rename.
	 */
	pthread_rwlock_t names[FILES];
	struct slot slots[FILES][TASKS][KINDS];
	/* The task that has the lock, from 1 */
	int owner[FILES];
	unsigned long opens;
	unsigned long errors[256];
	int failures;
};

static const char *dir;
static struct table *table;
static bool cut;
static int task;

#define fail(...) \
	do { \
		__atomic_add_fetch(&table->failures, 1, __ATOMIC_RELAXED); \
		printf("# " __VA_ARGS__); \
	} while (0)

/* A call that may fail only when the connection is cut */
static bool works(bool success, const char *what)
{
	if (success)
		return true;
	__atomic_add_fetch(&table->errors[errno & 255], 1, __ATOMIC_RELAXED);
	if (!cut)
		fail("task %d: %s: %s\n", task, what, strerror(errno));
	return false;
}

static const char *name_of(int file, bool moved)
{
	static char names[2][NAME_SIZE];

	snprintf(names[moved], NAME_SIZE, "%s/file.%d%s", dir, file, moved ? ".moved" : "");
	return names[moved];
}

static void *slot_address(void *content, int owner, enum kind kind)
{
	return content + (kind == DIRECT ? DIRECT_START + owner * PAGE : owner * SMALL);
}

static size_t slot_size(enum kind kind)
{
	return kind == DIRECT ? PAGE : SMALL;
}

static void fill(uint64_t *words, size_t size, int file, int owner, uint32_t generation)
{
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		words[i] = (uint64_t)generation << 32 | file << 24 | owner << 16 | i;
}

/* Is one whole write there, and one that may be? */
static void check(const uint64_t *words, int file, int owner, enum kind kind, const char *where)
{
	const struct slot *slot = &table->slots[file][owner][kind];
	static uint64_t expected[PAGE / sizeof(uint64_t)];
	uint32_t generation = words[0] >> 32;

	fill(expected, slot_size(kind), file, owner, generation);
	if (generation < slot->sure || generation > slot->tried)
		fail("%s: file %d, slot %d.%d has write %u, not %u to %u\n", where, file, owner,
		     kind, generation, slot->sure, slot->tried);
	else if (memcmp(words, expected, slot_size(kind)))
		fail("%s: file %d, slot %d.%d: write %u is not whole\n", where, file, owner,
		     kind, generation);
}

static int open_file(int file, int flags)
{
	int i, fd;

	for (i = 0; i < RETRIES; i++) {
		fd = open(name_of(file, i % 2), flags);
		/* Samba may still know the lease under the other name. */
		if (fd >= 0 || (errno != ENOENT && errno != EINVAL))
			break;
	}
	__atomic_add_fetch(&table->opens, 1, __ATOMIC_RELAXED);
	return works(fd >= 0, "open") ? fd : -1;
}

static void write_slot(int fd, int file, enum kind kind, void *buf)
{
	struct slot *slot = &table->slots[file][task][kind];
	off_t offset = slot_address(NULL, task, kind) - NULL;
	ssize_t size = slot_size(kind);

	fill(buf, size, file, task, ++slot->tried);
	pthread_rwlock_rdlock(&table->names[file]);
	if (works(pwrite(fd, buf, size, offset) == size, "write") && !cut)
		slot->sure = slot->tried;
	pthread_rwlock_unlock(&table->names[file]);
}

static void read_slot(int fd, int file, enum kind kind, void *buf)
{
	off_t offset = slot_address(NULL, task, kind) - NULL;
	ssize_t size = slot_size(kind);

	if (works(pread(fd, buf, size, offset) == size, "read"))
		check(buf, file, task, kind, "read");
}

static void lock_file(int fd, int file, bool keep)
{
	struct flock lock = { .l_type = F_WRLCK, .l_start = LOCK_START, .l_len = 1 };
	int other = 0;

	if (fcntl(fd, F_SETLK, &lock)) {
		works(errno == EAGAIN || errno == EACCES, "lock");
		return;
	}
	if (!__atomic_compare_exchange_n(&table->owner[file], &other, task + 1, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) && !cut)
		fail("tasks %d and %d have the same lock\n", other - 1, task);
	sched_yield();
	__atomic_store_n(&table->owner[file], 0, __ATOMIC_SEQ_CST);
	lock.l_type = F_UNLCK;
	if (!keep)
		works(!fcntl(fd, F_SETLK, &lock), "unlock");
}

static void use_file(int file, void *buf)
{
	enum kind kind = rand() % 4 ? BUFFERED : DIRECT;
	int i, fd;

	fd = open_file(file, O_RDWR | (kind == DIRECT ? O_DIRECT : 0));
	if (fd < 0)
		return;
	for (i = rand() % 4; i >= 0; i--) {
		switch (rand() % 8) {
		case 0:
			works(!fsync(fd), "fsync");
			break;
		case 1:
			lock_file(fd, file, rand() % 2);
			break;
		case 2:
		case 3:
		case 4:
			read_slot(fd, file, kind, buf);
			break;
		default:
			write_slot(fd, file, kind, buf);
		}
	}
	works(!close(fd), "close");
}

/* The connection is there again: the last write of each slot is to arrive. */
static bool write_last(int file, enum kind kind, void *buf)
{
	struct slot *slot = &table->slots[file][task][kind];
	bool arrived;
	int fd;

	fd = open_file(file, O_RDWR | (kind == DIRECT ? O_DIRECT : 0));
	if (fd < 0)
		return false;
	fill(buf, slot_size(kind), file, task, ++slot->tried);
	pthread_rwlock_rdlock(&table->names[file]);
	arrived = pwrite(fd, buf, slot_size(kind), slot_address(NULL, task, kind) - NULL) ==
		  (ssize_t)slot_size(kind) && !fsync(fd);
	pthread_rwlock_unlock(&table->names[file]);
	arrived = !close(fd) && arrived;
	if (arrived)
		slot->sure = slot->tried;
	return arrived;
}

static void finish(void *buf)
{
	int i, retry;

	for (i = 0; i < FILES * KINDS; i++) {
		for (retry = 0; !write_last(i % FILES, i / FILES, buf); retry++) {
			if (retry == RETRIES) {
				fail("task %d: file %d cannot be written\n", task, i % FILES);
				return;
			}
			sleep(1);
		}
	}
}

static void move_files(void)
{
	int file = rand() % FILES;
	bool moved = rand() % 2;
	char from[NAME_SIZE];

	strcpy(from, name_of(file, moved));
	if (access(from, F_OK))
		return;
	pthread_rwlock_wrlock(&table->names[file]);
	if (rename(from, name_of(file, !moved)) && errno != ENOENT)
		works(false, "rename");
	pthread_rwlock_unlock(&table->names[file]);
	usleep(20000);
}

static void run_task(int seconds)
{
	time_t end = time(NULL) + seconds;
	void *buf;

	if (posix_memalign(&buf, PAGE, PAGE))
		errx(1, "no memory");
	srand(task);
	while (time(NULL) < end && (cut || !table->failures)) {
		if (task == TASKS)
			move_files();
		else
			use_file(rand() % FILES, buf);
	}
	if (task < TASKS)
		finish(buf);
	exit(0);
}

static void create_locks(void)
{
	pthread_rwlockattr_t attributes;
	int file;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	for (file = 0; file < FILES; file++)
		pthread_rwlock_init(&table->names[file], &attributes);
}

static void create_files(void)
{
	static uint64_t content[FILE_SIZE / sizeof(uint64_t)];
	int file, owner, kind, fd;

	for (file = 0; file < FILES; file++) {
		for (owner = 0; owner < TASKS; owner++) {
			for (kind = 0; kind < KINDS; kind++) {
				table->slots[file][owner][kind] = (struct slot){ 1, 1 };
				fill(slot_address(content, owner, kind), slot_size(kind), file,
				     owner, 1);
			}
		}
		unlink(name_of(file, false));
		unlink(name_of(file, true));
		fd = open(name_of(file, false), O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || write(fd, content, FILE_SIZE) != FILE_SIZE || close(fd))
			err(1, "%s", name_of(file, false));
	}
}

static void run(int seconds)
{
	unsigned int i;

	create_locks();
	create_files();
	for (task = 0; task <= TASKS; task++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (!pid)
			run_task(seconds);
	}
	while (wait(NULL) > 0)
		;
	printf("# %lu opens\n", table->opens);
	for (i = 1; i < 256; i++)
		if (table->errors[i])
			printf("# %lu calls failed: %s\n", table->errors[i], strerror(i));
}

static void verify_file(int file)
{
	static char content[FILE_SIZE + 1];
	int owner, kind, fd;

	fd = open(name_of(file, false), O_RDONLY);
	if (fd < 0)
		fd = open(name_of(file, true), O_RDONLY);
	if (fd < 0 || read(fd, content, sizeof(content)) != FILE_SIZE) {
		fail("file %d is not there, or not %d bytes long\n", file, FILE_SIZE);
		return;
	}
	for (owner = 0; owner < TASKS; owner++)
		for (kind = 0; kind < KINDS; kind++)
			check(slot_address(content, owner, kind), file, owner, kind, "server");
	close(fd);
}

int main(int argc, char **argv)
{
	bool verify = argc == 4 && !strcmp(argv[1], "verify");
	int fd, file;

	cut = argc == 5 && !strcmp(argv[1], "run-cut");
	if (!verify && !cut && (argc != 5 || strcmp(argv[1], "run")))
		errx(2, "usage: reopen_file run|run-cut DIR TABLE SECONDS, or verify DIR TABLE");
	setlinebuf(stdout);
	dir = argv[2];
	fd = open(argv[3], O_RDWR | O_CREAT | (verify ? 0 : O_TRUNC), 0644);
	if (fd < 0 || ftruncate(fd, sizeof(*table)))
		err(1, "%s", argv[3]);
	table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (table == MAP_FAILED)
		err(1, "mmap");
	if (verify)
		for (file = 0; file < FILES; file++)
			verify_file(file);
	else
		run(atoi(argv[4]));
	return table->failures ? 1 : 0;
}
