// SPDX-License-Identifier: GPL-2.0
/*
 * Brings a mount into the deadlock of the 2019 report, if the client still has
 * it, with the report's eleven tasks in their places.
 *
 * The server is stopped while the tasks line up. 8856 writes a page back in
 * order to invalidate it, through a file that is closed meanwhile; 8854 holds
 * lock_sem and waits for that page. Once the server goes on, 8856 drops the
 * last reference to that file, and needs lock_sem.
 *
 * usage: put_deadlock FILE SERVER
 *
 * FILE is on the mount, SERVER is the server's process group. Exit status: 0 all
 * tasks have ended, 1 some wait for each other, 2 they could not be lined up.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define PAGE 4096
#define PAGES 16
/* In milliseconds; a kernel that works needs some hundred to end it all. */
#define PATIENCE 10000
#define PATIENCE_BEFORE 30000

enum { FINISHED, DEADLOCK, NOT_LINED_UP };

struct task {
	/* The report's PID, or what it is for */
	const char *name;
	/* What it does, each when it is told to */
	void (*steps[3])(struct task *task);
	/* Where the kernel keeps it in the last one, as long as the server is stopped */
	const char *place;
	int flags;
	int fd;
	void *map;
	pid_t pid;
	int control;
};

static char *path;
static pid_t server;

static void open_file(struct task *task)
{
	task->fd = open(path, task->flags, 0644);
	if (task->fd < 0)
		err(NOT_LINED_UP, "%s: open", task->name);
}

/* Not by its name, whose lookup would wait for 8856. */
static void open_again(struct task *task)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", task->fd);
	if (open(name, task->flags & ~O_PATH) < 0)
		err(NOT_LINED_UP, "%s: open again", task->name);
}

static void open_dir(struct task *task)
{
	char *copy = strdup(path);

	task->fd = open(dirname(copy), O_RDONLY | O_DIRECTORY);
	if (task->fd < 0)
		err(NOT_LINED_UP, "%s: open", task->name);
}

static void close_file(struct task *task)
{
	close(task->fd);
}

static void list_dir(struct task *task)
{
	char buf[PAGE];

	if (getdents64(task->fd, buf, sizeof(buf)) < 0)
		err(NOT_LINED_UP, "%s: getdents64", task->name);
}

static void write_page(struct task *task, off_t page)
{
	char *buf = aligned_alloc(PAGE, PAGE);

	if (!buf)
		err(NOT_LINED_UP, "aligned_alloc");
	memset(buf, 'w', PAGE);
	if (pwrite(task->fd, buf, PAGE, page * PAGE) != PAGE)
		err(NOT_LINED_UP, "%s: write", task->name);
	free(buf);
}

static void write_first_page(struct task *task)
{
	write_page(task, 0);
}

static void write_last_page(struct task *task)
{
	write_page(task, PAGES - 1);
}

/* From here on munmap() alone closes the file, and does not flush it. */
static void map_first_page(struct task *task)
{
	open_file(task);
	task->map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, task->fd, 0);
	if (task->map == MAP_FAILED)
		err(NOT_LINED_UP, "%s: mmap", task->name);
	close(task->fd);
}

static void dirty_first_page(struct task *task)
{
	strcpy(task->map, "dirty");
}

static void unmap(struct task *task)
{
	munmap(task->map, PAGE);
}

/* Its direct write tells the client to invalidate the pages, though files are open. */
static struct task direct = {
	"direct", { open_file, write_last_page }, .flags = O_RDWR | O_DIRECT
};

/* Opens last, and reads: it is the first in the client's list, whose file 8856 takes. */
static struct task mapper = {
	"mapper", { map_first_page, dirty_first_page, unmap }, "cifs_close", O_RDWR
};

static struct task launderer = {
	"8856", { open_file }, "cifs_launder", .flags = O_RDWR | O_CREAT
};

/*
 * The other ones of the report, in the order in which they come to wait. Their
 * flags differ where later clients would let two of them share an open file.
 */
static struct task others[] = {
	{ "8854", { open_file, write_first_page }, "cifs_write_begin", O_WRONLY },
	{ "8855", { open_file, write_first_page }, "cifs_strict_writev", O_WRONLY },
	{ "8857", { open_file, close_file }, "cifs_flush", O_WRONLY },
	{ "8859", { open_file, open_again }, "cifs_open", O_PATH | O_RDWR | O_NONBLOCK },
	{ "8860", { open_file, close_file }, "cifs_close", O_RDONLY },
	{ "8861", { open_file, close_file }, "cifs_close", O_RDONLY | O_NONBLOCK },
	{ "8858", { open_file, close_file }, "cifs_close", O_RDONLY | O_APPEND },
	{ "8862", { open_file, close_file }, "cifs_close", O_RDONLY | O_NOATIME },
	{ "8863", { open_file }, "rwsem_down_write", O_RDWR | O_CREAT },
	{ "9802", { open_dir, list_dir }, "iterate_dir" },
};

static void run(struct task *task)
{
	unsigned int i;
	char byte;

	prctl(PR_SET_NAME, task->name);
	for (i = 0; read(task->control, &byte, 1) == 1; i++) {
		task->steps[i](task);
		if (write(task->control, &byte, 1) != 1)
			break;
	}
	exit(0);
}

static void start(struct task *task)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		err(NOT_LINED_UP, "socketpair");
	task->pid = fork();
	if (task->pid < 0)
		err(NOT_LINED_UP, "fork");
	task->control = ends[task->pid == 0];
	close(ends[task->pid != 0]);
	if (!task->pid)
		run(task);
}

static void tell(struct task *task)
{
	if (write(task->control, "", 1) != 1)
		err(NOT_LINED_UP, "%s", task->name);
}

/* Whether it has done what it was told last */
static bool done(struct task *task, int patience)
{
	struct pollfd answer = { .fd = task->control, .events = POLLIN };

	return poll(&answer, 1, patience) == 1;
}

static void let_do(struct task *task)
{
	char byte;

	tell(task);
	if (!done(task, PATIENCE_BEFORE) || read(task->control, &byte, 1) != 1)
		errx(NOT_LINED_UP, "%s: does not get on", task->name);
}

static void read_stack(struct task *task, char *stack, size_t size)
{
	char name[32];
	size_t length = 0;
	FILE *from;

	snprintf(name, sizeof(name), "/proc/%d/stack", task->pid);
	from = fopen(name, "r");
	if (from) {
		length = fread(stack, 1, size - 1, from);
		fclose(from);
	}
	stack[length] = '\0';
}

/* Until it has done what it is told, or waits where it is expected to. */
static void let_do_or_wait(struct task *task)
{
	char stack[PAGE];
	int i;

	tell(task);
	for (i = 0; i < PATIENCE_BEFORE / 10; i++) {
		if (done(task, 10))
			return;
		read_stack(task, stack, sizeof(stack));
		if (strstr(stack, task->place))
			return;
	}
	errx(NOT_LINED_UP, "%s: not in %s, but in\n%s", task->name, task->place, stack);
}

static void let_wait(struct task *task)
{
	let_do_or_wait(task);
	if (done(task, 0))
		errx(NOT_LINED_UP, "%s: does not wait", task->name);
}

static void let_server_go_on(void)
{
	kill(-server, SIGCONT);
}

static void stop_server(void)
{
	if (kill(-server, SIGSTOP))
		err(NOT_LINED_UP, "kill");
	atexit(let_server_go_on);
}

static void create_file(void)
{
	struct task creator = { "creator", .flags = O_RDWR | O_CREAT };
	off_t page;

	open_file(&creator);
	for (page = 0; page < PAGES; page++)
		write_page(&creator, page);
	if (fsync(creator.fd))
		err(NOT_LINED_UP, "fsync");
	close(creator.fd);
}

static void line_up(void)
{
	unsigned int i;

	start(&direct);
	start(&launderer);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		start(&others[i]);
	start(&mapper);

	let_do(&direct);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i].steps[1])
			let_do(&others[i]);
	let_do(&mapper);
	let_do(&direct);
	let_do(&mapper);

	stop_server();
	let_wait(&launderer);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		let_wait(&others[i]);
	/* a kernel that writes back what a mapping has changed waits for that */
	let_do_or_wait(&mapper);
}

static bool ends(struct task *task, bool *in_time)
{
	char stack[PAGE], *line;

	if (done(task, *in_time ? PATIENCE : 0))
		return true;
	*in_time = false;
	read_stack(task, stack, sizeof(stack));
	printf("# task %s is %d\n", task->name, task->pid);
	for (line = strtok(stack, "\n"); line; line = strtok(NULL, "\n"))
		printf("#   %s\n", line + strlen("[<0>] "));
	return false;
}

int main(int argc, char **argv)
{
	unsigned int i, waiting;
	bool in_time = true;

	if (argc != 3 || atoi(argv[2]) < 2)
		errx(NOT_LINED_UP, "usage: put_deadlock FILE SERVER");
	path = argv[1];
	server = atoi(argv[2]);
	setlinebuf(stdout);
	create_file();
	line_up();
	let_server_go_on();

	waiting = !ends(&launderer, &in_time);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		waiting += !ends(&others[i], &in_time);
	printf("# %u of %zu tasks wait for each other\n", waiting, ARRAY_SIZE(others) + 1);
	return waiting ? DEADLOCK : FINISHED;
}
