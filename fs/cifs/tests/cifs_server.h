/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An SMB2 server in this kernel, for tests of the client: kthreads behind TCP
 * on 127.0.0.1. It keeps names, data, handles, locks and sessions in memory,
 * logs each request, and answers as a case tells it to. No signature, and no
 * other cryptography, is verified.
 */
#ifndef _CIFS_SERVER_H
#define _CIFS_SERVER_H

#include <linux/types.h>

struct kunit;
struct cifs_srv;

/* Any command; see struct cifs_srv_rule. */
#define CIFS_SRV_ANY		0xffff

/* Lease states, as on the wire. */
#define CIFS_SRV_NONE		0
#define CIFS_SRV_R		1
#define CIFS_SRV_RH		3
#define CIFS_SRV_RW		5
#define CIFS_SRV_RWH		7

/**
 * struct cifs_srv_options - what a server can do
 * @dialect: the newest dialect it has, 0x0210, 0x0300 or 0x0311; 0: the last
 * @leases: grants leases, else oplocks
 * @dir_leases: grants leases on directories
 * @persistent: the share is continuously available, handles are persistent
 * @multichannel: sessions may have several connections
 * @dfs: the share is the root of a DFS namespace with this server as its
 *	 only target
 * @no_guest: log in as a user rather than as a guest: 3.0 validates the
 *	      negotiation then
 * @interfaces: how many addresses FSCTL_QUERY_NETWORK_INTERFACE_INFO has,
 *		from 127.0.0.1 on; 0: not supported
 * @no_rss: each of them is for one connection
 * @credits: how many a connection has at most; 0: as many as it asks for
 * @user: the only user, in UTF-8; NULL: anybody
 */
struct cifs_srv_options {
	u16 dialect;
	bool leases;
	bool dir_leases;
	bool persistent;
	bool multichannel;
	bool dfs;
	bool no_guest;
	unsigned int interfaces;
	bool no_rss;
	u16 credits;
	const char *user;
};

/* What becomes of a request, in the order in which a rule has it happen. */
enum cifs_srv_action {
	CIFS_SRV_ANSWER,	/* do it and answer */
	CIFS_SRV_HOLD,		/* keep it until it is released, then do it */
	CIFS_SRV_CUT_BEFORE,	/* cut the connection, do nothing */
	CIFS_SRV_CUT_AFTER,	/* do it, cut the connection, no answer */
	CIFS_SRV_CUT_ANSWERED,	/* do it, answer, cut the connection */
	CIFS_SRV_DROP,		/* do it, never answer */
};

/**
 * struct cifs_srv_rule - what to do with the n-th request of a kind
 * @command: SMB2_*_HE, or CIFS_SRV_ANY
 * @skip: leave so many requests alone first
 * @count: and apply it to so many; 0: to one, U32_MAX: to all
 * @action: what becomes of the request
 * @pending: send an interim STATUS_PENDING first
 * @break_first: send a break of every lease and oplock down to @break_to first
 * @break_then: send such breaks when it is done, before the answer
 * @break_to: CIFS_SRV_*
 * @status: in CIFS_SRV_ANSWER or CIFS_SRV_HOLD: answer with this NT status
 *	    (STATUS_*) and do nothing; 0: do what is asked for. A session or
 *	    tree that is said to be deleted is deleted
 * @bytes: the whole answer from the SMB2 header on, NULL: the server's own.
 *	   MessageId, SessionId, TreeId and credits are filled in
 * @len: of @bytes; without @bytes: cut the server's own answer to this length,
 *	 0: all of it
 */
struct cifs_srv_rule {
	u16 command;
	unsigned int skip;
	unsigned int count;
	enum cifs_srv_action action;
	bool pending;
	bool break_first;
	bool break_then;
	u32 break_to;
	__le32 status;
	const void *bytes;
	size_t len;
};

/**
 * struct cifs_srv_request - one request, as logged
 * @connection: number of the connection, from 1 on
 * @command: SMB2_*_HE
 * @mid: its MessageId
 * @session: its SessionId
 * @tree: its TreeId
 * @fid: the handle that it names, or has opened
 * @status: of the answer
 * @answered: an answer was sent
 */
struct cifs_srv_request {
	unsigned int connection;
	u16 command;
	u64 mid;
	u64 session;
	u32 tree;
	u64 fid;
	__le32 status;
	bool answered;
};

/**
 * struct cifs_srv_faults - what no client may ask of a server
 * @stale_fid: requests with a handle that this connection's session lacks
 * @stale_session: requests with a session that this connection lacks
 * @stale_tree: requests with a tree that its session lacks
 * @left_open: files that were open when the client gave up their tree or
 *	       session; the root is a directory, and may be cached till then
 */
struct cifs_srv_faults {
	unsigned int stale_fid;
	unsigned int stale_session;
	unsigned int stale_tree;
	unsigned int left_open;
};

struct cifs_srv *cifs_srv_start(struct kunit *test,
				const struct cifs_srv_options *options);
void cifs_srv_stop(struct cifs_srv *srv);
u16 cifs_srv_port(const struct cifs_srv *srv);
const char *cifs_srv_share(const struct cifs_srv *srv);

void cifs_srv_on(struct cifs_srv *srv, const struct cifs_srv_rule *rule);
void cifs_srv_clear_rules(struct cifs_srv *srv);
bool cifs_srv_wait_seen(struct cifs_srv *srv, u16 command, unsigned int n);
bool cifs_srv_wait_held(struct cifs_srv *srv, u16 command, unsigned int n);
bool cifs_srv_wait_handles(struct cifs_srv *srv, unsigned int n);
unsigned int cifs_srv_release(struct cifs_srv *srv, u16 command);
void cifs_srv_cut(struct cifs_srv *srv);
void cifs_srv_cut_one(struct cifs_srv *srv, unsigned int connection);
void cifs_srv_refuse(struct cifs_srv *srv, bool refuse);
void cifs_srv_grant(struct cifs_srv *srv, u32 state);
void cifs_srv_set_interfaces(struct cifs_srv *srv, unsigned int nr);
void cifs_srv_give_up_multichannel(struct cifs_srv *srv);
unsigned int cifs_srv_break(struct cifs_srv *srv, const char *name, u32 state);

unsigned int cifs_srv_seen(struct cifs_srv *srv, u16 command);
unsigned int cifs_srv_seen_on(struct cifs_srv *srv, unsigned int connection, u16 command);
unsigned int cifs_srv_handles(struct cifs_srv *srv);
unsigned int cifs_srv_handles_of(struct cifs_srv *srv, const char *name);
unsigned int cifs_srv_sessions(struct cifs_srv *srv);
unsigned int cifs_srv_connections(struct cifs_srv *srv);
unsigned int cifs_srv_connections_used(struct cifs_srv *srv, u16 command);
void cifs_srv_faults(struct cifs_srv *srv, struct cifs_srv_faults *faults);
void cifs_srv_print_log(struct cifs_srv *srv);
void cifs_srv_print_handles(struct cifs_srv *srv);

int cifs_srv_create(struct cifs_srv *srv, const char *name, bool directory,
		    const void *data, size_t len);
ssize_t cifs_srv_read(struct cifs_srv *srv, const char *name, u64 offset,
		      void *data, size_t len);
int cifs_srv_write(struct cifs_srv *srv, const char *name, u64 offset,
		   const void *data, size_t len);
bool cifs_srv_exists(struct cifs_srv *srv, const char *name);

#endif /* _CIFS_SERVER_H */
