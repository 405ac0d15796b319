package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/bootmap"
)

// coldStorage is what cold boots are measured with.
const coldStorage = "5MiB/s"

// boots compares a boot that is traced with one that is not, and a cold boot with what the traced one foretells of it.
func (j *jobs) boots(ctx context.Context) error {
	base, err := j.findBase(ctx)
	if err != nil {
		return err
	}
	storage, err := blockserver.StorageNamed(coldStorage)
	if err != nil {
		return err
	}

	var foretold, cold []float64 // seconds to the login prompt
	contestants := []contestant{
		j.boot("boot to the login prompt", base),
		j.traced("traced", base, func(m bootmap.Map) { foretold = append(foretold, m.Predict(storage)) }),
		j.traced("cold at "+coldStorage, base, func(m bootmap.Map) { cold = append(cold, m.Login) }, "--cold", coldStorage),
	}
	samples, err := interleave(ctx, j.peerRounds, contestants)
	if err != nil {
		return err
	}

	table := rows("boot", contestants, samples)
	table[1].aim("≤ 1.05×", table[1].Ratio <= 1.05)
	slices.Sort(foretold)
	slices.Sort(cold)
	table[2].Against = "the prediction from the traced boot"
	table[2].Ratio = median(cold) / median(foretold)
	table[2].aim("0.9× to 1.1×", table[2].Ratio >= 0.9 && table[2].Ratio <= 1.1)
	j.report.add(table...)

	return nil
}

// boot is measured by what it says: the seconds from power-on to the login prompt.
func (j *jobs) boot(name, base string, flags ...string) contestant {
	return contestant{name: name, run: func(ctx context.Context) (s sample, err error) {
		args := append([]string{j.program, "--json", "image", "boot", base}, flags...)
		_, said, err := timed(command(ctx, args...))
		if err != nil {
			return sample{}, err
		}
		var boot struct{ Seconds float64 }
		if err := json.Unmarshal([]byte(said), &boot); err != nil {
			return sample{}, fmt.Errorf("read boot: %w", err)
		}
		return sample{wall: time.Duration(boot.Seconds * float64(time.Second))}, nil
	}}
}

// traced is a boot whose map is used.
func (j *jobs) traced(name, base string, use func(bootmap.Map), flags ...string) contestant {
	file := filepath.Join(j.work, "boot.json")
	c := j.boot(name, base, append(flags, "--trace", file)...)
	c.after = func(context.Context) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}

		var m bootmap.Map
		if err := json.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("read boot map: %w", err)
		}
		use(m)
		return nil
	}
	return c
}
