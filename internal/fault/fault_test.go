package fault_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"image-builder/internal/fault"
)

func TestClassAndHint(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	unusable := fault.New(fault.NotUsable, cause, "look")
	leak := fault.New(fault.SecretFound, cause, "")

	timeout := fmt.Errorf("x: %w", context.DeadlineExceeded)

	for name, test := range map[string]struct {
		err   error
		class fault.Class
		hint  string
	}{
		"no error":                     {nil, fault.Done, ""},
		"any other error":              {cause, fault.Failed, ""},
		"a wrapped fault":              {fmt.Errorf("x: %w", unusable), fault.NotUsable, "look"},
		"a fault in a fault":           {fault.New(fault.AWSRefused, unusable, "do"), fault.AWSRefused, "do"},
		"an outer class without hint":  {fault.New(fault.AWSRefused, unusable, ""), fault.AWSRefused, "look"},
		"an outer hint without class":  {fault.New(fault.Done, unusable, "do"), fault.NotUsable, "do"},
		"the second of joined errors":  {errors.Join(cause, unusable), fault.NotUsable, "look"},
		"the first of joined errors":   {errors.Join(unusable, fault.New(fault.BadInput, cause, "do")), fault.NotUsable, "look"},
		"a secret beside a failure":    {errors.Join(unusable, leak), fault.SecretFound, "look"},
		"a secret in a failure":        {fault.New(fault.Failed, leak, ""), fault.SecretFound, ""},
		"an interruption of a failure": {fault.New(fault.Failed, fmt.Errorf("x: %w", context.Canceled), "do"), fault.Interrupted, "do"},
		"a timeout":                    {timeout, fault.TimedOut, ""},
		"a timeout with a class":       {fault.New(fault.AWSRefused, timeout, ""), fault.AWSRefused, ""},
		"no program":                   {&exec.Error{Name: "qemu-img", Err: exec.ErrNotFound}, fault.BadMachine, ""},
		"no space":                     {&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, fault.BadMachine, ""},
		"a read-only filesystem":       {&os.PathError{Op: "write", Path: "x", Err: syscall.EROFS}, fault.BadMachine, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			class := fault.ClassOf(test.err)
			hint := fault.HintOf(test.err)
			if class != test.class || hint != test.hint {
				t.Errorf("class %d, hint %q, want %d, %q", class, hint, test.class, test.hint)
			}
		})
	}
}

func TestTextLeavesItsHintOut(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"x: cause":    fmt.Errorf("x: %w", fault.New(fault.BadInput, errors.New("cause: look"), "look")),
		"cause":       fault.New(fault.BadInput, errors.New("cause"), "look"),
		"cause: look": fault.New(fault.BadInput, fault.New(fault.BadInput, errors.New("cause: look"), "look"), "do"),
	} {
		if got := fault.Text(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFullSaysItsHintOnce(t *testing.T) {
	t.Parallel()
	err := fault.Full(fault.AWSRefused, errors.New("no region"), "set AWS_REGION")
	quoted := fmt.Errorf("base: %w", err)
	if quoted.Error() != "base: no region: set AWS_REGION" || fault.Text(quoted) != "base: no region" || fault.HintOf(quoted) != "set AWS_REGION" {
		t.Errorf("%v; %s; %s", quoted, fault.Text(quoted), fault.HintOf(quoted))
	}
}
