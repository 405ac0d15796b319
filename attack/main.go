// Command attack tries to break what the program promises, and prints how often it tried and failed to. `make attack`
// runs it, as root; it takes minutes and is not part of `make test`.
//
// Each attack is one file. The program works in a directory of its own, which it removes, and never touches another
// data directory. It ends with status 1 if any attempt broke a promise.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
)

// count is how an attack went.
type count struct {
	name          string
	tried, broken int
}

// attack is one way to break a promise; it works in a directory of its own.
type attack func(ctx context.Context, program, dir string) (count, error)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	work, err := os.MkdirTemp("", "image-builder-attack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	program, err := filepath.Abs("build/image-builder")
	if err != nil {
		return err
	}

	broken := 0
	fmt.Printf("%-30s %8s %8s\n", "attack", "tried", "broken")
	for i, one := range []attack{kills} {
		dir := filepath.Join(work, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		result, err := one(ctx, program, dir)
		if err != nil {
			return err
		}
		broken += result.broken
		fmt.Printf("%-30s %8d %8d\n", result.name, result.tried, result.broken)
	}
	if broken > 0 {
		return fmt.Errorf("%d attempts broke a promise", broken)
	}
	return nil
}

// makeDisk makes a small disk that can be a base.
func makeDisk(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "disk.raw")
	script := `mkdir -p "$1/tree/etc" "$1/tree/usr/bin"; echo ID=test >"$1/tree/etc/os-release"
		cp /bin/true "$1/tree/usr/bin/true"; ln -s usr/bin "$1/tree/bin"; cp "$(command -v sh)" "$1/tree/usr/bin/sh"
		truncate -s 64M "$2"; mkfs.ext4 -q -d "$1/tree" "$2"`
	out, err := exec.CommandContext(ctx, "sh", "-ec", script, "sh", dir, path).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("make disk: %w: %s", err, out)
	}
	return path, nil
}
