// SPDX-License-Identifier: GPL-2.0
/*
 * Unmounts while the client has still something to do for files that are
 * closed already.
 *
 * usage: umount_race direct|writeback|lost|close DIR SERVER CONNECTION
 *
 * direct: a write past the cache, whose task is killed while the server is stopped
 * writeback: the page of a mapping whose task is killed, likewise
 * lost: as direct, but then the connection is lost
 * close: files of tasks that are killed
 *
 * DIR is where the share is mounted, SERVER is the server's process group,
 * and CONNECTION that of its processes which serves the mount.
 */

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define TASKS 6
#define FILES 4
/* In steps of 10 ms */
#define PATIENCE 3000

static const char *dir;
static pid_t server, connection;

static void pause_shortly(void)
{
	static const struct timespec step = { .tv_nsec = 10 * 1000 * 1000 };

	nanosleep(&step, NULL);
}

static int open_file(const char *name, int number, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/umount_race.%s.%d", dir, name, number);
	fd = open(path, O_RDWR | O_CREAT | flags, 0644);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void write_page(int fd, const char *text)
{
	char *buf = aligned_alloc(PAGE, PAGE);

	if (!buf)
		err(1, "aligned_alloc");
	memset(buf, 0, PAGE);
	strcpy(buf, text);
	if (pwrite(fd, buf, PAGE, 0) != PAGE)
		err(1, "write");
	free(buf);
}

static void stop_server(void)
{
	if (kill(-server, SIGSTOP))
		err(1, "kill");
}

static void let_server_go_on(void)
{
	kill(-server, SIGCONT);
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	return pid;
}

static bool in_stack(pid_t pid, const char *function)
{
	char name[32], line[128];
	bool found = false;
	FILE *stack;

	snprintf(name, sizeof(name), "/proc/%d/stack", pid);
	stack = fopen(name, "r");
	while (stack && fgets(line, sizeof(line), stack))
		found = found || strstr(line, function);
	if (stack)
		fclose(stack);
	return found;
}

static bool any_writeback(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *meminfo = fopen("/proc/meminfo", "r");

	while (meminfo && fgets(line, sizeof(line), meminfo))
		if (sscanf(line, "Writeback: %lu", &kib) == 1)
			break;
	if (meminfo)
		fclose(meminfo);
	return kib;
}

#define wait_until(condition) \
	do { \
		int steps = PATIENCE; \
		while (!(condition)) { \
			if (!steps--) \
				errx(1, "not in time: " #condition); \
			pause_shortly(); \
		} \
	} while (0)

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		err(1, "waitpid");
}

/* As soon as nothing is open any more */
static void unmount(void)
{
	time_t end = time(NULL) + PATIENCE / 100;

	while (umount2(dir, 0)) {
		if (errno != EBUSY || time(NULL) > end)
			err(1, "umount");
		sched_yield();
	}
}

/* Unmounts before and after the server goes on. */
static void unmount_meanwhile(bool cut)
{
	pid_t pid = child();
	int status;

	if (!pid) {
		unmount();
		exit(0);
	}
	sleep(1);
	if (cut)
		kill(connection, SIGKILL);
	let_server_go_on();
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "the umount fails");
}

static void race_direct(bool cut)
{
	int fd = open_file("direct", 0, O_DIRECT);
	pid_t pid;

	stop_server();
	pid = child();
	if (!pid) {
		write_page(fd, "written");
		exit(0);
	}
	close(fd);
	wait_until(in_stack(pid, "cifs_direct_writev"));
	end(pid);
	unmount_meanwhile(cut);
}

static void map_and_store(void)
{
	int fd = open_file("writeback", 0, 0);
	char *map;

	write_page(fd, "cold");
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");
	/* What is left is the mapping, which goes without a flush. */
	close(fd);
	stop_server();
	/* A second store might wait for the writeback of the first, for ever. */
	map[0] = 'g';
	pause();
}

/* A client that writes back what a mapping has changed is busy until then. */
static void race_writeback(void)
{
	pid_t pid = child();

	if (!pid)
		map_and_store();
	wait_until(in_stack(pid, "sys_pause"));
	wait_until(any_writeback());
	kill(pid, SIGKILL);
	unmount_meanwhile(false);
	waitpid(pid, NULL, 0);
}

static void race_close(void)
{
	pid_t pids[TASKS];
	int i, file;

	for (i = 0; i < TASKS; i++) {
		pids[i] = child();
		if (!pids[i]) {
			for (file = 0; file < FILES; file++)
				write_page(open_file("close", file, i % 2 ? O_DIRECT : 0),
					   "written");
			pause();
		}
	}
	for (i = 0; i < TASKS; i++)
		wait_until(in_stack(pids[i], "sys_pause"));
	for (i = 0; i < TASKS; i++)
		kill(pids[i], SIGKILL);
	unmount();
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	if (argc != 5 || atoi(argv[3]) < 2 || atoi(argv[4]) < 2)
		errx(2, "usage: umount_race direct|writeback|lost|close DIR SERVER CONNECTION");
	dir = argv[2];
	server = atoi(argv[3]);
	connection = atoi(argv[4]);
	atexit(let_server_go_on);
	if (!strcmp(argv[1], "direct"))
		race_direct(false);
	else if (!strcmp(argv[1], "lost"))
		race_direct(true);
	else if (!strcmp(argv[1], "writeback"))
		race_writeback();
	else if (!strcmp(argv[1], "close"))
		race_close();
	else
		errx(2, "no race is called %s", argv[1]);
	return 0;
}
