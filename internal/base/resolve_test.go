package base

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"image-builder/internal/local"
)

// resolver is one over a data directory of its own.
func resolver(tb testing.TB) (Resolver, *local.Store) {
	tb.Helper()
	store, err := local.Open(tb.Context(), tb.TempDir(), time.Now)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { store.Close() })
	return resolverOf(store), store
}

func resolverOf(store *local.Store) Resolver {
	return Resolver{
		Catalog: store, Parameters: store, Now: time.Now, Lock: filepath.Join(store.Dir(), "lock"),
		NewRun: func(ctx context.Context) (Run, string, error) {
			run, err := store.NewRun(ctx)
			if err != nil {
				return nil, "", err
			}
			return run, run.Dir, nil
		},
	}
}

func TestAPathIsPulledOnceAndAgainWhenItChanged(t *testing.T) {
	t.Parallel()
	needRoot(t)
	path := wholeDisk(t)
	r, store := resolver(t)

	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if got, err := r.Resolve(t.Context(), path); err != nil || got.Name != path {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}

	group.Wait()
	first, err := r.Resolve(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.PutParameter(t.Context(), "/buildkite/base", path); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Resolve(t.Context(), "ssm:/buildkite/base"); err != nil || got.Disk != first.Disk {
		t.Errorf("by parameter: got %+v, %v", got, err)
	}

	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	again, err := r.Resolve(t.Context(), path)
	if err != nil || again.Origin == first.Origin || again.Disk != first.Disk {
		t.Errorf("got %+v, %v; want the same disk of another origin than %+v", again, err, first)
	}
}

func TestReferencesThatMeanNothing(t *testing.T) {
	t.Parallel()
	r, store := resolver(t)
	for name, value := range map[string]string{"/again": "ssm:/again", "/ami": "ami-0123456789abcdef0"} {
		if _, err := store.PutParameter(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}

	for reference, reason := range map[string]string{
		"nothing":                "base list",
		"ami-0123456789abcdef0":  "AMIs are not usable here",
		"ssm:/ami":               "AMIs are not usable here",
		"ssm:/again":             "is a parameter again",
		"ssm:/absent":            "/absent",
		"/absent/disk.raw":       "no such file",
		"https://localhost/disk": "SHA-256 is missing",
	} {
		if _, err := r.Resolve(t.Context(), reference); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: got %v, want one that says %q", reference, err, reason)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Resolve(ctx, "debian:bookworm"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
