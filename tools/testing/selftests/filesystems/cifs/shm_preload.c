// SPDX-License-Identifier: GPL-2.0
/*
 * fio shares memory with its jobs by System V's calls, which the suites' kernel
 * does not have: gives it anonymous memory, which its children inherit.
 */

#include <stddef.h>
#include <sys/mman.h>
#include <sys/shm.h>

#define SEGMENTS 64

static void *segments[SEGMENTS];

int shmget(key_t key, size_t size, int flags)
{
	static int next;

	(void)key;
	(void)flags;
	if (next == SEGMENTS)
		return -1;
	segments[next] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			      -1, 0);
	return segments[next] == MAP_FAILED ? -1 : next++;
}

void *shmat(int id, const void *address, int flags)
{
	(void)address;
	(void)flags;
	return segments[id];
}

int shmdt(const void *address)
{
	(void)address;
	return 0;
}

int shmctl(int id, int command, struct shmid_ds *info)
{
	(void)id;
	(void)command;
	(void)info;
	return 0;
}
