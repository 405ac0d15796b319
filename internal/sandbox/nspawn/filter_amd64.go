package nspawn

import "golang.org/x/sys/unix"

// newestCall is fchmodat2. From 424 on, a call has the same number in every architecture.
const newestCall = 452

// abis are those of x86-64: its own, and that of programs of 32 bits (in the kernel's source:
// arch/x86/entry/syscalls/syscall_32.tbl). The numbers of x32 are all larger than the newest call.
var abis = []abi{
	{
		arch: unix.AUDIT_ARCH_X86_64, newest: newestCall, socket: unix.SYS_SOCKET,
		refused: []uint32{
			unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
			unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_SYSLOG, unix.SYS_LOOKUP_DCOOKIE, unix.SYS_ACCT,
			unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
			unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_PIDFD_GETFD, unix.SYS_FANOTIFY_INIT, unix.SYS_FANOTIFY_MARK,
			unix.SYS_SETTIMEOFDAY, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME,
			unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
			unix.SYS_MLOCK, unix.SYS_MLOCK2, unix.SYS_MLOCKALL, unix.SYS_MUNLOCK, unix.SYS_MUNLOCKALL,
			unix.SYS_MEMFD_SECRET, unix.SYS_PROCESS_MRELEASE,
			unix.SYS_PKEY_MPROTECT, unix.SYS_PKEY_ALLOC, unix.SYS_PKEY_FREE,
			unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_RESTRICT_SELF,
			unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_MODIFY_LDT, unix.SYS_USELIB, unix.SYS_USTAT, unix.SYS_SYSFS,
		},
	},
	{
		arch: unix.AUDIT_ARCH_I386, newest: newestCall, socket: 359,
		refused: []uint32{
			286, 287, 288, // add_key, request_key, keyctl
			357, 336, 103, 253, 51, // bpf, perf_event_open, syslog, lookup_dcookie, acct
			128, 350, 129, 283, // init_module, finit_module, delete_module, kexec_load
			342, 438, 338, 339, // open_by_handle_at, pidfd_getfd, fanotify_init, fanotify_mark
			25, 79, 124, 264, 343, 404, 405, // stime, settimeofday, adjtimex, clock_settime, clock_adjtime, both for 64 bits
			87, 115, 131, 443, // swapon, swapoff, quotactl, quotactl_fd
			150, 376, 152, 151, 153, // mlock, mlock2, mlockall, munlock, munlockall
			447, 448, // memfd_secret, process_mrelease
			380, 381, 382, // pkey_mprotect, pkey_alloc, pkey_free
			444, 445, 446, // landlock_create_ruleset, landlock_add_rule, landlock_restrict_self
			110, 101, 123, 86, 62, 135, // iopl, ioperm, modify_ldt, uselib, ustat, sysfs
			113, 166, // vm86old, vm86
		},
	},
}
