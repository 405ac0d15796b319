package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/imagepipeline"
	"image-builder/internal/patience"
	"image-builder/internal/stack"
)

// nightly is a stack whose pipeline builds at midnight in Berlin.
func nightly() (*builds, shownStatus) {
	b := &builds{stack: stack.Stack{
		Name: "nightly", Status: stack.UpdateComplete, Created: noon().Add(-72 * time.Hour), Updated: noon().Add(-24 * time.Hour),
		Parameters: map[string]string{"LogRetentionDays": "30"}, Outputs: map[string]string{"Pipeline": "arn"},
	}}
	pipeline := &imagepipeline.Pipeline{
		Name: "nightly", Enabled: true, FailureLimit: 5, Expression: "cron(0 0 * * ? *)", Zone: "Europe/Berlin", NextRun: noon().Add(11 * time.Hour),
	}

	newest := imagepipeline.Built{
		Image:   imagepipeline.Image{Version: "1.0.4/1", State: imagepipeline.Available, Created: noon().Add(-13 * time.Hour), AMI: "ami-0new", Scheduled: true},
		Elapsed: image.Duration(18 * time.Minute), Base: "ami-0base",
	}
	return b, shownStatus{
		Status: imagepipeline.Status{
			Stack: b.stack, Pipeline: pipeline, Newest: &newest, Published: true, Images: []imagepipeline.Built{newest}, Total: 1,
			Base:   imagepipeline.Parameter{Name: "/base", AMI: "ami-0base"},
			Output: imagepipeline.Parameter{Name: "/out", AMI: "ami-0new"},
		},
		Schedule: scheduled(pipeline, noon()),
	}
}

func TestStatusText(t *testing.T) {
	t.Parallel()
	b, shown := nightly()

	want := `stack     nightly, UPDATE_COMPLETE, last deployed 2026-03-03 12:00 UTC
pipeline  ENABLED
schedule  every day at 00:00, Europe/Berlin: cron(0 0 * * ? *)
next run  2026-03-04 23:00 UTC, in 11 hours
last run  1.0.4/1 AVAILABLE, started 2026-03-03 23:00 UTC
base      /base = ami-0base
output    /out = ami-0new, of the newest image 1.0.4/1
`
	if diff := cmp.Diff(want, statusText{shownStatus: shown, builds: b, now: noon()}.String()); diff != "" {
		t.Error(diff)
	}
}

// A stack that builds only when its base has changed says whether the next build has a reason.
func TestStatusTextOfAStackThatWaitsForItsBase(t *testing.T) {
	t.Parallel()
	b, shown := nightly()
	shown.Stack.Parameters = map[string]string{"BuildWhen": "base-changed"}
	const next = "next run  2026-03-04 23:00 UTC, in 11 hours"
	for newer, want := range map[bool]string{true: next + ": the base has changed\n", false: next + ", if the base changes until then\n"} {
		shown.NewerBase = newer
		if got := (statusText{shownStatus: shown, builds: b, now: noon()}).String(); !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
}

// What needs action comes first, and no text from AWS or an instance acts on the terminal.
func TestStatusTextAlarms(t *testing.T) {
	t.Parallel()
	b, shown := nightly()
	shown.Stack.Status = stack.UpdateRollbackFailed
	shown.Stack.Reason = "no\x1b[2J role"
	shown.Pipeline.Enabled = false
	shown.Failures = 6
	shown.Images[0].State = imagepipeline.Failed
	shown.Images[0].Why = "Document \x1b]0;x\x07failed!"
	shown.Published = false
	shown.Output.AMI = "ami-\x1b[31m0old"

	shown.Schedule = scheduled(shown.Pipeline, noon())
	want := `THE LAST UPDATE OF THE STACK FAILED: it is in UPDATE_ROLLBACK_FAILED
  why   no role
  next  image-builder deploy RECIPE --stack nightly says what can be done

THE SCHEDULE IS OFF: no image is built until it is switched on
  why   6 scheduled builds failed in a row: after 5 of them Image Builder disables the pipeline
  last  1.0.4/1 on 2026-03-03 23:00 UTC: Document failed!
  next  image-builder logs 1.0.4/1; when it is corrected, image-builder start --enable --follow builds now, and switches it on

THE NEWEST AMI IS NOT IN THE OUTPUT PARAMETER
  newest     ami-0new of image 1.0.4/1
  parameter  /out, which names ami-0old
  next       image-builder logs 1.0.4/1; or someone else has written the parameter since

stack     nightly, UPDATE_ROLLBACK_FAILED, last deployed 2026-03-03 12:00 UTC
pipeline  DISABLED
schedule  every day at 00:00, Europe/Berlin: cron(0 0 * * ? *)
next run  none: the schedule is off
last run  1.0.4/1 FAILED, started 2026-03-03 23:00 UTC
base      /base = ami-0base
output    /out = ami-0old
`
	if diff := cmp.Diff(want, statusText{shownStatus: shown, builds: b, now: noon()}.String()); diff != "" {
		t.Error(diff)
	}
}

func TestIn(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Minute: "", 30 * time.Second: ", in 1 minute", 90 * time.Minute: ", in 91 minutes", 11 * time.Hour: ", in 11 hours", 100 * time.Hour: ", in 4 days",
	} {
		if got := in(d); got != want {
			t.Errorf("in(%s) = %q, want %q", d, got, want)
		}
	}
}

// A newer base has a line of its own.
func TestStatusTextNewerBase(t *testing.T) {
	t.Parallel()
	b, shown := nightly()
	shown.NewerBase = true
	shown.Base.AMI = "ami-0base2"
	want := "base      /base = ami-0base2\n          a newer base waits for the next build: the newest image was made from ami-0base\noutput"
	if text := (statusText{shownStatus: shown, builds: b, now: noon()}).String(); !strings.Contains(text, want) {
		t.Error(text)
	}
}

func TestNarrowed(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"A", "B", "C", "D", "E", "F", "G"}, {"1", "2", "3", "4", "5", "sixth", "7"}}
	for columns, want := range map[int]int{200: 7, 25: 7, 24: 6, 22: 6, 21: 5, 3: 5} {
		if got := narrowed(rows, columns); len(got[0]) != want || len(got[1]) != want {
			t.Errorf("in %d columns there are %d, want %d", columns, len(got[0]), want)
		}
	}
}

// A log older than the retention time is reported as expired.
func TestNoLogAnyMore(t *testing.T) {
	t.Parallel()
	b, _ := nightly()
	env := &Env{Now: func() time.Time { return noon().Add(31 * 24 * time.Hour) }, Stderr: &bytes.Buffer{}}
	err := (&LogsCmd{}).noLog(t.Context(), env, b, imagepipeline.Image{Version: "1.0.4/1", State: imagepipeline.Available, Created: noon()})
	want := "read the log of 1.0.4/1: it has no line any more: it was built on 2026-03-04 12:00 UTC, and logs are kept for 30 days"
	if err == nil || err.Error() != want || fault.ClassOf(err) != fault.NotUsable || !strings.Contains(fault.HintOf(err), "--log-retention-days") {
		t.Errorf("got %v, %q", err, fault.HintOf(err))
	}
}

func TestErrorsOfBuilds(t *testing.T) {
	t.Parallel()
	b, _ := nightly()
	b.flag.Stack = "nightly"
	one := imagepipeline.Image{ARN: "arn:x/1.0.4/1", Version: "1.0.4/1", State: "BUILDING"}

	late := &patience.LateError{For: "build 1.0.4/1", State: "BUILDING", Limit: 24 * time.Hour}
	for name, test := range map[string]struct {
		err  error
		code fault.Class
		want string
	}{
		"too long": {
			&imagepipeline.DetachedError{Image: one, Err: late}, fault.TimedOut,
			"follow build 1.0.4/1, which goes on: waited 24h0m0s for build 1.0.4/1, which is still BUILDING; image-builder logs 1.0.4/1 --follow --stack nightly follows it again",
		},
		"nothing to print on": {
			&imagepipeline.DetachedError{Image: one, Err: errors.New("the disk is full")}, fault.Failed,
			"follow build 1.0.4/1, which goes on: the disk is full; image-builder logs 1.0.4/1 --follow --stack nightly follows it again",
		},
		"any other": {errors.New("denied"), fault.Failed, "denied; "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := b.explain(test.err)
			if got := err.Error() + "; " + fault.HintOf(err); got != test.want || fault.ClassOf(err) != test.code {
				t.Errorf("got %s, code %d", got, fault.ClassOf(err))
			}
		})
	}
}

func TestBuiltSummary(t *testing.T) {
	t.Parallel()
	b, _ := nightly()

	build := imagepipeline.Build{Image: imagepipeline.Image{Version: "1.0.5/1", AMI: "ami-0new"}, Elapsed: image.Duration(18 * time.Minute)}
	for name, test := range map[string]struct {
		holds     string
		published bool
		unread    error
		want      string
	}{
		"published":       {"ami-0new", true, nil, "/out = ami-0new"},
		"not to be read":  {"", false, errors.New("denied"), "not read: denied"},
		"not written":     {"", false, nil, "/out is NOT THERE: Image Builder has not written it"},
		"holding another": {"ami-\x1b[31m0old", false, nil, "/out holds ANOTHER AMI: ami-0old"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done := followed{Build: build, Parameter: imagepipeline.Parameter{Name: "/out", AMI: test.holds}, Published: test.published}
			want := "built ami-0new in 18m00s\n  image      1.0.5/1 of stack nightly\n  parameter  " + test.want + "\n  next       image-builder status\n"
			if diff := cmp.Diff(want, builtSummary(b, done, test.unread)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// noon is the time in these tests.
func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }
