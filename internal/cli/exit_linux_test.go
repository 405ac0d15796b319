package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/bake"
	"image-builder/internal/base"
	"image-builder/internal/deploy"
	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/finding"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/progress"
	"image-builder/internal/stack"
)

func TestFail(t *testing.T) {
	t.Parallel()
	step := &bake.StepError{Step: image.Step{Step: progress.Step{Name: "Run", Document: "d", Phase: "build"}, Message: "exit status 3", Log: "/l.log"}, Cause: errors.New("x")}

	for name, test := range map[string]struct {
		err  error
		code fault.Class
		want string
	}{
		"anything else":             {errors.New("read x: EOF"), fault.Failed, "image-builder: error: read x: EOF\n"},
		"a step":                    {fmt.Errorf("bake: %w", step), fault.Failed, "image-builder: error: bake: run step Run of d (build): exit status 3\nimage-builder: hint: its whole log is /l.log; bake --keep-failed keeps the disk as it stood, for image shell\n"},
		"a hint below a step":       {&bake.StepError{Step: step.Step, Cause: fault.New(fault.Done, &disk.Unusable{}, "look")}, fault.Failed, "image-builder: error: run step Run of d (build): exit status 3\nimage-builder: hint: look\n"},
		"a step with a better hint": {fault.New(fault.Failed, step, "look"), fault.Failed, "image-builder: error: run step Run of d (build): exit status 3\nimage-builder: hint: look\n"},
		"several errors":            {errors.Join(errors.New("one"), errors.New("two")), fault.Failed, "image-builder: error: one\nimage-builder: error: two\n"},
		"escape sequences":          {errors.New("a\x1b[2Jb\x07\nc\x1b]0;title\x07"), fault.Failed, "image-builder: error: ab\nimage-builder: error: c\n"},
		"a finding":                 {finding.Finding{Code: "IB1", Message: "unknown key"}, fault.BadInput, ""},
		"a code":                    {fmt.Errorf("x: %w", fault.New(fault.AWSRefused, errors.New("y"), "do z")), fault.AWSRefused, "image-builder: error: x: y\nimage-builder: hint: do z\n"},
		"said already":              {&saidError{class: fault.BadInput}, fault.BadInput, ""},
		"no image":                  {fault.New(fault.Done, &local.MissingError{Kind: "image", Name: "x"}, "look"), fault.NotUsable, "image-builder: error: find image x: not found\nimage-builder: hint: look\n"},
		"an image in use":           {&local.InUseError{}, fault.NotUsable, ""},
		"a bad disk":                {fmt.Errorf("x: %w", &disk.Unusable{Path: "d", Reason: "small"}), fault.NotUsable, "image-builder: error: x: use disk d: small\n"},
		"no base":                   {&base.Unresolved{Reference: "x", Err: errors.New("no")}, fault.NotUsable, "image-builder: error: resolve base x: no\n"},
		"no space for a base":       {&base.Unresolved{Reference: "x", Err: disk.ErrFull}, fault.BadMachine, ""},
		"a damaged disk":            {&disk.Damaged{}, fault.NotUsable, ""},
		"no store":                  {fault.New(fault.BadMachine, errors.New("x"), "y"), fault.BadMachine, "image-builder: error: x\nimage-builder: hint: y\n"},
		"no program":                {&exec.Error{Name: "qemu-img", Err: exec.ErrNotFound}, fault.BadMachine, ""},
		"no package":                {&disk.Missing{Program: "qemu-img", Package: "qemu-utils"}, fault.BadMachine, ""},
		"no space":                  {&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, fault.BadMachine, ""},
		"no space for a disk":       {fmt.Errorf("x: %w", disk.ErrFull), fault.BadMachine, ""},
		"a leak":                    {fmt.Errorf("bake: %w", &bake.LeakError{}), fault.SecretFound, ""},
		"no region":                 {fault.Full(fault.AWSRefused, errors.New("find AWS region: none is set"), ""), fault.AWSRefused, ""},
		"no profile":                {fmt.Errorf("x: %w", fault.Full(fault.AWSRefused, errors.New("y"), "z")), fault.AWSRefused, "image-builder: error: x: y\nimage-builder: hint: z\n"},
		"advice under a hint":       {fault.New(fault.NotUsable, fault.Full(fault.AWSRefused, errors.New("y"), "z"), "look"), fault.NotUsable, "image-builder: error: y: z\nimage-builder: hint: look\n"},
		"a stack that is not ours":  {fault.New(fault.NotUsable, errors.New("use stack s: not ours"), "look"), fault.NotUsable, "image-builder: error: use stack s: not ours\nimage-builder: hint: look\n"},
		"a failed deploy":           {fault.New(fault.Done, &deploy.Failed{Verb: "create", Stack: stack.Stack{Name: "s"}, Reason: "no"}, "again"), fault.Failed, "image-builder: error: create stack s: no\nimage-builder: hint: again\n"},
		"a deploy left alone":       {&deploy.Lost{Stack: "s", Err: context.Canceled}, fault.Interrupted, "image-builder: error: interrupted: CloudFormation goes on with stack s\nimage-builder: hint: the same command again follows it to its end\n"},
		"a deploy out of sight":     {&deploy.Lost{Stack: "s", Err: fault.Full(fault.AWSRefused, errors.New("x"), "")}, fault.AWSRefused, ""},
		"a timeout":                 {fmt.Errorf("x: %w", context.DeadlineExceeded), fault.TimedOut, ""},
		"a bake's timeout":          {&bake.StepError{Cause: context.DeadlineExceeded}, fault.TimedOut, ""},
		"an interruption":           {fault.New(fault.Failed, fmt.Errorf("x: %w", context.Canceled), ""), fault.Interrupted, "image-builder: error: x: interrupted\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var text bytes.Buffer
			if code := fail(t.Context(), &text, test.err); code != int(test.code) {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if diff := cmp.Diff(test.want, text.String()); test.want != "" && diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The reference page and the table in the code must agree.
func TestExitCodesPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reference/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	want := "| code | meaning |\n|---|---|\n"
	for _, row := range fault.Classes {
		want += fmt.Sprintf("| %d | %s |\n", row.Class, row.Meaning)
	}

	_, table, _ := strings.Cut(string(page), "| code |")
	table, _, _ = strings.Cut("| code |"+table, "\n\n")
	if diff := cmp.Diff(want, strings.TrimRight(table, "\n")+"\n"); diff != "" {
		t.Error(diff)
	}
}
