package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"image-builder/internal/fault"
	"image-builder/internal/stack"
)

// stackFlag is --stack of the commands that need an existing stack.
type stackFlag struct {
	Stack string `help:"Name of the stack. Default: the only one of image-builder in the region." placeholder:"NAME"`
}

// stackName matches a stack's name or ARN.
var stackName = regexp.MustCompile(`^([A-Za-z][-A-Za-z0-9]{0,127}|arn:[^\s[:cntrl:]]+)$`)

// check refuses an invalid stack name.
func (f stackFlag) check() error {
	if stackName.MatchString(f.Stack) {
		return nil
	}
	return fault.New(fault.BadInput,
		fmt.Errorf("find stack %q: that is not a stack's name", f.Stack),
		"write --stack NAME, of letters, digits and hyphens")
}

// find returns the user's stack. It must exist, and it must be ours.
func (f stackFlag) find(ctx context.Context, a account) (stack.Stack, error) {
	if f.Stack == "" {
		return onlyStack(ctx, a)
	}
	if err := f.check(); err != nil {
		return stack.Stack{}, err
	}

	s, err := a.stacks.Stack(ctx, f.Stack)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, fault.New(fault.NotUsable,
			fmt.Errorf("find stack %s: not found in this region", f.Stack),
			"image-builder deploy RECIPE --stack "+f.Stack+" makes one; or check the name, AWS_REGION and the account")
	case err == nil && s.First():
		return s, fault.New(fault.NotUsable,
			fmt.Errorf("use stack %s: the first image-builder made it", f.Stack),
			"image-builder deploy --stack "+f.Stack+" updates it in place")
	case err == nil && !s.Ours() && s.Status != stack.ReviewInProgress:
		return s, fault.New(fault.NotUsable,
			fmt.Errorf("use stack %s: it was not made by image-builder", f.Stack),
			"name another one with --stack")
	}

	return s, err
}

// onlyStack returns the region's stack of ours if there is exactly one.
func onlyStack(ctx context.Context, a account) (stack.Stack, error) {
	ours, err := a.stacks.Ours(ctx)
	if err != nil {
		return stack.Stack{}, err
	}
	if len(ours) == 1 {
		return ours[0], nil
	}
	if len(ours) == 0 {
		return stack.Stack{}, fault.New(fault.NotUsable,
			errors.New("find the stack: no stack in this region was made by image-builder"),
			"image-builder deploy RECIPE makes one; or check AWS_REGION and the account")
	}

	var names []string
	for _, s := range ours {
		names = append(names, s.Name)
	}

	return stack.Stack{}, fault.New(fault.BadInput,
		fmt.Errorf("find the stack: this region has %d of image-builder: %s", len(ours), strings.Join(names, ", ")),
		"name one with --stack")
}
