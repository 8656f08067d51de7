/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How far the last put of a file may have come when the mount, or the whole
 * client, goes away: queued, running, or held up by the server, on each way
 * to its end.
 */
#ifndef _CIFS_STAGES_H
#define _CIFS_STAGES_H

#include "cifs_fixture.h"

/**
 * struct cifs_kunit_stage - a stage
 * @desc: what a report calls it
 * @offload: only where there is a queue for offloaded puts
 * @retries: only where a close is retried
 * @deferred: only where a close may be deferred
 * @requests: only where requests are the client's own
 * @enter: brings the put there, may be NULL
 * @last: the same, with no sleep between that and what should wait for the
 *	  put: its work is queued, and no more; may be NULL
 * @leave: called when that waits, may be NULL
 */
struct cifs_kunit_stage {
	const char *desc;
	bool offload;
	bool retries;
	bool deferred;
	bool requests;
	void (*enter)(struct cifs_fixture *fx);
	void (*last)(struct cifs_fixture *fx);
	void (*leave)(struct cifs_fixture *fx);
};

/**
 * struct cifs_kunit_put - a put, and what it has to do with
 * @fx: the mount; its hook_data leads here
 * @stage: how far it has come
 * @file: the open file
 * @reached: the stage has been reached
 * @gate: what is held up in the stage goes on
 * @kiocb: of a request
 * @kvec: its data
 */
struct cifs_kunit_put {
	struct cifs_fixture *fx;
	const struct cifs_kunit_stage *stage;
	struct cifs_kunit_file *file;
	struct completion reached;
	struct completion gate;
	struct kiocb kiocb;
	struct kvec kvec;
};

const void *cifs_kunit_stage_params(const void *prev, char *desc);
const void *cifs_kunit_stage_params_queued(const void *prev, char *desc);
void cifs_kunit_stage_need(struct kunit *test,
			   const struct cifs_kunit_stage *stage);
struct cifs_kunit_put *
cifs_kunit_stage_enter(struct cifs_fixture *fx,
		       const struct cifs_kunit_stage *stage);
void cifs_kunit_stage_leave(struct cifs_kunit_put *put);
void cifs_kunit_stage_go_on(struct cifs_fixture *fx);

#endif /* _CIFS_STAGES_H */
