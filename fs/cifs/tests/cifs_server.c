// SPDX-License-Identifier: GPL-2.0
/*
 * An SMB2 server for tests of the client. See cifs_server.h.
 *
 * One kthread accepts, and each connection has one that reads frames and
 * answers them. All of the server's state is under one mutex, sending
 * included, so that a case sees a request either done and answered or not at
 * all. A frame that is held is kept with what it was answered so far, and goes
 * on in the context of who releases it.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/in.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/nls.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/wait.h>
#include <net/sock.h>
#include "cifsglob.h"
#include "smb2pdu.h"
#include "smb2status.h"
#include "smbfsctl.h"
#include "ntlmssp.h"
#include "cifs_server.h"

#define CIFS_SRV_IO_SIZE	SZ_64K
#define CIFS_SRV_ROOM		(CIFS_SRV_IO_SIZE + SZ_8K)	/* of an answer */
#define CIFS_SRV_INFO_SIZE	SZ_16K
#define CIFS_SRV_NAME		256
#define CIFS_SRV_LOG		512
#define CIFS_SRV_COMMANDS	(SMB2_OPLOCK_BREAK_HE + 1)
#define CIFS_SRV_RULES		16
#define CIFS_SRV_WAIT		(20 * HZ)
#define CIFS_SRV_TIME		cpu_to_le64(0x01da000000000000ULL)

/* CreateAction */
#define CIFS_SRV_OPENED		1
#define CIFS_SRV_CREATED	2
#define CIFS_SRV_OVERWRITTEN	3

/* Not a status of the wire: the request waits for a lock. */
#define CIFS_SRV_BLOCKED	cpu_to_le32(0xffffffff)

struct cifs_srv_node {
	struct list_head list;
	u64 id;
	char name[CIFS_SRV_NAME];	/* below the share, with backslashes */
	bool directory;
	bool unlinked;
	unsigned int opens;
	u8 *data;
	size_t size;
	size_t room;
	struct list_head locks;
};

struct cifs_srv_lock {
	struct list_head list;
	struct cifs_srv_handle *handle;
	u64 start;
	u64 length;
	bool exclusive;
};

struct cifs_srv_handle {
	struct list_head list;
	u64 fid;
	struct cifs_srv_node *node;
	struct cifs_srv_session *session;	/* NULL: durable, waits for its client */
	u32 tree;
	u8 level;				/* SMB2_OPLOCK_LEVEL_* */
	u32 state;				/* CIFS_SRV_* */
	u16 epoch;
	u8 lease_key[SMB2_LEASE_KEY_SIZE];
	u8 create_guid[16];
	bool durable;
	bool delete_on_close;
	unsigned int position;			/* of an enumeration */
};

struct cifs_srv_tree {
	struct list_head list;
	u32 id;
	bool ipc;
};

struct cifs_srv_session {
	struct list_head list;
	u64 id;
	bool established;
	bool logged_off;
	struct list_head trees;
};

struct cifs_srv_conn {
	struct list_head list;
	struct cifs_srv *srv;
	unsigned int number;
	struct socket *sock;			/* NULL once it has ended */
	struct task_struct *task;
	u16 dialect;
	u32 caps;
	u16 credits;				/* that the client has */
	unsigned int seen[CIFS_SRV_COMMANDS];
	struct cifs_srv_session *sessions[8];
};

struct cifs_srv_frame {
	struct list_head held;
	struct cifs_srv_conn *conn;
	u8 *in;
	size_t in_len;
	size_t pos;				/* of the current request */
	u8 *out;
	size_t out_len;
	size_t start;				/* of the current answer */
	struct cifs_srv_request *log;
	struct cifs_srv_rule rule;
	u64 fid;				/* for related requests */
	u64 session;
	u32 tree;
	__le32 failed;				/* of the CREATE that they relate to */
	u64 async_id;
	bool resumed;
	bool blocked;				/* by a lock */
	bool unanswered;
	bool cut;
};

struct cifs_srv {
	struct kunit *test;
	struct cifs_srv_options options;
	struct socket *listener;
	struct task_struct *task;
	u16 port;
	bool stopped;

	struct mutex lock;			/* for all of the following */
	wait_queue_head_t wait;
	bool refuse;
	u32 grant;
	struct list_head conns;
	unsigned int nr_conns;
	struct list_head sessions;
	struct list_head handles;
	struct list_head nodes;
	struct list_head held;
	struct cifs_srv_rule rules[CIFS_SRV_RULES];
	unsigned int nr_rules;
	u64 last_id;
	unsigned int seen[CIFS_SRV_COMMANDS];
	struct cifs_srv_faults faults;
	struct cifs_srv_request log[CIFS_SRV_LOG];
	unsigned int nr_log;
};

/* Names and data. */

static struct cifs_srv_node *cifs_srv_find(struct cifs_srv *srv, const char *name)
{
	struct cifs_srv_node *node;

	list_for_each_entry(node, &srv->nodes, list) {
		if (!node->unlinked && !strcmp(node->name, name))
			return node;
	}
	return NULL;
}

static struct cifs_srv_node *cifs_srv_new_node(struct cifs_srv *srv,
					       const char *name, bool directory)
{
	struct cifs_srv_node *node = kzalloc(sizeof(*node), GFP_KERNEL);

	if (!node)
		return NULL;
	node->id = ++srv->last_id;
	node->directory = directory;
	strscpy(node->name, name, sizeof(node->name));
	INIT_LIST_HEAD(&node->locks);
	list_add_tail(&node->list, &srv->nodes);
	return node;
}

static void cifs_srv_free_node(struct cifs_srv_node *node)
{
	list_del(&node->list);
	kvfree(node->data);
	kfree(node);
}

static bool cifs_srv_resize(struct cifs_srv_node *node, size_t size)
{
	if (size > node->room) {
		size_t room = roundup_pow_of_two(size);
		u8 *data = kvzalloc(room, GFP_KERNEL);

		if (!data)
			return false;
		memcpy(data, node->data, node->size);
		kvfree(node->data);
		node->data = data;
		node->room = room;
	}
	if (size < node->size)
		memset(node->data + size, 0, node->size - size);
	node->size = size;
	return true;
}

/* Whether a name lies right below a directory; returns its last part then. */
static const char *cifs_srv_child(const struct cifs_srv_node *dir, const char *name)
{
	size_t len = strlen(dir->name);

	if (len) {
		if (strncmp(name, dir->name, len) || name[len] != '\\')
			return NULL;
		name += len + 1;
	}
	return *name && !strchr(name, '\\') ? name : NULL;
}

static bool cifs_srv_has_children(struct cifs_srv *srv, const struct cifs_srv_node *dir)
{
	struct cifs_srv_node *node;

	list_for_each_entry(node, &srv->nodes, list) {
		if (!node->unlinked && cifs_srv_child(dir, node->name))
			return true;
	}
	return false;
}

static bool cifs_srv_has_parent(struct cifs_srv *srv, const char *name)
{
	const char *last = strrchr(name, '\\');
	char parent[CIFS_SRV_NAME];
	struct cifs_srv_node *node;

	if (!last)
		return true;
	strscpy(parent, name, min_t(size_t, last - name + 1, sizeof(parent)));
	node = cifs_srv_find(srv, parent);
	return node && node->directory;
}

static bool cifs_srv_utf8(const u8 *name, size_t len, char *to)
{
	int n = utf16s_to_utf8s((const wchar_t *)name, len / 2, UTF16_LITTLE_ENDIAN,
				to, CIFS_SRV_NAME - 1);

	if (n < 0)
		return false;
	to[n] = 0;
	return true;
}

static size_t cifs_srv_utf16(const char *name, u8 *to)
{
	int n = utf8s_to_utf16s(name, strlen(name), UTF16_LITTLE_ENDIAN,
				(wchar_t *)to, CIFS_SRV_NAME);

	return n < 0 ? 0 : 2 * n;
}

/* Handles, sessions, trees. */

static void cifs_srv_resume_blocked(struct cifs_srv *srv);

static void cifs_srv_unlock_all(struct cifs_srv_handle *handle)
{
	struct cifs_srv_lock *lock, *next;

	list_for_each_entry_safe(lock, next, &handle->node->locks, list) {
		if (lock->handle == handle) {
			list_del(&lock->list);
			kfree(lock);
		}
	}
}

static void cifs_srv_close(struct cifs_srv *srv, struct cifs_srv_handle *handle)
{
	struct cifs_srv_node *node = handle->node;

	cifs_srv_unlock_all(handle);
	node->unlinked |= handle->delete_on_close;
	list_del(&handle->list);
	kfree(handle);
	if (!--node->opens && node->unlinked)
		cifs_srv_free_node(node);
}

/* All handles of a session, or those of one of its trees. */
static void cifs_srv_close_all(struct cifs_srv *srv, struct cifs_srv_session *session,
			       u32 tree, bool keep_durable)
{
	struct cifs_srv_handle *handle, *next;

	list_for_each_entry_safe(handle, next, &srv->handles, list) {
		if (handle->session != session || (tree && handle->tree != tree))
			continue;
		if (keep_durable && handle->durable)
			handle->session = NULL;
		else
			cifs_srv_close(srv, handle);
	}
}

static void cifs_srv_drop_tree(struct cifs_srv *srv, struct cifs_srv_session *session,
			       struct cifs_srv_tree *tree)
{
	cifs_srv_close_all(srv, session, tree->id, false);
	list_del(&tree->list);
	kfree(tree);
}

/* A file that the client closes by giving up its tree, and not by CLOSE. */
static void cifs_srv_note_left(struct cifs_srv *srv, struct cifs_srv_session *session, u32 tree)
{
	struct cifs_srv_handle *handle;

	list_for_each_entry(handle, &srv->handles, list) {
		if (handle->session != session || (tree && handle->tree != tree) ||
		    handle->node->directory)
			continue;
		kunit_info(srv->test, "handle %llu of '%s' was never closed", handle->fid,
			   handle->node->name);
		srv->faults.left_open++;
	}
}

static void cifs_srv_drop_session(struct cifs_srv *srv, struct cifs_srv_session *session,
				  bool keep_durable)
{
	struct cifs_srv_tree *tree, *next;
	struct cifs_srv_conn *conn;
	unsigned int i;

	cifs_srv_close_all(srv, session, 0, keep_durable);
	list_for_each_entry_safe(tree, next, &session->trees, list)
		cifs_srv_drop_tree(srv, session, tree);
	list_for_each_entry(conn, &srv->conns, list) {
		for (i = 0; i < ARRAY_SIZE(conn->sessions); i++) {
			if (conn->sessions[i] == session)
				conn->sessions[i] = NULL;
		}
	}
	list_del(&session->list);
	kfree(session);
}

static struct cifs_srv_session *cifs_srv_find_session(struct cifs_srv *srv, u64 id)
{
	struct cifs_srv_session *session;

	list_for_each_entry(session, &srv->sessions, list) {
		if (session->id == id)
			return session;
	}
	return NULL;
}

static bool cifs_srv_bound(struct cifs_srv_conn *conn, struct cifs_srv_session *session)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(conn->sessions); i++) {
		if (session && conn->sessions[i] == session)
			return true;
	}
	return false;
}

static bool cifs_srv_bind(struct cifs_srv_conn *conn, struct cifs_srv_session *session)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(conn->sessions); i++) {
		if (!conn->sessions[i]) {
			conn->sessions[i] = session;
			return true;
		}
	}
	return false;
}

static struct cifs_srv_tree *cifs_srv_find_tree(struct cifs_srv_session *session, u32 id)
{
	struct cifs_srv_tree *tree;

	list_for_each_entry(tree, &session->trees, list) {
		if (tree->id == id)
			return tree;
	}
	return NULL;
}

/* The connection is gone: so are its sessions, unless they have another one. */
static void cifs_srv_end_conn(struct cifs_srv_conn *conn)
{
	struct cifs_srv *srv = conn->srv;
	struct cifs_srv_session *session;
	struct cifs_srv_conn *other;
	unsigned int i;
	bool bound;

	for (i = 0; i < ARRAY_SIZE(conn->sessions); i++) {
		session = conn->sessions[i];
		conn->sessions[i] = NULL;
		bound = !session;
		list_for_each_entry(other, &srv->conns, list)
			bound |= cifs_srv_bound(other, session);
		if (!bound)
			cifs_srv_drop_session(srv, session, true);
	}
}

/* What a frame's current request names, checked as a server has to. */

static struct smb2_hdr *cifs_srv_req(struct cifs_srv_frame *frame)
{
	return (struct smb2_hdr *)(frame->in + frame->pos);
}

static size_t cifs_srv_req_len(struct cifs_srv_frame *frame)
{
	u32 next = le32_to_cpu(cifs_srv_req(frame)->NextCommand);

	return next ? next : frame->in_len - frame->pos;
}

static u16 cifs_srv_command(struct cifs_srv_frame *frame)
{
	return le16_to_cpu(cifs_srv_req(frame)->Command);
}

static bool cifs_srv_related(struct cifs_srv_frame *frame)
{
	return cifs_srv_req(frame)->Flags & SMB2_FLAGS_RELATED_OPERATIONS;
}

static void *cifs_srv_rsp(struct cifs_srv_frame *frame)
{
	return frame->out + frame->start;
}

static struct cifs_srv_session *cifs_srv_session(struct cifs_srv_frame *frame)
{
	struct cifs_srv_session *session;

	session = cifs_srv_find_session(frame->conn->srv, frame->session);
	return cifs_srv_bound(frame->conn, session) ? session : NULL;
}

static struct cifs_srv_handle *cifs_srv_handle(struct cifs_srv_frame *frame, u64 fid)
{
	struct cifs_srv *srv = frame->conn->srv;
	struct cifs_srv_session *session = cifs_srv_session(frame);
	struct cifs_srv_handle *handle;

	if (cifs_srv_related(frame) && fid == U64_MAX)
		fid = frame->fid;
	frame->fid = fid;
	frame->log->fid = fid;
	list_for_each_entry(handle, &srv->handles, list) {
		if (handle->fid == fid && handle->session == session)
			return handle;
	}
	srv->faults.stale_fid++;
	return NULL;
}

/* Sending. The answer's frame begins with four bytes of length. */

static bool cifs_srv_send(struct cifs_srv_conn *conn, u8 *frame, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	struct kvec vec = { frame, len };

	if (!conn->sock)
		return false;
	put_unaligned_be32(len - 4, frame);
	return kernel_sendmsg(conn->sock, &msg, &vec, 1, len) == len;
}

static void cifs_srv_cut_conn(struct cifs_srv_conn *conn)
{
	if (conn->sock)
		kernel_sock_shutdown(conn->sock, SHUT_RDWR);
}

static bool cifs_srv_conn_up(const struct cifs_srv_conn *conn)
{
	return conn->sock && !conn->sock->sk->sk_shutdown;
}

/* What the client asks for, but for what makes it more than it may have. */
static __le16 cifs_srv_grant_credits(struct cifs_srv_frame *frame)
{
	struct cifs_srv_conn *conn = frame->conn;
	u16 limit = conn->srv->options.credits;
	u16 granted = max_t(u16, 1, le16_to_cpu(cifs_srv_req(frame)->CreditRequest));

	if (limit)
		granted = min_t(u16, granted, limit > conn->credits ? limit - conn->credits : 0);
	conn->credits += granted;
	return cpu_to_le16(granted);
}

static void cifs_srv_take_credits(struct cifs_srv_frame *frame)
{
	u16 charge = max_t(u16, 1, le16_to_cpu(cifs_srv_req(frame)->CreditCharge));

	if (cifs_srv_command(frame) != SMB2_CANCEL_HE)
		frame->conn->credits -= min(charge, frame->conn->credits);
}

static void cifs_srv_send_pending(struct cifs_srv_frame *frame)
{
	struct smb2_hdr *req = cifs_srv_req(frame);
	u8 buf[4 + sizeof(struct smb2_err_rsp) + 1] = {};
	struct smb2_err_rsp *rsp = (void *)(buf + 4);

	frame->async_id = ++frame->conn->srv->last_id;
	rsp->hdr = *req;
	rsp->hdr.Status = STATUS_PENDING;
	rsp->hdr.Flags = SMB2_FLAGS_SERVER_TO_REDIR | SMB2_FLAGS_ASYNC_COMMAND;
	rsp->hdr.NextCommand = 0;
	rsp->hdr.Id.AsyncId = cpu_to_le64(frame->async_id);
	rsp->hdr.CreditRequest = cifs_srv_grant_credits(frame);
	rsp->StructureSize = cpu_to_le16(9);
	cifs_srv_send(frame->conn, buf, sizeof(buf));
}

static struct cifs_srv_conn *cifs_srv_conn_of(struct cifs_srv *srv,
					      struct cifs_srv_session *session)
{
	struct cifs_srv_conn *conn;

	list_for_each_entry(conn, &srv->conns, list) {
		if (conn->sock && cifs_srv_bound(conn, session))
			return conn;
	}
	return NULL;
}

static u8 cifs_srv_level(u32 state)
{
	switch (state) {
	case CIFS_SRV_RWH:
		return SMB2_OPLOCK_LEVEL_BATCH;
	case CIFS_SRV_RW:
		return SMB2_OPLOCK_LEVEL_EXCLUSIVE;
	case CIFS_SRV_NONE:
		return SMB2_OPLOCK_LEVEL_NONE;
	default:
		return SMB2_OPLOCK_LEVEL_II;
	}
}

static void cifs_srv_fill_notice(struct smb2_hdr *hdr)
{
	hdr->ProtocolId = SMB2_PROTO_NUMBER;
	hdr->StructureSize = cpu_to_le16(64);
	hdr->Command = SMB2_OPLOCK_BREAK;
	hdr->Flags = SMB2_FLAGS_SERVER_TO_REDIR;
	hdr->MessageId = cpu_to_le64(U64_MAX);
}

static void cifs_srv_break_lease(struct cifs_srv *srv, struct cifs_srv_conn *conn,
				 struct cifs_srv_handle *handle, u32 state)
{
	u8 buf[4 + sizeof(struct smb2_lease_break)] = {};
	struct smb2_lease_break *notice = (void *)(buf + 4);
	struct cifs_srv_handle *other;
	u32 old = handle->state;
	u16 epoch = handle->epoch + 1;

	cifs_srv_fill_notice(&notice->hdr);
	notice->StructureSize = cpu_to_le16(44);
	notice->Epoch = cpu_to_le16(epoch);
	if (old & ~CIFS_SRV_R)
		notice->Flags = SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED;
	memcpy(notice->LeaseKey, handle->lease_key, sizeof(notice->LeaseKey));
	notice->CurrentLeaseState = cpu_to_le32(old);
	notice->NewLeaseState = cpu_to_le32(state);
	list_for_each_entry(other, &srv->handles, list) {
		if (!memcmp(other->lease_key, handle->lease_key, sizeof(other->lease_key))) {
			other->state = state;
			other->epoch = epoch;
		}
	}
	cifs_srv_send(conn, buf, sizeof(buf));
}

static void cifs_srv_break_oplock(struct cifs_srv_conn *conn,
				  struct cifs_srv_handle *handle, u32 state)
{
	u8 buf[4 + sizeof(struct smb2_oplock_break)] = {};
	struct smb2_oplock_break *notice = (void *)(buf + 4);

	cifs_srv_fill_notice(&notice->hdr);
	notice->StructureSize = cpu_to_le16(24);
	notice->OplockLevel = cifs_srv_level(state);
	notice->PersistentFid = handle->fid;
	notice->VolatileFid = handle->fid;
	handle->state = state;
	handle->level = notice->OplockLevel;
	cifs_srv_send(conn, buf, sizeof(buf));
}

/* Of one name, or of all if @name is NULL. */
static unsigned int cifs_srv_break_locked(struct cifs_srv *srv, const char *name, u32 state)
{
	struct cifs_srv_handle *handle;
	struct cifs_srv_conn *conn;
	unsigned int nr = 0;

	list_for_each_entry(handle, &srv->handles, list) {
		conn = cifs_srv_conn_of(srv, handle->session);
		if (!conn || !(handle->state & ~state) ||
		    (name && strcmp(handle->node->name, name)))
			continue;
		if (handle->level == SMB2_OPLOCK_LEVEL_LEASE)
			cifs_srv_break_lease(srv, conn, handle, state);
		else
			cifs_srv_break_oplock(conn, handle, state);
		nr++;
	}
	return nr;
}

/* The commands. Each fills in its answer behind the header, and its length. */

static __le32 cifs_srv_negotiate(struct cifs_srv_frame *frame)
{
	static const u16 dialects[] = { 0x0311, 0x0302, 0x0300, 0x0210 };
	struct smb2_negotiate_req *req = (void *)cifs_srv_req(frame);
	struct smb2_negotiate_rsp *rsp = cifs_srv_rsp(frame);
	const struct cifs_srv_options *options = &frame->conn->srv->options;
	struct smb2_preauth_neg_context *preauth;
	u16 newest = options->dialect ?: 0x0311, dialect = 0;
	unsigned int i, j;
	u32 caps = SMB2_GLOBAL_CAP_LARGE_MTU;

	for (i = 0; i < ARRAY_SIZE(dialects) && !dialect; i++) {
		for (j = 0; j < le16_to_cpu(req->DialectCount); j++) {
			if (dialects[i] <= newest &&
			    le16_to_cpu(req->Dialects[j]) == dialects[i])
				dialect = dialects[i];
		}
	}
	if (!dialect)
		return STATUS_NOT_SUPPORTED;
	frame->conn->dialect = dialect;
	if (options->leases)
		caps |= SMB2_GLOBAL_CAP_LEASING;
	if (options->dfs)
		caps |= SMB2_GLOBAL_CAP_DFS;
	if (dialect >= 0x0300) {
		if (options->dir_leases)
			caps |= SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
		if (options->persistent)
			caps |= SMB2_GLOBAL_CAP_PERSISTENT_HANDLES;
		if (options->multichannel)
			caps |= SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	}
	frame->conn->caps = caps;
	rsp->StructureSize = cpu_to_le16(65);
	rsp->SecurityMode = cpu_to_le16(SMB2_NEGOTIATE_SIGNING_ENABLED);
	rsp->DialectRevision = cpu_to_le16(dialect);
	rsp->ServerGUID[0] = 1;
	rsp->Capabilities = cpu_to_le32(caps);
	rsp->MaxTransactSize = cpu_to_le32(CIFS_SRV_IO_SIZE);
	rsp->MaxReadSize = cpu_to_le32(CIFS_SRV_IO_SIZE);
	rsp->MaxWriteSize = cpu_to_le32(CIFS_SRV_IO_SIZE);
	rsp->SystemTime = CIFS_SRV_TIME;
	rsp->SecurityBufferOffset = cpu_to_le16(sizeof(*rsp));
	frame->out_len += sizeof(*rsp);
	if (dialect < 0x0311)
		return 0;
	rsp->NegotiateContextOffset = cpu_to_le32(sizeof(*rsp));
	rsp->NegotiateContextCount = cpu_to_le16(1);
	preauth = (void *)rsp->Buffer;
	preauth->ContextType = SMB2_PREAUTH_INTEGRITY_CAPABILITIES;
	preauth->DataLength = cpu_to_le16(6);
	preauth->HashAlgorithmCount = cpu_to_le16(1);
	preauth->HashAlgorithms = SMB2_PREAUTH_INTEGRITY_SHA512;
	frame->out_len += offsetof(struct smb2_preauth_neg_context, Salt);
	return 0;
}

/* By the name alone. */
static bool cifs_srv_is_user(struct cifs_srv_frame *frame, const AUTHENTICATE_MESSAGE *token)
{
	const char *user = frame->conn->srv->options.user;
	const u8 *req = (u8 *)cifs_srv_req(frame);
	char name[CIFS_SRV_NAME];
	size_t at, len;

	if (!user)
		return true;
	if ((u8 *)(token + 1) - req > cifs_srv_req_len(frame))
		return false;
	at = (u8 *)token - req + le32_to_cpu(token->UserName.BufferOffset);
	len = le16_to_cpu(token->UserName.Length);
	return at + len <= cifs_srv_req_len(frame) && cifs_srv_utf8(req + at, len, name) &&
	       !strcmp(name, user);
}

static __le32 cifs_srv_session_setup(struct cifs_srv_frame *frame)
{
	struct smb2_sess_setup_req *req = (void *)cifs_srv_req(frame);
	struct smb2_sess_setup_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv *srv = frame->conn->srv;
	struct cifs_srv_session *session = cifs_srv_find_session(srv, frame->session);
	struct cifs_srv_session *previous;
	u16 offset = le16_to_cpu(req->SecurityBufferOffset);
	NEGOTIATE_MESSAGE *token = (void *)req + offset;
	CHALLENGE_MESSAGE *challenge;

	if (offset + sizeof(*token) > cifs_srv_req_len(frame))
		return STATUS_INVALID_PARAMETER;
	if (frame->session && !session) {
		srv->faults.stale_session++;
		return STATUS_USER_SESSION_DELETED;
	}
	rsp->StructureSize = cpu_to_le16(9);
	rsp->SecurityBufferOffset = cpu_to_le16(sizeof(*rsp));
	if (token->MessageType == NtLmNegotiate) {
		if (!session) {
			session = kzalloc(sizeof(*session), GFP_KERNEL);
			if (!session)
				return STATUS_INSUFFICIENT_RESOURCES;
			session->id = ++srv->last_id;
			INIT_LIST_HEAD(&session->trees);
			list_add_tail(&session->list, &srv->sessions);
		}
		if (!cifs_srv_bound(frame->conn, session) &&
		    !cifs_srv_bind(frame->conn, session))
			return STATUS_INSUFFICIENT_RESOURCES;
		frame->session = session->id;
		challenge = (void *)rsp->Buffer;
		memcpy(challenge->Signature, NTLMSSP_SIGNATURE, sizeof(challenge->Signature));
		challenge->MessageType = NtLmChallenge;
		challenge->NegotiateFlags = cpu_to_le32(0xe0880215);
		challenge->TargetInfoArray.Length = cpu_to_le16(4);
		challenge->TargetInfoArray.MaximumLength = cpu_to_le16(4);
		challenge->TargetInfoArray.BufferOffset = cpu_to_le32(48);
		rsp->SecurityBufferLength = cpu_to_le16(52);
		frame->out_len += sizeof(*rsp) + 52;
		return STATUS_MORE_PROCESSING_REQUIRED;
	}
	if (!session)
		return STATUS_INVALID_PARAMETER;
	if (!cifs_srv_is_user(frame, (void *)token))
		return STATUS_LOGON_FAILURE;
	session->established = true;
	previous = cifs_srv_find_session(srv, le64_to_cpu((__force __le64)req->PreviousSessionId));
	if (previous && previous != session)
		cifs_srv_drop_session(srv, previous, true);
	if (!srv->options.no_guest)
		rsp->SessionFlags = cpu_to_le16(SMB2_SESSION_FLAG_IS_GUEST);
	frame->out_len += sizeof(*rsp);
	return 0;
}

static __le32 cifs_srv_logoff(struct cifs_srv_frame *frame)
{
	struct smb2_logoff_rsp *rsp = cifs_srv_rsp(frame);

	cifs_srv_note_left(frame->conn->srv, cifs_srv_session(frame), 0);
	cifs_srv_drop_session(frame->conn->srv, cifs_srv_session(frame), false);
	rsp->StructureSize = cpu_to_le16(4);
	frame->out_len += sizeof(*rsp);
	return 0;
}

static __le32 cifs_srv_tree_connect(struct cifs_srv_frame *frame)
{
	struct smb2_tree_connect_req *req = (void *)cifs_srv_req(frame);
	struct smb2_tree_connect_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv *srv = frame->conn->srv;
	u16 offset = le16_to_cpu(req->PathOffset), len = le16_to_cpu(req->PathLength);
	struct cifs_srv_tree *tree;
	char path[CIFS_SRV_NAME];

	if (offset + len > cifs_srv_req_len(frame) ||
	    !cifs_srv_utf8((void *)req + offset, len, path))
		return STATUS_INVALID_PARAMETER;
	tree = kzalloc(sizeof(*tree), GFP_KERNEL);
	if (!tree)
		return STATUS_INSUFFICIENT_RESOURCES;
	tree->id = ++srv->last_id;
	tree->ipc = len && path[strlen(path) - 1] == '$';
	list_add_tail(&tree->list, &cifs_srv_session(frame)->trees);
	frame->tree = tree->id;
	rsp->StructureSize = cpu_to_le16(16);
	rsp->ShareType = tree->ipc ? SMB2_SHARE_TYPE_PIPE : SMB2_SHARE_TYPE_DISK;
	rsp->MaximalAccess = cpu_to_le32(0x001f01ff);
	if (!tree->ipc && srv->options.dfs) {
		rsp->ShareFlags = cpu_to_le32(0x33);	/* DFS and its root, no caching */
		rsp->Capabilities |= SMB2_SHARE_CAP_DFS;
	}
	if (!tree->ipc && srv->options.persistent)
		rsp->Capabilities |= SMB2_SHARE_CAP_CONTINUOUS_AVAILABILITY;
	frame->out_len += sizeof(*rsp);
	return 0;
}

static __le32 cifs_srv_tree_disconnect(struct cifs_srv_frame *frame)
{
	struct smb2_tree_disconnect_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv_session *session = cifs_srv_session(frame);

	cifs_srv_note_left(frame->conn->srv, session, frame->tree);
	cifs_srv_drop_tree(frame->conn->srv, session, cifs_srv_find_tree(session, frame->tree));
	rsp->StructureSize = cpu_to_le16(4);
	frame->out_len += sizeof(*rsp);
	return 0;
}

static u8 *cifs_srv_find_context(struct smb2_create_req *req, size_t req_len,
				 const char *name, u32 *len)
{
	size_t pos = le32_to_cpu(req->CreateContextsOffset);
	size_t end = pos + le32_to_cpu(req->CreateContextsLength);
	struct create_context *context;

	while (pos && end <= req_len && pos + sizeof(*context) + 4 <= end) {
		context = (void *)req + pos;
		if (!memcmp(context->Buffer, name, 4)) {
			*len = le32_to_cpu(context->DataLength);
			return (u8 *)context + le16_to_cpu(context->DataOffset);
		}
		if (!context->Next)
			break;
		pos += le32_to_cpu(context->Next);
	}
	return NULL;
}

/* Appends a create context to the answer; returns its data, zeroed. */
static u8 *cifs_srv_add_context(struct smb2_create_rsp *rsp, const char *name, u32 len)
{
	u32 offset = le32_to_cpu(rsp->CreateContextsOffset), used;
	struct create_context *context, *last;

	if (!offset)
		rsp->CreateContextsOffset = cpu_to_le32(sizeof(*rsp));
	used = ALIGN(le32_to_cpu(rsp->CreateContextsLength), 8);
	context = (void *)rsp + sizeof(*rsp) + used;
	if (used) {
		last = (void *)rsp + sizeof(*rsp);
		while (last->Next)
			last = (void *)last + le32_to_cpu(last->Next);
		last->Next = cpu_to_le32((u8 *)context - (u8 *)last);
	}
	context->NameOffset = cpu_to_le16(16);
	context->NameLength = cpu_to_le16(4);
	context->DataOffset = cpu_to_le16(24);
	context->DataLength = cpu_to_le32(len);
	memcpy(context->Buffer, name, 4);
	rsp->CreateContextsLength = cpu_to_le32(used + 24 + len);
	return (u8 *)context + 24;
}

static void cifs_srv_grant_lease(struct cifs_srv *srv, struct cifs_srv_frame *frame,
				 struct cifs_srv_handle *handle)
{
	struct smb2_create_req *req = (void *)cifs_srv_req(frame);
	struct smb2_create_rsp *rsp = cifs_srv_rsp(frame);
	struct lease_context_v2 *asked, *granted;
	struct cifs_srv_handle *other;
	u32 len;

	if (req->RequestedOplockLevel != SMB2_OPLOCK_LEVEL_LEASE) {
		handle->level = min_t(u8, req->RequestedOplockLevel,
				      cifs_srv_level(srv->grant));
		if (handle->node->directory)
			handle->level = SMB2_OPLOCK_LEVEL_NONE;
		if (handle->level)
			handle->state = srv->grant;
		rsp->OplockLevel = handle->level;
		return;
	}
	asked = (void *)cifs_srv_find_context(req, cifs_srv_req_len(frame),
					      SMB2_CREATE_REQUEST_LEASE, &len);
	if (!asked || len < sizeof(struct lease_context) || !srv->options.leases ||
	    (handle->node->directory && !srv->options.dir_leases))
		return;
	handle->level = SMB2_OPLOCK_LEVEL_LEASE;
	memcpy(handle->lease_key, asked->LeaseKey, sizeof(handle->lease_key));
	handle->state = le32_to_cpu(asked->LeaseState) & srv->grant;
	if (handle->node->directory)
		handle->state &= CIFS_SRV_RH;
	if (!(handle->state & CIFS_SRV_R))
		handle->state = CIFS_SRV_NONE;
	handle->epoch = 1;
	list_for_each_entry(other, &srv->handles, list) {
		if (other == handle ||
		    memcmp(other->lease_key, handle->lease_key, sizeof(other->lease_key)))
			continue;
		handle->epoch = other->epoch + (other->state != handle->state);
		other->epoch = handle->epoch;
		other->state = handle->state;
	}
	rsp->OplockLevel = SMB2_OPLOCK_LEVEL_LEASE;
	granted = (void *)cifs_srv_add_context(rsp, SMB2_CREATE_REQUEST_LEASE, len);
	memcpy(granted->LeaseKey, handle->lease_key, sizeof(granted->LeaseKey));
	granted->LeaseState = cpu_to_le32(handle->state);
	if (len >= sizeof(*granted))
		granted->Epoch = cpu_to_le16(handle->epoch);
}

/* Durable v2 only, which is what the client asks for on such a share. */
static void cifs_srv_make_durable(struct cifs_srv *srv, struct cifs_srv_frame *frame,
				  struct cifs_srv_handle *handle)
{
	struct smb2_create_req *req = (void *)cifs_srv_req(frame);
	u32 len;
	u8 *asked = cifs_srv_find_context(req, cifs_srv_req_len(frame),
					  SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2, &len);
	u8 *granted;

	if (!asked || len < 32 || !srv->options.persistent)
		return;
	handle->durable = true;
	memcpy(handle->create_guid, asked + 16, sizeof(handle->create_guid));
	granted = cifs_srv_add_context(cifs_srv_rsp(frame),
				       SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2, 8);
	put_unaligned_le32(180000, granted);
	put_unaligned_le32(SMB2_DHANDLE_FLAG_PERSISTENT, granted + 4);
}

static struct cifs_srv_handle *cifs_srv_reclaim(struct cifs_srv_frame *frame)
{
	struct smb2_create_req *req = (void *)cifs_srv_req(frame);
	struct cifs_srv *srv = frame->conn->srv;
	struct cifs_srv_handle *handle;
	u32 len;
	u8 *asked = cifs_srv_find_context(req, cifs_srv_req_len(frame),
					  SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2, &len);

	if (!asked || len < 36)
		return NULL;
	list_for_each_entry(handle, &srv->handles, list) {
		if (!handle->session && !memcmp(handle->create_guid, asked + 16, 16)) {
			handle->session = cifs_srv_session(frame);
			handle->tree = frame->tree;
			return handle;
		}
	}
	return NULL;
}

static __le32 cifs_srv_open_node(struct cifs_srv_frame *frame, const char *name,
				 struct cifs_srv_node **node, u32 *action)
{
	struct smb2_create_req *req = (void *)cifs_srv_req(frame);
	struct cifs_srv *srv = frame->conn->srv;
	u32 options = le32_to_cpu(req->CreateOptions);
	__le32 disposition = req->CreateDisposition;

	*node = cifs_srv_find(srv, name);
	*action = CIFS_SRV_OPENED;
	if (!*node) {
		if (!cifs_srv_has_parent(srv, name))
			return STATUS_OBJECT_PATH_NOT_FOUND;
		if (disposition == FILE_OPEN_LE || disposition == FILE_OVERWRITE_LE)
			return STATUS_OBJECT_NAME_NOT_FOUND;
		*node = cifs_srv_new_node(srv, name, options & 1);
		*action = CIFS_SRV_CREATED;
		return *node ? 0 : STATUS_INSUFFICIENT_RESOURCES;
	}
	if (disposition == FILE_CREATE_LE)
		return STATUS_OBJECT_NAME_COLLISION;
	if ((options & 0x01) && !(*node)->directory)
		return STATUS_NOT_A_DIRECTORY;
	if ((options & 0x40) && (*node)->directory)
		return STATUS_FILE_IS_A_DIRECTORY;
	if (disposition != FILE_OPEN_LE && disposition != FILE_OPEN_IF_LE) {
		cifs_srv_resize(*node, 0);
		*action = CIFS_SRV_OVERWRITTEN;
	}
	return 0;
}

static __le32 cifs_srv_create_handle(struct cifs_srv_frame *frame,
				     struct cifs_srv_handle **made, u32 *action)
{
	struct smb2_create_req *req = (void *)cifs_srv_req(frame);
	struct cifs_srv *srv = frame->conn->srv;
	u16 offset = le16_to_cpu(req->NameOffset), len = le16_to_cpu(req->NameLength);
	char path[CIFS_SRV_NAME], *name = path;
	struct cifs_srv_handle *handle;
	struct cifs_srv_node *node;
	__le32 status;

	if (offset + len > cifs_srv_req_len(frame) ||
	    !cifs_srv_utf8((void *)req + offset, len, path))
		return STATUS_INVALID_PARAMETER;
	if (req->hdr.Flags & SMB2_FLAGS_DFS_OPERATIONS) {
		strsep(&name, "\\");
		strsep(&name, "\\");
		name = name ?: "";
	}
	status = cifs_srv_open_node(frame, name, &node, action);
	if (status)
		return status;
	handle = kzalloc(sizeof(*handle), GFP_KERNEL);
	if (!handle)
		return STATUS_INSUFFICIENT_RESOURCES;
	handle->fid = ++srv->last_id;
	handle->node = node;
	node->opens++;
	handle->session = cifs_srv_session(frame);
	handle->tree = frame->tree;
	handle->delete_on_close = le32_to_cpu(req->CreateOptions) & 0x1000;
	list_add_tail(&handle->list, &srv->handles);
	*made = handle;
	return 0;
}

static u32 cifs_srv_attributes(const struct cifs_srv_node *node)
{
	return node->directory ? ATTR_DIRECTORY : ATTR_ARCHIVE;
}

static __le32 cifs_srv_create_cmd(struct cifs_srv_frame *frame)
{
	struct smb2_create_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv *srv = frame->conn->srv;
	struct cifs_srv_handle *handle = cifs_srv_reclaim(frame);
	u32 action = CIFS_SRV_OPENED;
	__le32 status;

	if (!handle) {
		status = cifs_srv_create_handle(frame, &handle, &action);
		frame->failed = status;
		if (status)
			return status;
		cifs_srv_grant_lease(srv, frame, handle);
		cifs_srv_make_durable(srv, frame, handle);
	}
	frame->fid = handle->fid;
	frame->log->fid = handle->fid;
	rsp->StructureSize = cpu_to_le16(89);
	rsp->CreateAction = cpu_to_le32(action);
	rsp->CreationTime = CIFS_SRV_TIME;
	rsp->LastAccessTime = CIFS_SRV_TIME;
	rsp->LastWriteTime = CIFS_SRV_TIME;
	rsp->ChangeTime = CIFS_SRV_TIME;
	rsp->AllocationSize = cpu_to_le64(handle->node->size);
	rsp->EndofFile = cpu_to_le64(handle->node->size);
	rsp->FileAttributes = cpu_to_le32(cifs_srv_attributes(handle->node));
	rsp->PersistentFileId = handle->fid;
	rsp->VolatileFileId = handle->fid;
	frame->out_len += sizeof(*rsp) + le32_to_cpu(rsp->CreateContextsLength);
	return 0;
}

static __le32 cifs_srv_close_cmd(struct cifs_srv_frame *frame)
{
	struct smb2_close_req *req = (void *)cifs_srv_req(frame);
	struct smb2_close_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv_handle *handle = cifs_srv_handle(frame, req->VolatileFileId);

	if (!handle)
		return STATUS_FILE_CLOSED;
	rsp->StructureSize = cpu_to_le16(60);
	if (req->Flags & SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB) {
		rsp->Flags = req->Flags;
		rsp->CreationTime = CIFS_SRV_TIME;
		rsp->LastAccessTime = CIFS_SRV_TIME;
		rsp->LastWriteTime = CIFS_SRV_TIME;
		rsp->ChangeTime = CIFS_SRV_TIME;
		rsp->AllocationSize = cpu_to_le64(handle->node->size);
		rsp->EndOfFile = cpu_to_le64(handle->node->size);
		rsp->Attributes = cpu_to_le32(cifs_srv_attributes(handle->node));
	}
	cifs_srv_close(frame->conn->srv, handle);
	frame->out_len += sizeof(*rsp);
	return 0;
}

static __le32 cifs_srv_flush(struct cifs_srv_frame *frame)
{
	struct smb2_flush_req *req = (void *)cifs_srv_req(frame);
	struct smb2_flush_rsp *rsp = cifs_srv_rsp(frame);

	if (!cifs_srv_handle(frame, req->VolatileFileId))
		return STATUS_FILE_CLOSED;
	rsp->StructureSize = cpu_to_le16(4);
	frame->out_len += sizeof(*rsp);
	return 0;
}

static __le32 cifs_srv_read_cmd(struct cifs_srv_frame *frame)
{
	struct smb2_read_req *req = (void *)cifs_srv_req(frame);
	struct smb2_read_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv_handle *handle = cifs_srv_handle(frame, req->VolatileFileId);
	u64 offset = le64_to_cpu(req->Offset);
	size_t len = min_t(size_t, le32_to_cpu(req->Length), CIFS_SRV_IO_SIZE);

	if (!handle)
		return STATUS_FILE_CLOSED;
	if (offset >= handle->node->size)
		return STATUS_END_OF_FILE;
	len = min_t(size_t, len, handle->node->size - offset);
	rsp->StructureSize = cpu_to_le16(17);
	rsp->DataOffset = sizeof(*rsp);
	rsp->DataLength = cpu_to_le32(len);
	memcpy(rsp->Buffer, handle->node->data + offset, len);
	frame->out_len += sizeof(*rsp) + len;
	return 0;
}

static __le32 cifs_srv_write_cmd(struct cifs_srv_frame *frame)
{
	struct smb2_write_req *req = (void *)cifs_srv_req(frame);
	struct smb2_write_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv_handle *handle = cifs_srv_handle(frame, req->VolatileFileId);
	u64 offset = le64_to_cpu(req->Offset);
	size_t len = le32_to_cpu(req->Length), at = le16_to_cpu(req->DataOffset);

	if (!handle)
		return STATUS_FILE_CLOSED;
	if (at + len > cifs_srv_req_len(frame) || offset + len > SZ_16M)
		return STATUS_INVALID_PARAMETER;
	if (!cifs_srv_resize(handle->node, max_t(size_t, handle->node->size, offset + len)))
		return STATUS_INSUFFICIENT_RESOURCES;
	memcpy(handle->node->data + offset, (u8 *)req + at, len);
	rsp->StructureSize = cpu_to_le16(17);
	rsp->DataLength = cpu_to_le32(len);
	frame->out_len += sizeof(*rsp);
	return 0;
}

static bool cifs_srv_conflicts(struct cifs_srv_handle *handle,
			       const struct smb2_lock_element *element)
{
	u64 start = le64_to_cpu(element->Offset), length = le64_to_cpu(element->Length);
	bool exclusive = element->Flags & cpu_to_le32(SMB2_LOCKFLAG_EXCLUSIVE);
	struct cifs_srv_lock *lock;

	list_for_each_entry(lock, &handle->node->locks, list) {
		if ((exclusive || lock->exclusive) && lock->handle != handle &&
		    start < lock->start + lock->length && lock->start < start + length)
			return true;
	}
	return false;
}

static __le32 cifs_srv_lock_one(struct cifs_srv *srv, struct cifs_srv_handle *handle,
				const struct smb2_lock_element *element)
{
	u32 flags = le32_to_cpu(element->Flags);
	struct cifs_srv_lock *lock;

	if (flags & SMB2_LOCKFLAG_UNLOCK) {
		list_for_each_entry(lock, &handle->node->locks, list) {
			if (lock->handle == handle &&
			    lock->start == le64_to_cpu(element->Offset) &&
			    lock->length == le64_to_cpu(element->Length)) {
				list_del(&lock->list);
				kfree(lock);
				return 0;
			}
		}
		return STATUS_RANGE_NOT_LOCKED;
	}
	if (cifs_srv_conflicts(handle, element))
		return flags & SMB2_LOCKFLAG_FAIL_IMMEDIATELY ? STATUS_LOCK_NOT_GRANTED :
								CIFS_SRV_BLOCKED;
	lock = kzalloc(sizeof(*lock), GFP_KERNEL);
	if (!lock)
		return STATUS_INSUFFICIENT_RESOURCES;
	lock->handle = handle;
	lock->start = le64_to_cpu(element->Offset);
	lock->length = le64_to_cpu(element->Length);
	lock->exclusive = flags & SMB2_LOCKFLAG_EXCLUSIVE;
	list_add_tail(&lock->list, &handle->node->locks);
	return 0;
}

static __le32 cifs_srv_lock_cmd(struct cifs_srv_frame *frame)
{
	struct smb2_lock_req *req = (void *)cifs_srv_req(frame);
	struct smb2_lock_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv_handle *handle = cifs_srv_handle(frame, req->VolatileFileId);
	const struct smb2_lock_element *elements;
	unsigned int i, nr = le16_to_cpu(req->LockCount);
	__le32 status;

	if (!handle)
		return STATUS_FILE_CLOSED;
	elements = (void *)req + offsetof(struct smb2_lock_req, VolatileFileId) + 8;
	if ((u8 *)(elements + nr) - (u8 *)req > cifs_srv_req_len(frame))
		return STATUS_INVALID_PARAMETER;
	for (i = 0; i < nr; i++) {
		status = cifs_srv_lock_one(frame->conn->srv, handle, elements + i);
		if (status)
			return status;
	}
	rsp->StructureSize = cpu_to_le16(4);
	frame->out_len += sizeof(*rsp);
	return 0;
}

static u32 cifs_srv_interfaces(struct cifs_srv *srv, u8 *data)
{
	const u32 size = 152;
	unsigned int i;

	for (i = 0; i < srv->options.interfaces; i++, data += size) {
		if (i + 1 < srv->options.interfaces)
			put_unaligned_le32(size, data);
		put_unaligned_le32(i + 1, data + 4);
		if (!srv->options.no_rss)
			put_unaligned_le32(RSS_CAPABLE, data + 8);
		put_unaligned_le64(1000000000, data + 16);
		put_unaligned_le16(2, data + 24);		/* IPv4 */
		put_unaligned_be16(srv->port, data + 26);
		put_unaligned_be32(INADDR_LOOPBACK + i, data + 28);
	}
	return i * size;
}

/* This server is the only target of what it is asked for. */
static u32 cifs_srv_referral(const u8 *path, size_t len, u8 *data)
{
	struct get_dfs_referral_rsp *rsp = (void *)data;
	struct dfs_referral_level_3 *referral = rsp->referrals;
	u8 *text = (u8 *)(referral + 1);

	rsp->PathConsumed = cpu_to_le16(len);
	rsp->NumberOfReferrals = cpu_to_le16(1);
	rsp->DFSFlags = cpu_to_le32(DFSREF_REFERRAL_SERVER | DFSREF_STORAGE_SERVER);
	referral->VersionNumber = cpu_to_le16(3);
	referral->Size = cpu_to_le16(sizeof(*referral));
	referral->ServerType = cpu_to_le16(1);
	referral->TimeToLive = cpu_to_le32(300);
	referral->DfsPathOffset = cpu_to_le16(sizeof(*referral));
	referral->DfsAlternatePathOffset = cpu_to_le16(sizeof(*referral));
	referral->NetworkAddressOffset = cpu_to_le16(sizeof(*referral));
	memcpy(text, path, len);
	return text + len + 2 - data;
}

static __le32 cifs_srv_ioctl(struct cifs_srv_frame *frame)
{
	struct smb2_ioctl_req *req = (void *)cifs_srv_req(frame);
	struct smb2_ioctl_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv *srv = frame->conn->srv;
	size_t at = le32_to_cpu(req->InputOffset), len = le32_to_cpu(req->InputCount);
	u32 code = le32_to_cpu(req->CtlCode), size = 0;
	u8 *in = (u8 *)req + at, *data = (u8 *)rsp + offsetof(struct smb2_ioctl_rsp, Reserved2) + 4;
	struct validate_negotiate_info_rsp *valid = (void *)data;
	char path[CIFS_SRV_NAME];

	if (at + len > cifs_srv_req_len(frame))
		return STATUS_INVALID_PARAMETER;
	switch (code) {
	case FSCTL_QUERY_NETWORK_INTERFACE_INFO:
		size = cifs_srv_interfaces(srv, data);
		break;
	case FSCTL_DFS_GET_REFERRALS:
		if (!srv->options.dfs || len < 6 || !cifs_srv_utf8(in + 2, len - 4, path))
			break;
		if (strchr(path + 1, '\\') && !strstr(path, "$"))
			size = cifs_srv_referral(in + 2, len - 4, data);
		break;
	case FSCTL_VALIDATE_NEGOTIATE_INFO:
		if (frame->conn->dialect >= 0x0311)
			break;
		valid->Guid[0] = 1;
		valid->SecurityMode = cpu_to_le16(SMB2_NEGOTIATE_SIGNING_ENABLED);
		valid->Dialect = cpu_to_le16(frame->conn->dialect);
		valid->Capabilities = cpu_to_le32(frame->conn->caps);
		size = sizeof(*valid);
		break;
	}
	if (!size)
		return STATUS_NOT_SUPPORTED;
	rsp->StructureSize = cpu_to_le16(49);
	rsp->CtlCode = req->CtlCode;
	rsp->PersistentFileId = req->PersistentFileId;
	rsp->VolatileFileId = req->VolatileFileId;
	rsp->OutputOffset = cpu_to_le32(data - (u8 *)rsp);
	rsp->OutputCount = cpu_to_le32(size);
	frame->out_len += le32_to_cpu(rsp->OutputOffset) + size;
	return 0;
}

static __le32 cifs_srv_echo(struct cifs_srv_frame *frame)
{
	struct smb2_echo_rsp *rsp = cifs_srv_rsp(frame);

	rsp->StructureSize = cpu_to_le16(4);
	frame->out_len += sizeof(*rsp);
	return 0;
}

/* The first 64 bytes that the formats have in common, without the name. */
static void cifs_srv_fill_dirent(u8 *entry, const struct cifs_srv_node *node)
{
	unsigned int i;

	for (i = 8; i < 40; i += 8)
		put_unaligned_le64(le64_to_cpu(CIFS_SRV_TIME), entry + i);
	put_unaligned_le64(node->size, entry + 40);
	put_unaligned_le64(node->size, entry + 48);
	put_unaligned_le32(cifs_srv_attributes(node), entry + 56);
}

static size_t cifs_srv_dirent_size(u8 class)
{
	switch (class) {
	case FILE_DIRECTORY_INFORMATION:
		return 64;
	case FILE_FULL_DIRECTORY_INFORMATION:
		return 68;
	case FILEID_FULL_DIRECTORY_INFORMATION:
		return 80;
	default:
		return 0;
	}
}

/* Entry n of a directory: itself, its parent, then what is in it. */
static const struct cifs_srv_node *cifs_srv_dirent(struct cifs_srv *srv,
						   const struct cifs_srv_node *dir,
						   unsigned int n, const char **name)
{
	const struct cifs_srv_node *node;

	if (n < 2) {
		*name = n ? ".." : ".";
		return dir;
	}
	list_for_each_entry(node, &srv->nodes, list) {
		*name = node->unlinked ? NULL : cifs_srv_child(dir, node->name);
		if (*name && n-- == 2)
			return node;
	}
	return NULL;
}

static __le32 cifs_srv_query_directory(struct cifs_srv_frame *frame)
{
	struct smb2_query_directory_req *req = (void *)cifs_srv_req(frame);
	struct smb2_query_directory_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv *srv = frame->conn->srv;
	struct cifs_srv_handle *handle = cifs_srv_handle(frame, req->VolatileFileId);
	size_t room = min_t(size_t, le32_to_cpu(req->OutputBufferLength), CIFS_SRV_INFO_SIZE);
	size_t size = cifs_srv_dirent_size(req->FileInformationClass), len, at, used = 0;
	const struct cifs_srv_node *node;
	u8 *entry = NULL, *next;
	const char *name;

	if (!handle)
		return STATUS_FILE_CLOSED;
	if (!size)
		return STATUS_INVALID_INFO_CLASS;
	if (req->Flags & SMB2_RESTART_SCANS)
		handle->position = 0;
	while ((node = cifs_srv_dirent(srv, handle->node, handle->position, &name))) {
		at = ALIGN(used, 8);
		if (at + size + 2 * CIFS_SRV_NAME > room)
			break;
		next = rsp->Buffer + at;
		if (entry)
			put_unaligned_le32(next - entry, entry);
		entry = next;
		cifs_srv_fill_dirent(entry, node);
		len = cifs_srv_utf16(name, entry + size);
		put_unaligned_le32(len, entry + 60);
		if (size == 80)
			put_unaligned_le64(node->id, entry + 72);
		used = at + size + len;
		handle->position++;
		if (req->Flags & SMB2_RETURN_SINGLE_ENTRY)
			break;
	}
	if (!used)
		return STATUS_NO_MORE_FILES;
	rsp->StructureSize = cpu_to_le16(9);
	rsp->OutputBufferOffset = cpu_to_le16(sizeof(*rsp));
	rsp->OutputBufferLength = cpu_to_le32(used);
	frame->out_len += sizeof(*rsp) + used;
	return 0;
}

static u32 cifs_srv_file_info(const struct cifs_srv_handle *handle, u8 class, u8 *data)
{
	const struct cifs_srv_node *node = handle->node;
	struct smb2_file_all_info *all = (void *)data;
	struct smb2_file_network_open_info *open = (void *)data;

	switch (class) {
	case FILE_ALL_INFORMATION:
		all->CreationTime = CIFS_SRV_TIME;
		all->LastAccessTime = CIFS_SRV_TIME;
		all->LastWriteTime = CIFS_SRV_TIME;
		all->ChangeTime = CIFS_SRV_TIME;
		all->Attributes = cpu_to_le32(cifs_srv_attributes(node));
		all->AllocationSize = cpu_to_le64(node->size);
		all->EndOfFile = cpu_to_le64(node->size);
		all->NumberOfLinks = cpu_to_le32(1);
		all->DeletePending = handle->delete_on_close || node->unlinked;
		all->Directory = node->directory;
		all->IndexNumber = cpu_to_le64(node->id);
		/* the client wants more than the empty name of the specification */
		put_unaligned_le32(4, data + 96);
		return 104;
	case FILE_NETWORK_OPEN_INFORMATION:
		open->CreationTime = CIFS_SRV_TIME;
		open->LastAccessTime = CIFS_SRV_TIME;
		open->LastWriteTime = CIFS_SRV_TIME;
		open->ChangeTime = CIFS_SRV_TIME;
		open->AllocationSize = cpu_to_le64(node->size);
		open->EndOfFile = cpu_to_le64(node->size);
		open->Attributes = cpu_to_le32(cifs_srv_attributes(node));
		return sizeof(*open);
	case FILE_INTERNAL_INFORMATION:
		put_unaligned_le64(node->id, data);
		return 8;
	default:
		return 0;
	}
}

static u32 cifs_srv_fs_info(u8 class, u8 *data)
{
	switch (class) {
	case FS_ATTRIBUTE_INFORMATION:
		put_unaligned_le32(0x2f, data);		/* case, Unicode, ACLs, sparse files */
		put_unaligned_le32(255, data + 4);
		put_unaligned_le32(8, data + 8);
		cifs_srv_utf16("NTFS", data + 12);
		return 20;
	case FS_DEVICE_INFORMATION:
		put_unaligned_le32(7, data);		/* a disk */
		return 8;
	case FS_VOLUME_INFORMATION:
		put_unaligned_le32(1, data + 8);
		return 20;
	case FS_FULL_SIZE_INFORMATION:
		put_unaligned_le64(1024, data);
		put_unaligned_le64(512, data + 8);
		put_unaligned_le64(512, data + 16);
		put_unaligned_le32(1, data + 24);
		put_unaligned_le32(4096, data + 28);
		return 32;
	case FS_SECTOR_SIZE_INFORMATION:
		put_unaligned_le32(512, data);
		put_unaligned_le32(4096, data + 4);
		put_unaligned_le32(4096, data + 8);
		put_unaligned_le32(4096, data + 12);
		return 28;
	default:
		return 0;
	}
}

static __le32 cifs_srv_query_info(struct cifs_srv_frame *frame)
{
	struct smb2_query_info_req *req = (void *)cifs_srv_req(frame);
	struct smb2_query_info_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv_handle *handle = cifs_srv_handle(frame, req->VolatileFileId);
	u32 size = 0;

	if (!handle)
		return STATUS_FILE_CLOSED;
	if (req->InfoType == SMB2_O_INFO_FILE)
		size = cifs_srv_file_info(handle, req->FileInfoClass, rsp->Buffer);
	else if (req->InfoType == SMB2_O_INFO_FILESYSTEM)
		size = cifs_srv_fs_info(req->FileInfoClass, rsp->Buffer);
	if (!size)
		return STATUS_NOT_SUPPORTED;
	rsp->StructureSize = cpu_to_le16(9);
	rsp->OutputBufferOffset = cpu_to_le16(sizeof(*rsp));
	rsp->OutputBufferLength = cpu_to_le32(size);
	frame->out_len += sizeof(*rsp) + size;
	return 0;
}

static void cifs_srv_move(struct cifs_srv *srv, struct cifs_srv_node *node, const char *name)
{
	size_t len = strlen(node->name);
	struct cifs_srv_node *other;
	char old[CIFS_SRV_NAME], tail[CIFS_SRV_NAME];

	strscpy(old, node->name, sizeof(old));
	list_for_each_entry(other, &srv->nodes, list) {
		if (!strncmp(other->name, old, len) && other->name[len] == '\\') {
			strscpy(tail, other->name + len, sizeof(tail));
			snprintf(other->name, sizeof(other->name), "%s%s", name, tail);
		}
	}
	strscpy(node->name, name, sizeof(node->name));
}

static __le32 cifs_srv_rename(struct cifs_srv_frame *frame, struct cifs_srv_handle *handle,
			      const struct smb2_file_rename_info *info, size_t room)
{
	struct cifs_srv *srv = frame->conn->srv;
	u32 len = le32_to_cpu(info->FileNameLength);
	char path[CIFS_SRV_NAME];
	struct cifs_srv_node *there;

	if (sizeof(*info) + len > room || !cifs_srv_utf8((u8 *)(info + 1), len, path))
		return STATUS_INVALID_PARAMETER;
	there = cifs_srv_find(srv, path);
	if (there && there != handle->node) {
		if (!info->ReplaceIfExists || there->directory)
			return STATUS_OBJECT_NAME_COLLISION;
		there->unlinked = true;
		if (!there->opens)
			cifs_srv_free_node(there);
	}
	if (!cifs_srv_has_parent(srv, path))
		return STATUS_OBJECT_PATH_NOT_FOUND;
	cifs_srv_move(srv, handle->node, path);
	return 0;
}

static __le32 cifs_srv_set_info(struct cifs_srv_frame *frame)
{
	struct smb2_set_info_req *req = (void *)cifs_srv_req(frame);
	struct smb2_set_info_rsp *rsp = cifs_srv_rsp(frame);
	struct cifs_srv *srv = frame->conn->srv;
	struct cifs_srv_handle *handle = cifs_srv_handle(frame, req->VolatileFileId);
	size_t at = le16_to_cpu(req->BufferOffset), len = le32_to_cpu(req->BufferLength);
	u8 *data = (u8 *)req + at;
	__le32 status = 0;

	if (!handle)
		return STATUS_FILE_CLOSED;
	if (at + len > cifs_srv_req_len(frame) || !len)
		return STATUS_INVALID_PARAMETER;
	if (req->InfoType != SMB2_O_INFO_FILE)
		return STATUS_NOT_SUPPORTED;
	switch (req->FileInfoClass) {
	case FILE_BASIC_INFORMATION:
	case FILE_ALLOCATION_INFORMATION:
		break;
	case FILE_RENAME_INFORMATION:
		status = cifs_srv_rename(frame, handle, (void *)data, len);
		break;
	case FILE_DISPOSITION_INFORMATION:
		if (*data && handle->node->directory && cifs_srv_has_children(srv, handle->node))
			status = STATUS_DIRECTORY_NOT_EMPTY;
		else
			handle->delete_on_close = *data;
		break;
	case FILE_END_OF_FILE_INFORMATION:
		if (len < 8 || get_unaligned_le64(data) > SZ_16M)
			status = STATUS_INVALID_PARAMETER;
		else if (!cifs_srv_resize(handle->node, get_unaligned_le64(data)))
			status = STATUS_INSUFFICIENT_RESOURCES;
		break;
	default:
		status = STATUS_NOT_SUPPORTED;
	}
	if (status)
		return status;
	rsp->StructureSize = cpu_to_le16(2);
	frame->out_len += sizeof(*rsp);
	return 0;
}

static __le32 cifs_srv_acknowledge(struct cifs_srv_frame *frame)
{
	struct smb2_oplock_break *req = (void *)cifs_srv_req(frame);
	struct smb2_oplock_break *rsp = cifs_srv_rsp(frame);
	u16 size = le16_to_cpu(req->StructureSize) == 36 ? 36 : 24;

	if (size == 24 && !cifs_srv_handle(frame, req->VolatileFid))
		return STATUS_FILE_CLOSED;
	if (sizeof(struct smb2_hdr) + size > cifs_srv_req_len(frame))
		return STATUS_INVALID_PARAMETER;
	memcpy((u8 *)rsp + sizeof(rsp->hdr), (u8 *)req + sizeof(req->hdr), size);
	frame->out_len += sizeof(struct smb2_hdr) + size;
	return 0;
}

/* Has a request that is held, or that waits for a lock, be answered so. */
static __le32 cifs_srv_cancel(struct cifs_srv_frame *frame)
{
	struct smb2_hdr *req = cifs_srv_req(frame);
	struct cifs_srv_frame *held;

	frame->unanswered = true;
	list_for_each_entry(held, &frame->conn->srv->held, held) {
		if (held->conn != frame->conn)
			continue;
		if (req->Flags & SMB2_FLAGS_ASYNC_COMMAND ?
		    held->async_id == le64_to_cpu(req->Id.AsyncId) :
		    cifs_srv_req(held)->MessageId == req->MessageId)
			held->rule.status = STATUS_CANCELLED;
	}
	cifs_srv_resume_blocked(frame->conn->srv);
	return 0;
}

static __le32 (*const cifs_srv_commands[CIFS_SRV_COMMANDS])(struct cifs_srv_frame *frame) = {
	[SMB2_NEGOTIATE_HE] = cifs_srv_negotiate,
	[SMB2_SESSION_SETUP_HE] = cifs_srv_session_setup,
	[SMB2_LOGOFF_HE] = cifs_srv_logoff,
	[SMB2_TREE_CONNECT_HE] = cifs_srv_tree_connect,
	[SMB2_TREE_DISCONNECT_HE] = cifs_srv_tree_disconnect,
	[SMB2_CREATE_HE] = cifs_srv_create_cmd,
	[SMB2_CLOSE_HE] = cifs_srv_close_cmd,
	[SMB2_FLUSH_HE] = cifs_srv_flush,
	[SMB2_READ_HE] = cifs_srv_read_cmd,
	[SMB2_WRITE_HE] = cifs_srv_write_cmd,
	[SMB2_LOCK_HE] = cifs_srv_lock_cmd,
	[SMB2_IOCTL_HE] = cifs_srv_ioctl,
	[SMB2_CANCEL_HE] = cifs_srv_cancel,
	[SMB2_ECHO_HE] = cifs_srv_echo,
	[SMB2_QUERY_DIRECTORY_HE] = cifs_srv_query_directory,
	[SMB2_QUERY_INFO_HE] = cifs_srv_query_info,
	[SMB2_SET_INFO_HE] = cifs_srv_set_info,
	[SMB2_OPLOCK_BREAK_HE] = cifs_srv_acknowledge,
};

/* A session, and a tree of it, unless the command needs none. */
static __le32 cifs_srv_check_ids(struct cifs_srv_frame *frame)
{
	struct cifs_srv *srv = frame->conn->srv;
	u16 command = cifs_srv_command(frame);
	struct cifs_srv_session *session;

	if (command == SMB2_NEGOTIATE_HE || command == SMB2_SESSION_SETUP_HE ||
	    command == SMB2_ECHO_HE || command == SMB2_CANCEL_HE)
		return 0;
	session = cifs_srv_session(frame);
	if (!session || !session->established) {
		srv->faults.stale_session++;
		return STATUS_USER_SESSION_DELETED;
	}
	if (command == SMB2_LOGOFF_HE || command == SMB2_TREE_CONNECT_HE)
		return 0;
	if (!cifs_srv_find_tree(session, frame->tree)) {
		srv->faults.stale_tree++;
		return STATUS_NETWORK_NAME_DELETED;
	}
	return 0;
}

static __le32 cifs_srv_do(struct cifs_srv_frame *frame)
{
	u16 command = cifs_srv_command(frame);
	__le32 status;

	if (cifs_srv_related(frame) && frame->failed)
		return frame->failed;
	status = cifs_srv_check_ids(frame);
	if (status)
		return status;
	if (!cifs_srv_commands[command])
		return STATUS_NOT_SUPPORTED;
	return cifs_srv_commands[command](frame);
}

/* A status that a case asks for has the consequences that it tells of. */
static __le32 cifs_srv_do_status(struct cifs_srv_frame *frame, __le32 status)
{
	struct cifs_srv *srv = frame->conn->srv;
	struct cifs_srv_session *session = cifs_srv_session(frame);
	struct cifs_srv_tree *tree;

	if (cifs_srv_command(frame) == SMB2_CREATE_HE)
		frame->failed = status;
	if (!session)
		return status;
	if (!session->established) {
		cifs_srv_drop_session(srv, session, false);
		return status;
	}
	tree = cifs_srv_find_tree(session, frame->tree);
	if (status == STATUS_USER_SESSION_DELETED || status == STATUS_NETWORK_SESSION_EXPIRED)
		cifs_srv_drop_session(srv, session, true);
	else if (status == STATUS_NETWORK_NAME_DELETED && tree)
		cifs_srv_drop_tree(srv, session, tree);
	return status;
}

static void cifs_srv_use_bytes(struct cifs_srv_frame *frame)
{
	struct smb2_hdr *rsp = cifs_srv_rsp(frame);
	size_t len = min_t(size_t, frame->rule.len, CIFS_SRV_ROOM - frame->start);

	memset(rsp, 0, frame->out_len - frame->start);
	memcpy(rsp, frame->rule.bytes, len);
	frame->out_len = frame->start + len;
}

static void cifs_srv_fill_header(struct cifs_srv_frame *frame, __le32 status)
{
	struct smb2_hdr *req = cifs_srv_req(frame), *rsp = cifs_srv_rsp(frame);
	struct smb2_err_rsp *error = (void *)rsp;

	if (frame->out_len == frame->start) {
		frame->out_len += sizeof(*error) + 1;
		error->StructureSize = cpu_to_le16(9);
	}
	rsp->ProtocolId = SMB2_PROTO_NUMBER;
	rsp->StructureSize = cpu_to_le16(64);
	rsp->CreditCharge = req->CreditCharge;
	rsp->Status = status;
	rsp->Command = req->Command;
	rsp->Flags = SMB2_FLAGS_SERVER_TO_REDIR | (req->Flags & SMB2_FLAGS_RELATED_OPERATIONS);
	if (frame->rule.bytes)
		cifs_srv_use_bytes(frame);
	rsp->MessageId = req->MessageId;
	rsp->SessionId = cpu_to_le64(frame->session);
	if (frame->async_id) {
		/* the interim answer has granted the credits */
		rsp->Flags |= SMB2_FLAGS_ASYNC_COMMAND;
		rsp->Id.AsyncId = cpu_to_le64(frame->async_id);
	} else {
		rsp->CreditRequest = cifs_srv_grant_credits(frame);
		rsp->Id.SyncId.ProcessId = req->Id.SyncId.ProcessId;
		rsp->Id.SyncId.TreeId = cpu_to_le32(frame->tree);
	}
	frame->async_id = 0;
}

/* The rule for the next request of this kind; it counts those that it sees. */
static void cifs_srv_match(struct cifs_srv_frame *frame)
{
	struct cifs_srv *srv = frame->conn->srv;
	u16 command = cifs_srv_command(frame);
	struct cifs_srv_rule *rule;
	unsigned int i;

	memset(&frame->rule, 0, sizeof(frame->rule));
	for (i = 0; i < srv->nr_rules; i++) {
		rule = &srv->rules[i];
		if ((rule->command != CIFS_SRV_ANY && rule->command != command) || !rule->count)
			continue;
		if (rule->skip) {
			rule->skip--;
			continue;
		}
		if (rule->count != U32_MAX)
			rule->count--;
		frame->rule = *rule;
		return;
	}
}

static void cifs_srv_begin(struct cifs_srv_frame *frame)
{
	struct cifs_srv *srv = frame->conn->srv;
	struct smb2_hdr *req = cifs_srv_req(frame);

	if (!cifs_srv_related(frame)) {
		frame->session = le64_to_cpu(req->SessionId);
		frame->tree = le32_to_cpu(req->Id.SyncId.TreeId);
		frame->fid = U64_MAX;
		frame->failed = 0;
	}
	frame->log = &srv->log[srv->nr_log++ % CIFS_SRV_LOG];
	*frame->log = (struct cifs_srv_request){
		.connection = frame->conn->number,
		.command = cifs_srv_command(frame),
		.mid = le64_to_cpu(req->MessageId),
		.session = frame->session,
		.tree = frame->tree,
	};
	srv->seen[cifs_srv_command(frame)]++;
	frame->conn->seen[cifs_srv_command(frame)]++;
	cifs_srv_take_credits(frame);
	cifs_srv_match(frame);
	if (frame->rule.break_first)
		cifs_srv_break_locked(srv, NULL, frame->rule.break_to);
	if (frame->rule.pending)
		cifs_srv_send_pending(frame);
}

/* Aligns the answer to a part of a compound for the next one. */
static bool cifs_srv_next(struct cifs_srv_frame *frame)
{
	struct smb2_hdr *req = cifs_srv_req(frame), *rsp = cifs_srv_rsp(frame);
	size_t next;

	if (!req->NextCommand)
		return false;
	frame->pos += le32_to_cpu(req->NextCommand);
	next = ALIGN(frame->out_len - 4, 8) + 4;
	rsp->NextCommand = cpu_to_le32(next - frame->start);
	frame->start = next;
	frame->out_len = next;
	return true;
}

static void cifs_srv_free_frame(struct cifs_srv_frame *frame)
{
	kvfree(frame->in);
	kvfree(frame->out);
	kfree(frame);
}

static bool cifs_srv_valid(struct cifs_srv_frame *frame)
{
	size_t left = frame->in_len - frame->pos, next;

	if (left < sizeof(struct smb2_hdr) + 4)
		return false;
	next = le32_to_cpu(cifs_srv_req(frame)->NextCommand);
	return next < left && cifs_srv_command(frame) < CIFS_SRV_COMMANDS &&
	       cifs_srv_req(frame)->ProtocolId == SMB2_PROTO_NUMBER;
}

/* One request of a frame; returns whether the frame is done with or held. */
static bool cifs_srv_step(struct cifs_srv_frame *frame, bool *held)
{
	struct cifs_srv *srv = frame->conn->srv;
	__le32 status;

	if (!frame->resumed) {
		if (!cifs_srv_valid(frame)) {
			frame->cut = true;
			return true;
		}
		cifs_srv_begin(frame);
		if (frame->rule.action == CIFS_SRV_CUT_BEFORE) {
			frame->cut = true;
			frame->unanswered = true;
			return true;
		}
		if (frame->rule.action == CIFS_SRV_HOLD) {
			list_add_tail(&frame->held, &srv->held);
			*held = true;
			return true;
		}
	}
	frame->resumed = false;
	frame->blocked = false;
	status = frame->rule.status ? cifs_srv_do_status(frame, frame->rule.status) :
				      cifs_srv_do(frame);
	if (status == CIFS_SRV_BLOCKED) {
		if (!frame->async_id)
			cifs_srv_send_pending(frame);
		frame->blocked = true;
		frame->resumed = true;
		list_add_tail(&frame->held, &srv->held);
		*held = true;
		return true;
	}
	frame->log->status = status;
	frame->log->answered = true;
	if (frame->rule.break_then)
		cifs_srv_break_locked(srv, NULL, frame->rule.break_to);
	cifs_srv_fill_header(frame, status);
	if (frame->rule.len && !frame->rule.bytes)
		frame->out_len = min(frame->out_len, frame->start + frame->rule.len);
	switch (frame->rule.action) {
	case CIFS_SRV_DROP:
		frame->unanswered = true;
		break;
	case CIFS_SRV_CUT_AFTER:
		frame->unanswered = true;
		frame->cut = true;
		break;
	case CIFS_SRV_CUT_ANSWERED:
		frame->cut = true;
		break;
	default:
		break;
	}
	return !cifs_srv_next(frame);
}

/* Goes through a frame's requests until it is answered or held. */
static void cifs_srv_run(struct cifs_srv_frame *frame)
{
	struct cifs_srv *srv = frame->conn->srv;
	bool held = false;

	lockdep_assert_held(&srv->lock);
	while (!cifs_srv_step(frame, &held))
		;
	if (!held) {
		if (frame->unanswered)
			frame->log->answered = false;
		else if (!frame->cut || frame->out_len > 4)
			cifs_srv_send(frame->conn, frame->out, frame->out_len);
		if (frame->cut)
			cifs_srv_cut_conn(frame->conn);
		cifs_srv_free_frame(frame);
	}
	wake_up_all(&srv->wait);
}

static void cifs_srv_resume(struct cifs_srv_frame *frame)
{
	list_del_init(&frame->held);
	frame->resumed = true;
	cifs_srv_run(frame);
}

/* After an unlock, a close or a CANCEL; who is still blocked goes on waiting. */
static void cifs_srv_resume_blocked(struct cifs_srv *srv)
{
	struct cifs_srv_frame *frame;
	unsigned int i, nr = 0;

	list_for_each_entry(frame, &srv->held, held)
		nr++;
	for (i = 0; i < nr && !list_empty(&srv->held); i++) {
		frame = list_first_entry(&srv->held, struct cifs_srv_frame, held);
		if (frame->blocked || frame->rule.status == STATUS_CANCELLED)
			cifs_srv_resume(frame);
		else
			list_move_tail(&frame->held, &srv->held);
	}
}

/* The kthreads. */

static bool cifs_srv_receive(struct cifs_srv_conn *conn, void *to, size_t len)
{
	struct kvec vec = { to, len };
	struct msghdr msg = {};

	return kernel_recvmsg(conn->sock, &msg, &vec, 1, len, MSG_WAITALL) == len;
}

static struct cifs_srv_frame *cifs_srv_receive_frame(struct cifs_srv_conn *conn)
{
	struct cifs_srv_frame *frame;
	__be32 head;
	size_t len;

	if (!cifs_srv_receive(conn, &head, sizeof(head)))
		return NULL;
	len = be32_to_cpu(head) & 0xffffff;
	if (len > CIFS_SRV_ROOM)
		return NULL;
	frame = kzalloc(sizeof(*frame), GFP_KERNEL);
	if (!frame)
		return NULL;
	INIT_LIST_HEAD(&frame->held);
	frame->conn = conn;
	frame->in_len = len;
	frame->in = kvzalloc(len, GFP_KERNEL);
	frame->out = kvzalloc(CIFS_SRV_ROOM + 4, GFP_KERNEL);
	frame->start = 4;
	frame->out_len = 4;
	if (frame->in && frame->out && cifs_srv_receive(conn, frame->in, len))
		return frame;
	cifs_srv_free_frame(frame);
	return NULL;
}

static int cifs_srv_serve(void *data)
{
	struct cifs_srv_conn *conn = data;
	struct cifs_srv *srv = conn->srv;
	struct cifs_srv_frame *frame, *next;
	struct socket *sock = conn->sock;

	while ((frame = cifs_srv_receive_frame(conn))) {
		mutex_lock(&srv->lock);
		cifs_srv_run(frame);
		cifs_srv_resume_blocked(srv);
		mutex_unlock(&srv->lock);
	}
	mutex_lock(&srv->lock);
	conn->sock = NULL;
	list_for_each_entry_safe(frame, next, &srv->held, held) {
		if (frame->conn == conn) {
			list_del(&frame->held);
			cifs_srv_free_frame(frame);
		}
	}
	cifs_srv_end_conn(conn);
	cifs_srv_resume_blocked(srv);
	wake_up_all(&srv->wait);
	mutex_unlock(&srv->lock);
	kernel_sock_shutdown(sock, SHUT_RDWR);
	sock_release(sock);
	return 0;
}

static void cifs_srv_new_conn(struct cifs_srv *srv, struct socket *sock)
{
	struct cifs_srv_conn *conn = kzalloc(sizeof(*conn), GFP_KERNEL);

	mutex_lock(&srv->lock);
	if (!conn || srv->refuse)
		goto refuse;
	conn->srv = srv;
	conn->sock = sock;
	conn->number = ++srv->nr_conns;
	conn->credits = 1;
	tcp_sock_set_nodelay(sock->sk);
	conn->task = kthread_create(cifs_srv_serve, conn, "cifs_srv/%u", conn->number);
	if (IS_ERR(conn->task))
		goto refuse;
	get_task_struct(conn->task);
	list_add_tail(&conn->list, &srv->conns);
	wake_up_process(conn->task);
	mutex_unlock(&srv->lock);
	return;
refuse:
	mutex_unlock(&srv->lock);
	kfree(conn);
	sock_release(sock);
}

/* On any port first, on the same one later. */
static int cifs_srv_listen(struct cifs_srv *srv)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_ANY),
		.sin_port = htons(srv->port),
	};
	struct socket *sock;
	int rc;

	rc = sock_create_kern(&init_net, PF_INET, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (rc)
		return rc;
	sock_set_reuseaddr(sock->sk);
	rc = kernel_bind(sock, (void *)&addr, sizeof(addr));
	if (!rc)
		rc = kernel_listen(sock, 64);
	if (!rc)
		rc = min(kernel_getsockname(sock, (struct sockaddr *)&addr), 0);
	if (rc) {
		sock_release(sock);
		return rc;
	}
	srv->port = ntohs(addr.sin_port);
	mutex_lock(&srv->lock);
	srv->listener = sock;
	mutex_unlock(&srv->lock);
	wake_up_all(&srv->wait);
	return 0;
}

static void cifs_srv_end_listening(struct cifs_srv *srv)
{
	struct socket *sock;

	mutex_lock(&srv->lock);
	sock = srv->listener;
	srv->listener = NULL;
	mutex_unlock(&srv->lock);
	if (sock)
		sock_release(sock);
	wake_up_all(&srv->wait);
}

static int cifs_srv_accept(void *data)
{
	struct cifs_srv *srv = data;
	struct socket *sock;

	while (!READ_ONCE(srv->stopped)) {
		if (READ_ONCE(srv->refuse)) {
			cifs_srv_end_listening(srv);
			wait_event(srv->wait, !READ_ONCE(srv->refuse) || READ_ONCE(srv->stopped));
		} else if (!srv->listener) {
			if (cifs_srv_listen(srv))
				schedule_timeout_uninterruptible(1);
		} else if (kernel_accept(srv->listener, &sock, 0)) {
			cifs_srv_end_listening(srv);
		} else {
			cifs_srv_new_conn(srv, sock);
		}
	}
	cifs_srv_end_listening(srv);
	return 0;
}

/**
 * cifs_srv_start() - start a server
 * @test: the case, which an error fails
 * @options: what it can do; copied
 *
 * The loopback device must be up. May sleep.
 *
 * Return: the server, with an empty share; cifs_srv_stop() ends it. NULL on
 * failure.
 */
struct cifs_srv *cifs_srv_start(struct kunit *test, const struct cifs_srv_options *options)
{
	struct cifs_srv *srv = kvzalloc(sizeof(*srv), GFP_KERNEL);
	int rc = -ENOMEM;

	if (!srv)
		goto failed;
	srv->test = test;
	srv->options = *options;
	srv->grant = CIFS_SRV_RWH;
	mutex_init(&srv->lock);
	init_waitqueue_head(&srv->wait);
	INIT_LIST_HEAD(&srv->conns);
	INIT_LIST_HEAD(&srv->sessions);
	INIT_LIST_HEAD(&srv->handles);
	INIT_LIST_HEAD(&srv->nodes);
	INIT_LIST_HEAD(&srv->held);
	if (!cifs_srv_new_node(srv, "", true))
		goto free;
	rc = cifs_srv_listen(srv);
	if (rc)
		goto release;
	srv->task = kthread_create(cifs_srv_accept, srv, "cifs_srv");
	rc = PTR_ERR_OR_ZERO(srv->task);
	if (rc)
		goto release;
	get_task_struct(srv->task);
	wake_up_process(srv->task);
	return srv;

release:
	cifs_srv_end_listening(srv);
	cifs_srv_free_node(list_first_entry(&srv->nodes, struct cifs_srv_node, list));
free:
	kvfree(srv);
failed:
	KUNIT_FAIL(test, "the server does not start: %d", rc);
	return NULL;
}

static void cifs_srv_free_state(struct cifs_srv *srv)
{
	struct cifs_srv_session *session, *next_session;
	struct cifs_srv_handle *handle, *next_handle;
	struct cifs_srv_node *node, *next_node;

	list_for_each_entry_safe(session, next_session, &srv->sessions, list)
		cifs_srv_drop_session(srv, session, false);
	list_for_each_entry_safe(handle, next_handle, &srv->handles, list)
		cifs_srv_close(srv, handle);
	list_for_each_entry_safe(node, next_node, &srv->nodes, list)
		cifs_srv_free_node(node);
}

static void cifs_srv_wake_accept(struct cifs_srv *srv)
{
	mutex_lock(&srv->lock);
	if (srv->listener)
		kernel_sock_shutdown(srv->listener, SHUT_RDWR);
	mutex_unlock(&srv->lock);
	wake_up_all(&srv->wait);
}

/**
 * cifs_srv_stop() - end a server, and free it
 * @srv: the server
 *
 * Cuts all connections. Must not be called from one of the server's kthreads.
 * May sleep.
 */
void cifs_srv_stop(struct cifs_srv *srv)
{
	struct cifs_srv_conn *conn, *next;

	WRITE_ONCE(srv->stopped, true);
	cifs_srv_wake_accept(srv);
	kthread_stop(srv->task);
	put_task_struct(srv->task);
	cifs_srv_cut(srv);
	list_for_each_entry_safe(conn, next, &srv->conns, list) {
		kthread_stop(conn->task);
		put_task_struct(conn->task);
		list_del(&conn->list);
		kfree(conn);
	}
	cifs_srv_free_state(srv);
	kvfree(srv);
}

/**
 * cifs_srv_port() - the port that a server listens on
 * @srv: the server
 *
 * Return: the port, in host order.
 */
u16 cifs_srv_port(const struct cifs_srv *srv)
{
	return srv->port;
}

/**
 * cifs_srv_share() - the name of a server's share
 * @srv: the server
 *
 * The client caches referrals by name, and longer than a case takes: what was
 * in DFS has a name of its own.
 *
 * Return: the name.
 */
const char *cifs_srv_share(const struct cifs_srv *srv)
{
	return srv->options.dfs ? "dfs" : "share";
}

/**
 * cifs_srv_on() - tell a server what to do with requests to come
 * @srv: the server
 * @rule: copied; of several that match, the first one that was given is applied
 *
 * May sleep. Fails the case if there are too many rules.
 */
void cifs_srv_on(struct cifs_srv *srv, const struct cifs_srv_rule *rule)
{
	mutex_lock(&srv->lock);
	if (srv->nr_rules < CIFS_SRV_RULES) {
		srv->rules[srv->nr_rules] = *rule;
		if (!rule->count)
			srv->rules[srv->nr_rules].count = 1;
		srv->nr_rules++;
	} else {
		KUNIT_FAIL(srv->test, "too many rules for the server");
	}
	mutex_unlock(&srv->lock);
}

/**
 * cifs_srv_clear_rules() - have a server answer everything again
 * @srv: the server
 *
 * What is held stays so. May sleep.
 */
void cifs_srv_clear_rules(struct cifs_srv *srv)
{
	mutex_lock(&srv->lock);
	srv->nr_rules = 0;
	mutex_unlock(&srv->lock);
}

static unsigned int cifs_srv_nr_held(struct cifs_srv *srv, u16 command)
{
	struct cifs_srv_frame *frame;
	unsigned int nr = 0;

	mutex_lock(&srv->lock);
	list_for_each_entry(frame, &srv->held, held)
		nr += command == CIFS_SRV_ANY || cifs_srv_command(frame) == command;
	mutex_unlock(&srv->lock);
	return nr;
}

/**
 * cifs_srv_seen() - count the requests of a kind
 * @srv: the server
 * @command: SMB2_*_HE, or CIFS_SRV_ANY
 *
 * May sleep.
 *
 * Return: how many have come, parts of compounds included.
 */
unsigned int cifs_srv_seen(struct cifs_srv *srv, u16 command)
{
	unsigned int i, nr = 0;

	mutex_lock(&srv->lock);
	for (i = 0; i < CIFS_SRV_COMMANDS; i++)
		nr += command == CIFS_SRV_ANY || command == i ? srv->seen[i] : 0;
	mutex_unlock(&srv->lock);
	return nr;
}

/**
 * cifs_srv_seen_on() - count the requests of a kind on one connection
 * @srv: the server
 * @connection: its number, from 1 on
 * @command: SMB2_*_HE
 *
 * May sleep.
 *
 * Return: how many have come, parts of compounds included.
 */
unsigned int cifs_srv_seen_on(struct cifs_srv *srv, unsigned int connection, u16 command)
{
	struct cifs_srv_conn *conn;
	unsigned int nr = 0;

	mutex_lock(&srv->lock);
	list_for_each_entry(conn, &srv->conns, list) {
		if (conn->number == connection)
			nr = conn->seen[command];
	}
	mutex_unlock(&srv->lock);
	return nr;
}

/**
 * cifs_srv_wait_seen() - wait until requests have come
 * @srv: the server
 * @command: SMB2_*_HE, or CIFS_SRV_ANY
 * @n: how many, since the server was started
 *
 * Waits 20 s at most, and fails the case then. May sleep.
 *
 * Return: whether they have come.
 */
bool cifs_srv_wait_seen(struct cifs_srv *srv, u16 command, unsigned int n)
{
	bool seen = wait_event_timeout(srv->wait, cifs_srv_seen(srv, command) >= n,
				       CIFS_SRV_WAIT);

	KUNIT_EXPECT_TRUE_MSG(srv->test, seen, "%u requests of kind %#x have not come", n, command);
	return seen;
}

/**
 * cifs_srv_wait_held() - wait until requests are held
 * @srv: the server
 * @command: SMB2_*_HE, or CIFS_SRV_ANY
 * @n: how many, at the same time
 *
 * Waits 20 s at most, and fails the case then. May sleep.
 *
 * Return: whether they are.
 */
bool cifs_srv_wait_held(struct cifs_srv *srv, u16 command, unsigned int n)
{
	bool held = wait_event_timeout(srv->wait, cifs_srv_nr_held(srv, command) >= n,
				       CIFS_SRV_WAIT);

	KUNIT_EXPECT_TRUE_MSG(srv->test, held, "%u requests of kind %#x are not held", n, command);
	return held;
}

/**
 * cifs_srv_release() - do and answer what is held
 * @srv: the server
 * @command: SMB2_*_HE, or CIFS_SRV_ANY
 *
 * In the order in which the requests came. May sleep.
 *
 * Return: how many there were.
 */
unsigned int cifs_srv_release(struct cifs_srv *srv, u16 command)
{
	struct cifs_srv_frame *frame, *next;
	unsigned int nr = 0;
	LIST_HEAD(released);

	mutex_lock(&srv->lock);
	list_for_each_entry_safe(frame, next, &srv->held, held) {
		if (!frame->blocked &&
		    (command == CIFS_SRV_ANY || cifs_srv_command(frame) == command))
			list_move_tail(&frame->held, &released);
	}
	while (!list_empty(&released)) {
		cifs_srv_resume(list_first_entry(&released, struct cifs_srv_frame, held));
		nr++;
	}
	mutex_unlock(&srv->lock);
	return nr;
}

/**
 * cifs_srv_cut() - cut all connections
 * @srv: the server
 *
 * What is held is dropped with its connection, soon. May sleep.
 */
void cifs_srv_cut(struct cifs_srv *srv)
{
	struct cifs_srv_conn *conn;

	mutex_lock(&srv->lock);
	list_for_each_entry(conn, &srv->conns, list)
		cifs_srv_cut_conn(conn);
	mutex_unlock(&srv->lock);
}

/**
 * cifs_srv_cut_one() - cut one connection
 * @srv: the server
 * @connection: its number, from 1 on, or 0 for the oldest that is up
 *
 * As cifs_srv_cut().
 */
void cifs_srv_cut_one(struct cifs_srv *srv, unsigned int connection)
{
	struct cifs_srv_conn *conn;

	mutex_lock(&srv->lock);
	list_for_each_entry(conn, &srv->conns, list) {
		if (connection ? conn->number == connection : cifs_srv_conn_up(conn)) {
			cifs_srv_cut_conn(conn);
			break;
		}
	}
	mutex_unlock(&srv->lock);
}

/**
 * cifs_srv_refuse() - take new connections or not
 * @srv: the server
 * @refuse: answer them with a reset, as a host without a server does
 *
 * To be called by one task at a time. May sleep.
 */
void cifs_srv_refuse(struct cifs_srv *srv, bool refuse)
{
	if (srv->refuse == refuse)
		return;
	WRITE_ONCE(srv->refuse, refuse);
	cifs_srv_wake_accept(srv);
	wait_event_timeout(srv->wait, !READ_ONCE(srv->listener) == refuse, CIFS_SRV_WAIT);
}

/**
 * cifs_srv_grant() - limit what opens to come are granted
 * @srv: the server
 * @state: CIFS_SRV_*: at most this lease, or an oplock like it
 *
 * May sleep.
 */
void cifs_srv_grant(struct cifs_srv *srv, u32 state)
{
	mutex_lock(&srv->lock);
	srv->grant = state;
	mutex_unlock(&srv->lock);
}

/**
 * cifs_srv_set_interfaces() - change the addresses that a server tells of
 * @srv: the server
 * @nr: as in struct cifs_srv_options
 *
 * May sleep.
 */
void cifs_srv_set_interfaces(struct cifs_srv *srv, unsigned int nr)
{
	mutex_lock(&srv->lock);
	srv->options.interfaces = nr;
	mutex_unlock(&srv->lock);
}

/**
 * cifs_srv_give_up_multichannel() - negotiate no multichannel from now on
 * @srv: the server
 *
 * May sleep.
 */
void cifs_srv_give_up_multichannel(struct cifs_srv *srv)
{
	mutex_lock(&srv->lock);
	srv->options.multichannel = false;
	mutex_unlock(&srv->lock);
}

/**
 * cifs_srv_break() - break the leases and oplocks of a file
 * @srv: the server
 * @name: of the file, with backslashes; NULL: of all files
 * @state: CIFS_SRV_*: what is left of them
 *
 * Does not wait for the acknowledgment. May sleep.
 *
 * Return: how many were broken.
 */
unsigned int cifs_srv_break(struct cifs_srv *srv, const char *name, u32 state)
{
	unsigned int nr;

	mutex_lock(&srv->lock);
	nr = cifs_srv_break_locked(srv, name, state);
	mutex_unlock(&srv->lock);
	return nr;
}

/**
 * cifs_srv_handles() - count open handles
 * @srv: the server
 *
 * May sleep.
 *
 * Return: how many there are, without those that wait for their client to come
 * back.
 */
unsigned int cifs_srv_handles(struct cifs_srv *srv)
{
	return cifs_srv_handles_of(srv, NULL);
}

/**
 * cifs_srv_handles_of() - count open handles of a file
 * @srv: the server
 * @name: with backslashes; NULL: of all files
 *
 * As cifs_srv_handles().
 *
 * Return: how many there are.
 */
unsigned int cifs_srv_handles_of(struct cifs_srv *srv, const char *name)
{
	struct cifs_srv_handle *handle;
	unsigned int nr = 0;

	mutex_lock(&srv->lock);
	list_for_each_entry(handle, &srv->handles, list)
		nr += handle->session && (!name || !strcmp(handle->node->name, name));
	mutex_unlock(&srv->lock);
	return nr;
}

/**
 * cifs_srv_wait_handles() - wait until so many handles are open
 * @srv: the server
 * @n: how many
 *
 * Waits 20 s at most, and fails the case then. May sleep.
 *
 * Return: whether they are.
 */
bool cifs_srv_wait_handles(struct cifs_srv *srv, unsigned int n)
{
	bool open = wait_event_timeout(srv->wait, cifs_srv_handles(srv) == n, CIFS_SRV_WAIT);

	KUNIT_EXPECT_TRUE_MSG(srv->test, open, "%u handles are open instead of %u",
			      cifs_srv_handles(srv), n);
	return open;
}

/**
 * cifs_srv_sessions() - count sessions
 * @srv: the server
 *
 * May sleep.
 *
 * Return: how many there are.
 */
unsigned int cifs_srv_sessions(struct cifs_srv *srv)
{
	struct cifs_srv_session *session;
	unsigned int nr = 0;

	mutex_lock(&srv->lock);
	list_for_each_entry(session, &srv->sessions, list)
		nr++;
	mutex_unlock(&srv->lock);
	return nr;
}

/**
 * cifs_srv_connections() - count connections
 * @srv: the server
 *
 * May sleep.
 *
 * Return: how many are up.
 */
unsigned int cifs_srv_connections(struct cifs_srv *srv)
{
	struct cifs_srv_conn *conn;
	unsigned int nr = 0;

	mutex_lock(&srv->lock);
	list_for_each_entry(conn, &srv->conns, list)
		nr += cifs_srv_conn_up(conn);
	mutex_unlock(&srv->lock);
	return nr;
}

/**
 * cifs_srv_connections_used() - count connections on which requests of a kind have come
 * @srv: the server
 * @command: SMB2_*_HE
 *
 * May sleep.
 *
 * Return: how many of them are up.
 */
unsigned int cifs_srv_connections_used(struct cifs_srv *srv, u16 command)
{
	struct cifs_srv_conn *conn;
	unsigned int nr = 0;

	mutex_lock(&srv->lock);
	list_for_each_entry(conn, &srv->conns, list)
		nr += cifs_srv_conn_up(conn) && conn->seen[command];
	mutex_unlock(&srv->lock);
	return nr;
}

/**
 * cifs_srv_faults() - what no client may ask for, and was asked for
 * @srv: the server
 * @faults: gets the counts since the server was started
 *
 * May sleep.
 */
void cifs_srv_faults(struct cifs_srv *srv, struct cifs_srv_faults *faults)
{
	mutex_lock(&srv->lock);
	*faults = srv->faults;
	mutex_unlock(&srv->lock);
}

static const char *cifs_srv_command_name(u16 command)
{
	static const char *const names[CIFS_SRV_COMMANDS] = {
		"NEGOTIATE", "SESSION_SETUP", "LOGOFF", "TREE_CONNECT",
		"TREE_DISCONNECT", "CREATE", "CLOSE", "FLUSH", "READ", "WRITE",
		"LOCK", "IOCTL", "CANCEL", "ECHO", "QUERY_DIRECTORY",
		"CHANGE_NOTIFY", "QUERY_INFO", "SET_INFO", "OPLOCK_BREAK",
	};

	return names[command];
}

/**
 * cifs_srv_print_log() - print the last requests into the case's log
 * @srv: the server
 *
 * May sleep.
 */
void cifs_srv_print_log(struct cifs_srv *srv)
{
	const unsigned int last = 25;
	const struct cifs_srv_request *request;
	unsigned int i;

	mutex_lock(&srv->lock);
	for (i = srv->nr_log > last ? srv->nr_log - last : 0; i < srv->nr_log; i++) {
		request = &srv->log[i % CIFS_SRV_LOG];
		kunit_info(srv->test, "%u: connection %u, session %llu, tree %u, %s, file %llu: %s %#x",
			   i + 1, request->connection, request->session, request->tree,
			   cifs_srv_command_name(request->command), request->fid,
			   request->answered ? "answered" : "not answered",
			   le32_to_cpu(request->status));
	}
	mutex_unlock(&srv->lock);
}

/**
 * cifs_srv_print_handles() - print the open handles into the case's log
 * @srv: the server
 *
 * May sleep.
 */
void cifs_srv_print_handles(struct cifs_srv *srv)
{
	struct cifs_srv_handle *handle;

	mutex_lock(&srv->lock);
	list_for_each_entry(handle, &srv->handles, list)
		kunit_info(srv->test, "handle %llu of '%s' is open, session %llu, lease state %u",
			   handle->fid, handle->node->name,
			   handle->session ? handle->session->id : 0, handle->state);
	mutex_unlock(&srv->lock);
}

/**
 * cifs_srv_write() - change a file behind the client's back
 * @srv: the server
 * @name: of the file, with backslashes
 * @offset: in bytes
 * @data: what to write
 * @len: in bytes
 *
 * May sleep.
 *
 * Return: 0, -ENOENT, -ENOMEM.
 */
int cifs_srv_write(struct cifs_srv *srv, const char *name, u64 offset,
		   const void *data, size_t len)
{
	struct cifs_srv_node *node;
	int rc = -ENOENT;

	mutex_lock(&srv->lock);
	node = cifs_srv_find(srv, name);
	if (node) {
		rc = -ENOMEM;
		if (cifs_srv_resize(node, max_t(size_t, node->size, offset + len))) {
			memcpy(node->data + offset, data, len);
			rc = 0;
		}
	}
	mutex_unlock(&srv->lock);
	return rc;
}

/**
 * cifs_srv_create() - make a file or directory behind the client's back
 * @srv: the server
 * @name: with backslashes
 * @directory: which of the two
 * @data: its contents, may be NULL
 * @len: in bytes
 *
 * May sleep.
 *
 * Return: 0, -EEXIST, -ENOMEM.
 */
int cifs_srv_create(struct cifs_srv *srv, const char *name, bool directory,
		    const void *data, size_t len)
{
	int rc = -EEXIST;

	mutex_lock(&srv->lock);
	if (!cifs_srv_find(srv, name))
		rc = cifs_srv_new_node(srv, name, directory) ? 0 : -ENOMEM;
	mutex_unlock(&srv->lock);
	if (!rc && len)
		rc = cifs_srv_write(srv, name, 0, data, len);
	return rc;
}

/**
 * cifs_srv_read() - look at what a server has of a file
 * @srv: the server
 * @name: of the file, with backslashes
 * @offset: in bytes
 * @data: gets the bytes
 * @len: at most
 *
 * May sleep.
 *
 * Return: how many bytes there were, -ENOENT.
 */
ssize_t cifs_srv_read(struct cifs_srv *srv, const char *name, u64 offset,
		      void *data, size_t len)
{
	struct cifs_srv_node *node;
	ssize_t rc = -ENOENT;

	mutex_lock(&srv->lock);
	node = cifs_srv_find(srv, name);
	if (node) {
		rc = offset < node->size ? min_t(size_t, len, node->size - offset) : 0;
		memcpy(data, node->data + offset, rc);
	}
	mutex_unlock(&srv->lock);
	return rc;
}

/**
 * cifs_srv_exists() - whether there is a name
 * @srv: the server
 * @name: with backslashes
 *
 * May sleep.
 *
 * Return: whether the server has it.
 */
bool cifs_srv_exists(struct cifs_srv *srv, const char *name)
{
	bool found;

	mutex_lock(&srv->lock);
	found = cifs_srv_find(srv, name);
	mutex_unlock(&srv->lock);
	return found;
}
