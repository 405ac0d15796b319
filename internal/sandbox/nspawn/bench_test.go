package nspawn

import (
	"testing"

	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/sandboxtest"
)

// BenchmarkTrue measures a whole life: start, run true, stop.
func BenchmarkTrue(b *testing.B) {
	disk := sandboxtest.Disk(b, nil)

	for b.Loop() {
		m, err := Start(b.Context(), Config{Disk: disk, WorkDir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		if err := m.Run(b.Context(), sandbox.Command{Args: []string{"true"}}); err != nil {
			b.Fatal(err)
		}
		if err := m.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
