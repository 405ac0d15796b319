package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is where and with what was measured.
type machine struct {
	CPU        string   `json:"cpu"`
	Cores      int      `json:"cores"`
	MemoryGiB  float64  `json:"memoryGiB"`
	Kernel     string   `json:"kernel"`
	OS         string   `json:"os"`
	Filesystem string   `json:"filesystem"` // of the scratch directory
	Load       string   `json:"loadAtStart"`
	Versions   []string `json:"versions"`
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %.0f GiB, %s, Linux %s, scratch on %s, load %s\n%s",
		m.CPU, m.Cores, m.MemoryGiB, m.OS, m.Kernel, m.Filesystem, m.Load, strings.Join(m.Versions, "; "))
}

func describeMachine(o options) machine {
	var names unix.Utsname
	_ = unix.Uname(&names)
	var memory unix.Sysinfo_t
	_ = unix.Sysinfo(&memory)
	load, _ := os.ReadFile("/proc/loadavg")

	return machine{
		CPU:        field("/proc/cpuinfo", "model name", ":"),
		Cores:      runtime.NumCPU(),
		MemoryGiB:  float64(memory.Totalram) * float64(memory.Unit) / (1 << 30),
		Kernel:     unix.ByteSliceToString(names.Release[:]),
		OS:         strings.Trim(field("/etc/os-release", "PRETTY_NAME", "="), `"`),
		Filesystem: filesystem(o.work),
		Load:       strings.Join(strings.Fields(string(load))[:1], ""),
		Versions: []string{
			runtime.Version(), firstLine(o.program, "--version"), firstLine("systemd-nspawn", "--version"),
			firstLine("cp", "--version"), firstLine("git", "--version"), firstLine("grep", "--version"), firstLine("rg", "--version"),
		},
	}
}

// field returns what follows a key and a separator in a file of lines.
func field(file, key, separator string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, separator); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output() //nolint:noctx // prints a line and ends
	if err != nil {
		return name + " not installed"
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	version := strings.TrimSpace(string(line))
	if !strings.Contains(version, " ") { // this project's own program prints nothing else
		return "image-builder " + version
	}
	return string(line)
}

// filesystem names the file system of dir.
func filesystem(dir string) string {
	out, err := exec.Command("stat", "-f", "-c", "%T", dir).Output() //nolint:noctx // one system call
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
