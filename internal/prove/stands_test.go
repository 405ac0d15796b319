package prove

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"image-builder/internal/component"
	"image-builder/internal/component/inside"
	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/sandbox/guest"
	"image-builder/internal/sandbox/qemu"
)

// A booted machine that is no use as an agent is told apart.
func TestStands(t *testing.T) {
	t.Parallel()
	good := guest.Facts{State: "running", Free: 1 << 30, Inodes: 1 << 20, Cards: []string{"ens3"}, Addresses: []string{"10.0.2.15"}}
	for want, change := range map[string]func(f *guest.Facts){
		"": func(*guest.Facts) {},
		"its root filesystem is full: 3 MiB are free":                  func(f *guest.Facts) { f.Free = 3 << 20 },
		"its root filesystem has 7 free inodes":                        func(f *guest.Facts) { f.Inodes = 7 },
		"its network never comes: no address on ens3":                  func(f *guest.Facts) { f.Addresses = nil },
		"it boots into maintenance mode; units that failed: mnt.mount": func(f *guest.Facts) { f.State = "maintenance"; f.Failed = []string{"mnt.mount"} },
	} {
		facts := good
		change(&facts)
		err := stands(facts)
		if want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || fault.HintOf(err) == "" || fault.ClassOf(err) != fault.NotUsable {
			t.Errorf("%v, want %q", err, want)
		}
	}

	for name, change := range map[string]func(f *guest.Facts){
		"a unit failed":    func(f *guest.Facts) { f.State = "degraded"; f.Failed = []string{"x.service"} },
		"no network card":  func(f *guest.Facts) { f.Cards = nil; f.Addresses = nil },
		"inodes as needed": func(f *guest.Facts) { f.Inodes = -1 },
	} {
		facts := good
		change(&facts)
		if err := stands(facts); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every way to fail has its words, its class and a next action.
func TestExplain(t *testing.T) {
	t.Parallel()
	step := &inside.StepError{Step: image.Step{Step: progress.Step{Name: "Try", Document: "own.yml", Phase: "test"}, Message: "exit status 3", Log: "/l.log"}}
	in := func(cause error) error {
		one := *step
		one.Cause = cause
		return &one
	}

	late, cancel := context.WithDeadlineCause(t.Context(), time.Unix(1, 0), timeoutError(time.Hour))
	defer cancel()

	for _, test := range []struct {
		ctx   context.Context
		err   error
		want  string
		class fault.Class
	}{
		{t.Context(), in(errors.New("exit status 1")), "test image: run step Try of own.yml (test): exit status 3", fault.Failed},
		{t.Context(), in(fmt.Errorf("x: %w", guest.ErrGone)), "step Try of own.yml switched the machine off", fault.Failed},
		{late, in(context.Cause(late)), "step Try of own.yml hangs: the test took longer than 1h0m0s", fault.TimedOut},
		{t.Context(), fmt.Errorf("x: %w", guest.ErrRestarted), "the machine ended before its tests", fault.Failed},
		{t.Context(), &qemu.BootError{Reason: "the kernel panicked", Console: []string{"BUG"}}, "it does not boot: boot disk: the kernel panicked", fault.NotUsable},
		{t.Context(), &disk.Unusable{Path: "img-1", Reason: "it has no init"}, "it does not boot: use disk img-1: it has no init", fault.NotUsable},
	} {
		err := explain(test.ctx, test.err)
		if !strings.Contains(err.Error(), test.want) || fault.ClassOf(err) != test.class {
			t.Errorf("%v (%d), want %q (%d)", err, fault.ClassOf(err), test.want, test.class)
		}
	}
}

func TestTestsAreThoseOfDocumentsWithATestPhase(t *testing.T) {
	t.Parallel()
	const phase = "schemaVersion: 1.0\nphases:\n  - name: %s\n    steps:\n      - {name: A, action: ExecuteBash, inputs: {commands: ['true']}}\n"
	tests, err := Tests([]inside.Document{
		{Name: "build.yml", Text: fmt.Appendf(nil, phase, "build")},
		{Name: "test.yml", Text: fmt.Appendf(nil, phase, "test"), Parameters: []component.Parameter{{Name: "A", Value: "b"}}},
	})
	if err != nil || len(tests) != 1 || tests[0].Name != "test.yml" {
		t.Fatalf("%+v, %v", tests, err)
	}

	document, err := documentOf(tests[0])
	if err != nil || len(document.Parameters) != 1 || document.Parameters[0].Value != "b" {
		t.Errorf("%+v, %v", document, err)
	}
}

// An image that the machine of choice cannot take is tested in the other one, if there is one, and a note says so.
func TestMachineThatTakesTheImage(t *testing.T) {
	t.Parallel()
	old := &disk.Unusable{Path: "img-1", Reason: "it has systemd 249"}
	for name, test := range map[string]struct {
		refusal   error
		otherwise image.TestIn
		want      image.TestIn
		note      string
	}{
		"it takes it":             {nil, image.TestContainer, image.TestVM, ""},
		"it does not":             {old, image.TestContainer, image.TestContainer, "tests run in a container, not in a vm: it has systemd 249"},
		"it was asked for":        {old, "", image.TestVM, ""},
		"the disk cannot be read": {errors.New("input/output error"), image.TestContainer, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			note := ""
			p := Prove{
				Machines: map[image.TestIn]Machine{image.TestVM: {Takes: func(context.Context, string) error { return test.refusal }}},
				Report:   func(e progress.Event) { note = e.Text },
			}
			in, err := p.choose(t.Context(), Definition{In: image.TestVM, Otherwise: test.otherwise})
			if in != test.want || note != test.note || (err != nil) != (test.want == "") {
				t.Errorf("%q, %v, note %q", in, err, note)
			}
		})
	}
}
