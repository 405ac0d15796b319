package main

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// kills ends `base pull` with kill -9 at random moments. The next command must work and leave no run behind.
func kills(ctx context.Context, program, dir string) (count, error) {
	result := count{name: "base pull, kill -9"}
	path, err := makeDisk(ctx, dir)
	if err != nil {
		return result, err
	}

	data := filepath.Join(dir, "data")
	for range 60 {
		pull := exec.CommandContext(ctx, program, "--data-dir", data, "base", "pull", path)
		if err := pull.Start(); err != nil {
			return result, err
		}
		time.Sleep(rand.N(600 * time.Millisecond))
		_ = pull.Process.Kill() // it may have ended meanwhile
		_ = pull.Wait()

		result.tried++
		list := exec.CommandContext(ctx, program, "--data-dir", data, "base", "list").Run()
		left, _ := os.ReadDir(filepath.Join(data, "runs"))
		if list != nil || len(left) > 0 {
			result.broken++
		}
	}
	return result, ctx.Err()
}
