//go:build linux

package guest

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// endDescendants kills every process that this one started or adopted, until two looks find none: one look misses a
// process whose parent ends meanwhile.
func endDescendants() {
	empty := 0
	for empty < 2 {
		found, sure := descendants(os.Getpid())
		empty++
		if len(found) > 0 || !sure {
			empty = 0
		}
		for _, pid := range found {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended meanwhile
		}
		time.Sleep(time.Millisecond)
	}
}

// reap takes leave of adopted processes that ended. No command may be under way: it has a waiter of its own.
func reap() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
	}
}

// descendants lists the processes below one, zombies excluded. It is not sure if a parent ended during the look: its
// children were adopted meanwhile, and the list may lack them.
func descendants(of int) (found []int, sure bool) {
	children := map[int][]int{}
	seen := map[int]bool{} // 0 is a process that ended

	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		pid, parent, zombie := parentOf(path)
		seen[pid] = true
		if pid != 0 && !zombie {
			children[parent] = append(children[parent], pid)
		}
	}

	sure = !seen[0]
	delete(children, 0) // the first process, and what is outside of this namespace

	for parent := range children {
		sure = sure && seen[parent]
	}

	todo := children[of]
	for len(todo) > 0 {
		found = append(found, todo[0])
		todo = append(todo[1:], children[todo[0]]...)
	}

	return found, sure
}

// parentOf reads /proc/PID/stat: "PID (name) state parent …", where the name may hold anything. proc(5)
func parentOf(path string) (pid, parent int, zombie bool) {
	text, err := os.ReadFile(path)
	end := bytes.LastIndexByte(text, ')')
	if err != nil || end < 0 {
		return 0, 0, false
	}
	pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))

	field := bytes.Fields(text[end+1:])
	if len(field) < 2 {
		return 0, 0, false
	}
	parent, _ = strconv.Atoi(string(field[1]))

	return pid, parent, field[0][0] == 'Z' || field[0][0] == 'X'
}
