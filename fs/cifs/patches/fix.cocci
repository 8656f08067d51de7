// SPDX-License-Identifier: GPL-2.0
//
// cifs: move cifsFileInfo_put logic into a work-queue
//
// Commit 32546a9586aa for trees that no series fits: what patch 1 of each line
// does, by what the code is instead of where it stands. Each file is
// transformed on its own; semantic.py knows what must have come of each rule.
//
// Three kinds of trees differ in more than neighbours:
//  - before "CIFS: keep FileInfo handle live during oplock break" there is no
//    _cifsFileInfo_put(); it comes with 'offload' as its only flag;
//  - with a retried close ('serverclose'), that work does the last part too,
//    and remembers in the open file whether to offload it;
//  - without a decryption queue, the new queue stands behind cifsiod_wq.

// Without this, spatch 1.1 sees no statement in it, and skips the whole function.
@guard@
iterator name scoped_guard;
statement s;
@@
 scoped_guard(...) s

// The queue

@extern_queue@
@@
 extern struct workqueue_struct *cifsiod_wq;
+extern struct workqueue_struct *fileinfo_put_wq;

@queue depends on !extern_queue@
@@
 struct workqueue_struct *cifsiod_wq;
+struct workqueue_struct *fileinfo_put_wq;

// The queue in front of the new one: the one that no decryption queue follows.
@front@
identifier wq = {decrypt_wq, cifsiod_wq};
expression e;
@@
 init_cifs(...) {
 ...
 wq = alloc_workqueue(...);
 ... when != decrypt_wq = e
 }

// Where init goes when a step behind that queue fails.
@unwind@
identifier front.wq, out;
@@
 init_cifs(...) {
 <+...
 out:
 destroy_workqueue(wq);
 ...+>
 }

@ladder@
identifier front.wq, unwind.out;
@@
+out_destroy_fileinfo_put_wq:
+destroy_workqueue(fileinfo_put_wq);
 out:
 destroy_workqueue(wq);

@jumps@
identifier unwind.out;
@@
 init_cifs(...) {
 <...
-goto out;
+goto out_destroy_fileinfo_put_wq;
 ...>
 }

@alloc@
identifier front.wq, unwind.out;
statement s;
@@
 init_cifs(...) {
 ...
 if (!wq) s
+
+fileinfo_put_wq = alloc_workqueue("cifsfileinfoput",
+				  WQ_UNBOUND|WQ_FREEZABLE|WQ_MEM_RECLAIM, 0);
+if (!fileinfo_put_wq) {
+	rc = -ENOMEM;
+	goto out;
+}
 ...
 }

@exit@
@@
 exit_cifs(...) {
 ...
 destroy_workqueue(decrypt_wq);
+destroy_workqueue(fileinfo_put_wq);
 ...
 }

@exit_without_decrypt depends on !exit@
@@
 exit_cifs(...) {
 ...
+destroy_workqueue(fileinfo_put_wq);
 destroy_workqueue(cifsiod_wq);
 ...
 }

@flush@
@@
 flush_workqueue(serverclose_wq);
+flush_workqueue(fileinfo_put_wq);

// The open file

@open_file@
@@
 struct cifsFileInfo {
 ...
+/* work for the final part of _put */
+struct work_struct put;
 struct work_struct oplock_break;
 ...
 };

@open_file_offload@
@@
 struct cifsFileInfo {
 ...
+/* offload final part of _put to a wq */
+bool offload;
 bool oplock_break_cancelled;
 ...
 struct work_struct serverclose;
 ...
 };

@init_work@
expression file;
@@
 cifs_new_fileinfo(...) {
 ...
 INIT_WORK(&file->oplock_break, cifs_oplock_break);
+INIT_WORK(&file->put, cifsFileInfo_put_work);
 ...
 }

@declare_work depends on init_work@
@@
+static void cifsFileInfo_put_work(struct work_struct *work);
+
 cifs_new_fileinfo(...) { ... }

// _cifsFileInfo_put() and who calls it

@prototype@
identifier file, wait;
@@
 void _cifsFileInfo_put(struct cifsFileInfo *file, bool wait
+	, bool offload
 );

@sole_prototype depends on !prototype@
identifier file;
@@
+void _cifsFileInfo_put(struct cifsFileInfo *file, bool offload);
 void cifsFileInfo_put(struct cifsFileInfo *file);

@put@
identifier file, wait;
@@
 void _cifsFileInfo_put(struct cifsFileInfo *file, bool wait
+	, bool offload
 )
 { ... }

@sole_put depends on !put@
identifier file;
@@
-void cifsFileInfo_put(struct cifsFileInfo *file)
+void _cifsFileInfo_put(struct cifsFileInfo *file, bool offload)
 { ... }
+void cifsFileInfo_put(struct cifsFileInfo *file)
+{
+	_cifsFileInfo_put(file, true);
+}

@offloads depends on put@
expression file, wait;
@@
 cifsFileInfo_put(...) {
 ...
 _cifsFileInfo_put(file, wait
+	, true
 );
 ...
 }

@close depends on put@
expression file;
@@
 cifs_close(...) {
 <...
-cifsFileInfo_put(file)
+_cifsFileInfo_put(file, true, false)
 ...>
 }

@sole_close depends on sole_put@
expression file;
@@
 cifs_close(...) {
 <...
-cifsFileInfo_put(file)
+_cifsFileInfo_put(file, false)
 ...>
 }

@callers depends on !sole_put@
expression file, wait;
@@
 _cifsFileInfo_put(file, wait
+	, false
 )

// The last part: made one block, whatever is in it, and the block moved

@last_part@
identifier file, cinode;
identifier lock = {down_write, cifs_down_write, mutex_lock};
identifier sem = {lock_sem, lock_mutex};
@@
 _cifsFileInfo_put(struct cifsFileInfo *file, ...) {
 ...
+{
 lock(&cinode->sem);
 ...
+}
 kfree(file);
 }

@final@
identifier file, inode, cinode;
expression inode_of, cinode_of;
statement list block;
@@
+static void cifsFileInfo_put_final(struct cifsFileInfo *file)
+{
+	struct inode *inode = inode_of;
+	struct cifsInodeInfo *cinode = cinode_of;
+	struct cifsLockInfo *li;
+	struct cifsLockInfo *tmp;
+
+	/*
+	 * Delete any outstanding lock records. We'll lose them when the file
+	 * is closed anyway.
+	 */
+	block
+	kfree(file);
+}
+
 void _cifsFileInfo_put(struct cifsFileInfo *file, ...) {
 ...
 struct inode *inode = inode_of;
 ...
 struct cifsInodeInfo *cinode = cinode_of;
 ...
-{
-block
-}
 kfree(file);
 }

@final_sb depends on final@
identifier inode, sb;
expression e;
@@
 cifsFileInfo_put_final(...) {
 struct inode *inode = e;
+struct super_block *sb = inode->i_sb;
 ...
 cifs_sb_deactive(sb);
 ...
 }

// as it was written
@final_loop depends on final@
iterator name list_for_each_entry_safe;
identifier lock, next, link;
expression head;
statement s;
@@
 cifsFileInfo_put_final(...) {
 ...
-list_for_each_entry_safe(lock, next, head, link)
+list_for_each_entry_safe(lock, next, head, link)
 s
 ...
 }

@work depends on final@
@@
 cifsFileInfo_put_final(...) { ... }
+
+static void cifsFileInfo_put_work(struct work_struct *work)
+{
+	struct cifsFileInfo *cifs_file = container_of(work,
+			struct cifsFileInfo, put);
+
+	cifsFileInfo_put_final(cifs_file);
+}

@offload depends on final@
identifier file;
@@
 _cifsFileInfo_put(struct cifsFileInfo *file, ...) {
 ...
-kfree(file);
+if (offload)
+	queue_work(fileinfo_put_wq, &file->put);
+else
+	cifsFileInfo_put_final(file);
 }

@unused depends on final@
symbol li;
@@
 _cifsFileInfo_put(...) {
 ...
-struct cifsLockInfo *li;
 ...
 }

@unused_next depends on final@
symbol tmp;
@@
 _cifsFileInfo_put(...) {
 ...
-struct cifsLockInfo *tmp;
 ...
 }

// The same in the work that retries a close

@serverclose depends on final@
identifier file, cinode;
identifier lock = {down_write, cifs_down_write};
@@
 serverclose_work(...) {
 ...
-lock(&cinode->lock_sem);
-...
 kfree(file);
 }

@serverclose_offload depends on serverclose@
identifier serverclose.file;
@@
 serverclose_work(...) {
 ...
-kfree(file);
+if (file->offload)
+	queue_work(fileinfo_put_wq, &file->put);
+else
+	cifsFileInfo_put_final(file);
 }

@serverclose_unused depends on serverclose@
symbol li;
@@
 serverclose_work(...) {
 ...
-struct cifsLockInfo *li;
 ...
 }

@serverclose_unused_next depends on serverclose@
symbol tmp;
@@
 serverclose_work(...) {
 ...
-struct cifsLockInfo *tmp;
 ...
 }

@serverclose_unused_inode depends on serverclose@
identifier serverclose.cinode;
expression e;
@@
 serverclose_work(...) {
 ...
-struct cifsInodeInfo *cinode = e;
 ... when != cinode
 }

@serverclose_remember depends on serverclose@
identifier file;
@@
 _cifsFileInfo_put(struct cifsFileInfo *file, ...) {
 ...
 spin_lock(&file->file_info_lock);
+file->offload = offload;
 ...
 }

@declare_final depends on serverclose@
@@
+static void cifsFileInfo_put_final(struct cifsFileInfo *cifs_file);
 static void cifsFileInfo_put_work(struct work_struct *work);
