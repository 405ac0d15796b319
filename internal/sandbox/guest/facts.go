//go:build linux

package guest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Facts are how a machine stands after it booted.
type Facts struct {
	Uptime float64 `json:"uptime"` // seconds since its kernel started
	// State is what systemd says of the boot: running, degraded (a unit failed), or why it is neither.
	State  string   `json:"state"`
	Failed []string `json:"failed"` // units
	Free   int64    `json:"free"`   // bytes of the root filesystem that anyone may write
	Inodes int64    `json:"inodes"` // free ones; -1 if the filesystem makes them as needed
	// Cards are the network cards besides loopback; Addresses are theirs, which reach beyond the link.
	Cards     []string `json:"cards"`
	Addresses []string `json:"addresses"`
}

// Look waits until the boot is over, and up to patience for an address if there is a network card.
func Look(ctx context.Context, patience time.Duration) (Facts, error) {
	facts := Facts{Failed: []string{}, Cards: []string{}, Addresses: []string{}}
	state, err := exec.CommandContext(ctx, "systemctl", "is-system-running", "--wait").Output()
	facts.State = strings.TrimSpace(string(state))
	if facts.State == "" && err != nil {
		facts.State = err.Error() // a degraded system is an exit status, too
	}

	failed, _ := exec.CommandContext(ctx, "systemctl", "list-units", "--failed", "--plain", "--no-legend", "--full").Output()
	for line := range strings.Lines(string(failed)) {
		if field := strings.Fields(line); len(field) > 0 {
			facts.Failed = append(facts.Failed, field[0])
		}
	}

	var root unix.Statfs_t
	if err := unix.Statfs("/", &root); err != nil {
		return facts, fmt.Errorf("look at root filesystem: %w", err)
	}
	facts.Free = int64(root.Bavail) * root.Bsize
	facts.Inodes = int64(root.Ffree)

	if root.Files == 0 {
		facts.Inodes = -1
	}

	facts.network(ctx, patience)
	facts.Uptime = uptime()
	return facts, nil
}

func (f *Facts) network(ctx context.Context, patience time.Duration) {
	deadline := time.Now().Add(patience)
	for {
		f.Cards = f.Cards[:0]
		f.Addresses = f.Addresses[:0]

		cards, _ := net.Interfaces()
		for _, card := range cards {
			if card.Flags&net.FlagLoopback == 0 && card.HardwareAddr != nil {
				f.card(card)
			}
		}

		if len(f.Cards) == 0 || len(f.Addresses) > 0 || time.Now().After(deadline) || ctx.Err() != nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (f *Facts) card(card net.Interface) {
	f.Cards = append(f.Cards, card.Name)
	addresses, _ := card.Addrs()
	for _, address := range addresses {
		if ip, _, err := net.ParseCIDR(address.String()); err == nil && ip.IsGlobalUnicast() {
			f.Addresses = append(f.Addresses, ip.String())
		}
	}
}

func uptime() float64 {
	text, _ := os.ReadFile("/proc/uptime")
	first, _, _ := strings.Cut(string(text), " ")
	seconds, _ := strconv.ParseFloat(first, 64)
	return seconds
}
