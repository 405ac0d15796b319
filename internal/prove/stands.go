package prove

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"image-builder/internal/component/inside"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/guest"
)

const (
	// bootPatience bounds the rest of a boot, after the machine took its first command.
	bootPatience = 5 * time.Minute
	// leastFree and leastInodes are what a root filesystem must have left: an agent's first job writes more.
	leastFree   = 64 << 20 // bytes
	leastInodes = 1000
)

// look asks a machine how it stands.
func look(ctx context.Context, m sandbox.Machine, env []string, network time.Duration) (guest.Facts, error) {
	bounded, cancel := context.WithTimeout(ctx, bootPatience+network)
	defer cancel()
	var out bytes.Buffer
	var errs bytes.Buffer
	err := m.Run(bounded, sandbox.Command{
		Args: []string{inside.Program, "guest", "facts", "--network", network.String()}, Env: env, Stdout: &out, Stderr: &errs,
	})

	if cause := context.Cause(ctx); cause != nil {
		return guest.Facts{}, cause
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return guest.Facts{}, &Failure{
			What: fmt.Sprintf("its boot does not end: jobs still wait after %s", bootPatience),
			Do:   "find the unit that waits: systemctl list-jobs in a machine; a unit that waits for a network or a disk is the usual one",
		}
	}

	if err != nil {
		return guest.Facts{}, fmt.Errorf("look at booted machine: %w: %s", err, strings.TrimSpace(errs.String()))
	}

	var facts guest.Facts
	if err := json.Unmarshal(out.Bytes(), &facts); err != nil {
		return guest.Facts{}, fmt.Errorf("look at booted machine: read its answer: %w", err)
	}

	return facts, nil
}

// stands says what keeps a booted machine from being an agent.
func stands(facts guest.Facts) error {
	switch {
	case facts.State == "maintenance" || facts.State == "stopping" || facts.State == "offline":
		return &Failure{
			What: "it boots into " + facts.State + " mode" + units(facts.Failed),
			Do:   "see why its units fail; a filesystem in /etc/fstab that is not there is the usual reason",
		}

	case facts.Free < leastFree:
		return &Failure{
			What: fmt.Sprintf("its root filesystem is full: %d MiB are free, and an agent needs %d", facts.Free>>20, leastFree>>20),
			Do:   "let the recipe write less, or give it more room: disk: 20GiB",
		}

	case facts.Inodes >= 0 && facts.Inodes < leastInodes:
		return &Failure{
			What: fmt.Sprintf("its root filesystem has %d free inodes, and an agent needs %d", facts.Inodes, leastInodes),
			Do:   "pack what it has many small files of, or give it more room: disk: 20GiB",
		}

	case len(facts.Cards) > 0 && len(facts.Addresses) == 0:
		return &Failure{
			What: "its network never comes: no address on " + strings.Join(facts.Cards, ", ") + units(facts.Failed),
			Do:   "see its network configuration: an instance gets its address by DHCP; --test container tests without a network",
		}
	}

	return nil
}

func units(failed []string) string {
	if len(failed) == 0 {
		return ""
	}
	return "; units that failed: " + strings.Join(failed, ", ")
}
