#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The first process of a User Mode Linux that has the host's own root, read-only: starts a Samba
# server on loopback, mounts it, runs the programs beside this file, and says in KTAP what came
# of it.
#
# usage: init.sh PROGRAMS SECONDS LIMIT

programs=$1
seconds=$2
limit=$3

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 0

dir=/run/cifs
mnt=$dir/mnt
share=$dir/share
pid_file=$dir/server
part=$((seconds / 3))
here=$(dirname "$0")
cases=0
failed=0

make_dev()
{
	mount -t tmpfs tmpfs /dev
	mknod /dev/console c 5 1
	mknod /dev/null c 1 3
	mknod /dev/zero c 1 5
	mknod /dev/random c 1 8
	mknod /dev/urandom c 1 9
	mkdir /dev/shm
	ln -s /proc/self/fd /dev/fd
}

# RNDADDENTROPY: smbd must not wait, and what it keeps secret is none.
add_entropy()
{
	perl -e 'my $seed = pack("ii", 512, 64) . "x" x 64;
		open(my $random, ">", "/dev/random"); ioctl($random, 0x40085203, $seed)'
}

# reboot(RB_POWER_OFF): a sync would wait for a mount that hangs.
power_off()
{
	perl -e 'syscall(169, 0xfee1dead, 672274793, 0x4321fedc)'
}

# Ends a guest that hangs, after saying where.
watch()
{
	sleep "$limit"
	echo "# not done after $limit s; what sleeps, and cannot be killed:"
	for task in /proc/[0-9]*; do
		grep -q '^State:.D' "$task/status" || continue
		echo "# task $(cat "$task/comm") is ${task#/proc/}"
		sed 's/^\[<0>\] /#   /' "$task/stack"
	done
	power_off
}

configure_server()
{
	mkdir $dir $mnt $share $dir/state $dir/log
	cat >$dir/smb.conf <<-END
		[global]
		lock directory = $dir/state
		state directory = $dir/state
		cache directory = $dir/state
		pid directory = $dir/state
		private dir = $dir/state
		ncalrpc dir = $dir/state/ncalrpc
		passdb backend = smbpasswd:$dir/smbpasswd
		interfaces = lo
		bind interfaces only = yes
		smb ports = 445
		load printers = no
		printcap name = /dev/null
		disable spoolss = yes
		ea support = no
		store dos attributes = no
		[share]
		path = $share
		read only = no
	END
	# The password is "password".
	echo "root:0:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:8846F7EAEE8FB117AD06BDD830B7586C:[U          ]:LCT-5D000000:" \
		>$dir/smbpasswd
}

is_listening()
{
	ss -Hltn 'sport = 445' | grep -q LISTEN
}

until_listening()
{
	for _ in $(seq 300); do
		if [ "$1" ]; then
			is_listening || return 0
		else
			is_listening && return 0
		fi
		sleep 0.1
	done
	return 1
}

# smbd leads a process group of its own.
start_server()
{
	smbd --foreground --log-basename=$dir/log --configfile=$dir/smb.conf &
	echo $! >$pid_file
	until_listening ""
}

mount_share()
{
	mount -t cifs //127.0.0.1/share $mnt -o "$options"
}

# Later clients keep a closed file open for a while, unless told not to; older ones know no such
# option.
start_and_mount()
{
	configure_server && start_server || return 1
	options="ip=127.0.0.1,username=root,password=password,closetimeo=0"
	mount_share 2>/dev/null && return
	options=${options%,closetimeo=0}
	mount_share
}

put_deadlock()
{
	"$programs/put_deadlock" $mnt/testfile "$(cat $pid_file)" && return
	touch $dir/hangs
	return 1
}

# The process that serves the mount, not the one that listens
connection()
{
	ss -Htnp state established 'sport = 445' | sed -n 's/.*pid=\([0-9]*\).*/\1/p;q'
}

kill_connection()
{
	kill -KILL "$(connection)"
}

restart_server()
{
	kill -KILL -- "-$(cat $pid_file)"
	until_listening ! && start_server
}

interrupt_loopback()
{
	ip link set lo down
	sleep 1
	ip link set lo up
}

cut_connection()
{
	while :; do
		for way in kill_connection interrupt_loopback restart_server; do
			sleep 2
			[ -e $dir/cut ] || return
			$way
		done
	done
}

# Both sides of what was written: the server has it once nothing is mounted.
verify_and_mount()
{
	umount $mnt && "$programs/reopen_file" verify $share $dir/table && mount_share
}

reopen_file()
{
	"$programs/reopen_file" run $mnt $dir/table "$part" && verify_and_mount
}

reopen_file_cut()
{
	touch $dir/cut
	cut_connection 2>/dev/null &
	cutter=$!
	"$programs/reopen_file" run-cut $mnt $dir/table "$part"
	status=$?
	rm $dir/cut
	wait $cutter
	[ $status -eq 0 ] && verify_and_mount
}

# tmpfs has no direct I/O.
run_fio()
{
	DIR=$1 DIRECT=$2 LD_PRELOAD=$programs/shm_preload.so \
		fio --minimal --output=$dir/fio.out --aux-path=$dir "$3" "$here/workload.fio" ||
		{ cat $dir/fio.out; false; }
}

fio_verified()
{
	run_fio $mnt 1 --do_verify=0 && umount $mnt && run_fio $share 0 --verify_only && mount_share
}

stress_ng()
{
	stress-ng --quiet --verify --temp-path $mnt --timeout "$part" \
		--hdd 1 --hdd-bytes 4m --lockf 2 --rename 2 --flock 1
}

race()
{
	"$programs/umount_race" "$1" $mnt "$(cat $pid_file)" "$(connection)" && mount_share
}

# usage: begins_with TEXT FILE...
begins_with()
{
	text=$1
	shift
	for file in "$@"; do
		[ "$(head -c ${#text} "$file" | tr -d '\0')" = "$text" ] || return 1
	done
}

umount_direct()
{
	race direct
}

umount_writeback()
{
	race writeback && begins_with gold $share/umount_race.writeback.0
}

umount_lost()
{
	race lost
}

umount_close()
{
	for _ in 1 2 3 4 5; do
		rm -f $mnt/umount_race.close.*
		race close && begins_with written $share/umount_race.close.* || return 1
	done
}

unmount()
{
	umount $mnt
}

# Nothing that the client has made is left.
leaks()
{
	umount $mnt
	echo scan >/sys/kernel/debug/kmemleak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	cat /sys/kernel/debug/kmemleak
	[ -z "$(cat /sys/kernel/debug/kmemleak)" ] && mount_share
}

result()
{
	cases=$((cases + 1))
	echo "    $1 $cases $2"
}

run()
{
	if [ -e $dir/hangs ]; then
		result ok "$1 # SKIP the mount hangs, or is none"
	elif "$1"; then
		result ok "$1"
	else
		result "not ok" "$1"
		failed=1
		mountpoint -q $mnt || mount_share || touch $dir/hangs
	fi
}

make_dev
exec </dev/null >/dev/console 2>&1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t debugfs debugfs /sys/kernel/debug
echo 30 >/proc/sys/kernel/hung_task_timeout_secs
echo 10 >/proc/sys/vm/dirty_writeback_centisecs
echo 10 >/proc/sys/vm/dirty_expire_centisecs
echo clear >/sys/kernel/debug/kmemleak
add_entropy
ip link set lo up
watch &

echo "KTAP version 1"
echo "1..1"
echo "    KTAP version 1"
echo "    # Subtest: cifs_e2e"
run start_and_mount
run put_deadlock
run umount_direct
run umount_writeback
if [ "$seconds" -gt 0 ]; then
	run reopen_file
	run fio_verified
	run stress_ng
	run reopen_file_cut
	run umount_close
	run umount_lost
	run leaks
fi
run unmount
echo "    1..$cases"
if [ $failed -eq 0 ]; then
	echo "ok 1 cifs_e2e"
else
	echo "not ok 1 cifs_e2e"
fi
power_off
