package action

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// killTree kills a process group and every process that left the group: those with the marker in their environment,
// and their children. It looks again until none is left, because they may fork meanwhile.
func killTree(group int, mark string) error {
	for range 100 {
		strays := strays(group, mark)
		err := syscall.Kill(-group, syscall.SIGKILL)
		if len(strays) == 0 {
			return ignoreGone(err)
		}
		for pid := range strays {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone by now
		}
	}

	return fmt.Errorf("kill process group %d: its processes fork faster than they can be killed", group)
}

func ignoreGone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// strays finds the living processes of a group, those that carry the mark, and the descendants of both.
func strays(group int, mark string) map[int]bool {
	found := map[int]bool{}
	parents := map[int]int{}

	dirs, _ := filepath.Glob("/proc/[0-9]*") // without /proc only the group can be found
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		parent, ofGroup, alive := status(dir)
		if !alive || pid == os.Getpid() {
			continue
		}
		parents[pid] = parent
		if ofGroup == group || marked(dir, mark) {
			found[pid] = true
		}
	}

	grown := true
	for grown {
		grown = false
		for pid, parent := range parents {
			if found[parent] && !found[pid] {
				found[pid] = true
				grown = true
			}
		}
	}

	return found
}

// status reads parent and process group from /proc/PID/stat: proc_pid_stat(5).
func status(dir string) (parent, group int, alive bool) {
	text, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return 0, 0, false
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // the name may contain any character
	if len(fields) < 3 || fields[0] == "Z" || fields[0] == "X" {
		return 0, 0, false
	}

	parent, _ = strconv.Atoi(fields[1])
	group, _ = strconv.Atoi(fields[2])
	return parent, group, true
}

func marked(dir, mark string) bool {
	env, err := os.ReadFile(dir + "/environ")
	return err == nil && bytes.Contains(env, []byte(mark))
}
