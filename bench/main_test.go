package main

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"testing"
)

// A group that fails is an error in the end, and takes no other group's figures with it; an interruption ends the run.
func TestGroupsAreMeasuredAfterOneThatFailed(t *testing.T) {
	t.Parallel()
	failure := errors.New("no disk")
	for name, test := range map[string]struct {
		fail func(stop func()) error
		want []string
	}{
		"failure":      {func(func()) error { return failure }, []string{"a", "b", "d"}},
		"interruption": {func(stop func()) error { stop(); return failure }, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var measured []string
			measure := func(name string, err func() error) group {
				return group{name, func(context.Context) error { measured = append(measured, name); return err() }}
			}
			fine := func() error { return nil }

			b := &bench{options: options{only: regexp.MustCompile("[abd]")}}
			err := b.measureGroups(ctx, []group{
				measure("a", fine), measure("b", func() error { return test.fail(stop) }), measure("c", fine), measure("d", fine),
			})
			if !errors.Is(err, failure) || !slices.Equal(measured, test.want) {
				t.Errorf("measured %v: %v", measured, err)
			}
		})
	}
}
