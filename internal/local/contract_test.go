package local_test

import (
	"context"
	"testing"
	"time"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/contract"
	"image-builder/internal/local"
)

func TestBucketsKeepTheContract(t *testing.T) {
	t.Parallel()
	contract.Objects(t, func(t *testing.T) (action.Objects, string) {
		t.Helper()
		return local.Buckets{"here": t.TempDir()}, "here"
	})
}

// parameters writes the store's parameters as SSM's are.
type parameters struct{ *local.Store }

func (p parameters) Put(ctx context.Context, name, value string) error {
	_, err := p.PutParameter(ctx, name, value)
	return err
}

func newParameters(t *testing.T) parameters {
	t.Helper()
	store, err := local.Open(t.Context(), t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})

	return parameters{store}
}

func TestParametersKeepTheContract(t *testing.T) {
	t.Parallel()
	contract.Values(t, func(t *testing.T, values map[string]string) component.Values {
		t.Helper()
		p := newParameters(t)
		for name, value := range values {
			if err := p.Put(t.Context(), name, value); err != nil {
				t.Fatal(err)
			}
		}
		return p
	})

	contract.WrittenParameters(t, func(t *testing.T) contract.Parameters {
		t.Helper()
		return newParameters(t)
	})
}
