package qemu

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// console reads what the guest writes to its serial port, passes it on, and sees how the boot ends.
type console struct {
	next io.Writer
	done func() // called once there is an outcome, or a crash of KVM's

	lock    sync.Mutex
	text    []byte // the last of it
	silent  bool
	stays   bool // the machine is used after the prompt, so that it can still fail
	prompt  string
	failure string
}

// consoleKept is how much of the console is kept to look at: more than one screen.
const consoleKept = 16 << 10 // bytes

// lastWords is how long a boot that failed may go on, for the lines that say why.
const lastWords = 500 * time.Millisecond

// login is a line that waits for a name: the machine's name comes first.
var login = regexp.MustCompile(`(?m)^[\w.-]+ login: `)

// hopeless are the last words of a boot that leads nowhere, and what they mean. What says more comes first.
func hopeless() []struct{ text, meaning string } {
	return []struct{ text, meaning string }{
		{"No working init found", "its init is missing: /sbin/init is not a program"},
		{"No init found", "its init is missing: /sbin/init is not a program"},
		{"have requested /sbin/init", "its init is missing: /sbin/init is not a program"}, // initramfs-tools, which starts a shell then
		{"Attempted to kill init", "its init ended, and the kernel panicked"},
		{"Kernel panic - not syncing", "the kernel panicked"},
		{"You are in emergency mode", "systemd gave up and went into emergency mode (a filesystem in /etc/fstab that is not there?)"},
		{"Entering emergency mode", "the initramfs did not find the root filesystem"},
		{"(initramfs)", "the initramfs did not find the root filesystem"},
		{"dracut:/#", "the initramfs did not find the root filesystem"},
		{"No bootable device", "the firmware found nothing to boot: no boot loader for this firmware"},
		{"No bootable option or device was found", "the firmware found nothing to boot: no \\EFI\\BOOT\\BOOTX64.EFI in the ESP"},
		{"UEFI Interactive Shell", "the firmware found nothing to boot: no \\EFI\\BOOT\\BOOTX64.EFI in the ESP"},
		{"grub rescue>", "GRUB did not find its files"},
		{"\ngrub>", "GRUB did not find its configuration"},
		{crashMark, crashMark},
	}
}

func (c *console) Write(p []byte) (int, error) {
	c.lock.Lock()
	over := c.outcome()
	c.silent = false
	c.text = append(c.text, bytes.ReplaceAll(p, []byte{'\r'}, nil)...)
	if excess := len(c.text) - consoleKept; excess > 0 {
		c.text = append(c.text[:0], c.text[excess:]...)
	}

	switch {
	case !over:
		c.look()
	case c.failure != "":
		c.lookForFailure() // a line comes in pieces, and the rest may say more
	}

	ends := !over && c.outcome()
	c.lock.Unlock()

	switch {
	case ends && c.failure != "":
		time.AfterFunc(lastWords, c.done)
	case ends:
		c.done()
	}

	return c.next.Write(p)
}

func (c *console) outcome() bool { return (c.prompt != "" && !c.stays) || c.failure != "" }

// panicked is what the kernel says of its end: "Attempted to kill init! exitcode=0x00000100".
var panicked = regexp.MustCompile(`Kernel panic - not syncing: ([^\n]+)`)

// failed is what went wrong; empty: nothing so far.
func (c *console) failed() string {
	c.lock.Lock()
	defer c.lock.Unlock()
	said := panicked.FindSubmatch(escapes.ReplaceAll(c.text, nil))
	if said == nil || c.failure == "" {
		return c.failure
	}
	return c.failure + ": " + strings.TrimSpace(string(said[1]))
}

// again forgets what was seen, for another boot.
func (c *console) again() {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.text = c.text[:0]
	c.prompt = ""
}

func (c *console) look() {
	plain := escapes.ReplaceAll(c.text, nil)
	if match := login.Find(plain); match != nil && c.prompt == "" {
		c.prompt = strings.TrimSpace(string(match))
		if !c.stays {
			return
		}
	}

	c.lookForFailure()
}

// lookForFailure takes the first sign in the order of the table, wherever it stands in the text.
func (c *console) lookForFailure() {
	plain := escapes.ReplaceAll(c.text, nil)
	for _, sign := range hopeless() {
		if bytes.Contains(plain, []byte(sign.text)) {
			c.failure = sign.meaning
			return
		}
	}
}

// escapes are what a terminal obeys and does not show.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?=]*[A-Za-z]|\x1b[()][A-Za-z0-9]|\x1b[c78=>]|[\x00-\x08\x0b-\x1f\x7f]`)

// lines are the last ones, without what only a terminal understands.
func (c *console) lines() []string {
	c.lock.Lock()
	defer c.lock.Unlock()
	var lines []string
	for line := range strings.SplitSeq(string(escapes.ReplaceAll(c.text, nil)), "\n") {
		line = strings.TrimSpace(line)
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-shownLines):]
}
