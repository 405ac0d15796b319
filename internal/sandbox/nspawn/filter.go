package nspawn

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// abi is one way in which programs call the kernel: their architecture, and the numbers that its calls have.
type abi struct {
	arch    uint32   // unix.AUDIT_ARCH_…
	newest  uint32   // of the calls that were looked at: a later one is answered as by a kernel that lacks it
	refused []uint32 // answered with EPERM
	socket  uint32
}

// restrict keeps the calling thread, and every process that it starts, from the system calls that a container has no use
// for, or that reach past it: modules, keyrings, BPF, files by handle and others, those that systemd-nspawn(1) 252 refuses.
// nspawn has libseccomp make that filter anew for each container, which takes 50 ms; this one takes none.
//
// There is no way back: the caller locks its goroutine to the thread, and lets the thread end with it. An error means that
// nothing was restricted, because this kernel has no filters or this architecture no list. seccomp(2)
func restrict() error {
	program := filter(abis)
	if len(program) == 0 {
		return unix.ENOTSUP
	}
	list := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&list)), 0, 0)
}

// Places in the kernel's struct seccomp_data, in bytes. The arguments have 8 bytes each; the filter reads the lower 4.
const (
	callNumber     = 0
	callArch       = 4
	firstArgument  = 16
	thirdArgument  = 32
	filterRefuses  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	filterLacks    = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	filterNoFamily = unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)
)

// filter is a program for the kernel that answers calls; nil for no ABI. A call of another ABI is refused.
func filter(abis []abi) []unix.SockFilter {
	if len(abis) == 0 {
		return nil
	}
	program := []unix.SockFilter{load(callArch)}

	for _, a := range abis {
		answers := a.answers()
		program = append(program, skip(unix.BPF_JEQ, a.arch, len(answers)))
		program = append(program, answers...)
	}

	return append(program, answer(filterRefuses))
}

// answers is the part of the filter for one ABI.
func (a abi) answers() []unix.SockFilter {
	program := []unix.SockFilter{load(callNumber), skip(unix.BPF_JGT, a.newest, 1), answer(filterLacks)}
	for _, number := range a.refused {
		program = append(program, skip(unix.BPF_JEQ, number, 1), answer(filterRefuses))
	}

	// programs that report to the kernel's audit take this answer for a kernel without, and go on
	return append(program,
		skip(unix.BPF_JEQ, a.socket, 5),
		load(firstArgument), skip(unix.BPF_JEQ, unix.AF_NETLINK, 3),
		load(thirdArgument), skip(unix.BPF_JEQ, unix.NETLINK_AUDIT, 1), answer(filterNoFamily),
		answer(unix.SECCOMP_RET_ALLOW))
}

// load takes 4 bytes of what is known of the call.
func load(place uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: place}
}

// skip compares what was loaded, and leaves out the next instructions unless the comparison holds.
func skip(comparison uint16, value uint32, instructions int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | comparison, K: value, Jf: uint8(instructions)}
}

func answer(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}
