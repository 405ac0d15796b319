package imagepipeline_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/imagepipeline"
)

func TestBrief(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"":                        "",
		"The role may not do it.": "The role may not do it.",
		"Workflow Execution ID: 'wf-a1b2c3d4-5678-90ab-cdef-000000000001' failed with reason: Document arn:aws:imagebuilder:us-west-2:123456789012:component/my-example/1.0.0/1 failed!":                                  "Document my-example 1.0.0 failed!",
		"Workflow Execution ID: 'wf-1' failed with reason: Document arn:aws-us-gov:imagebuilder:us-gov-west-1:123456789012:component/a_b/1.0.0/1 failed!":                                                                 "Document a_b 1.0.0 failed!",
		"SSM execution '8930028b' failed with status = 'Failed' in state = 'BUILDING' and failure message = 'SSM Agent verification failed'":                                                                              "SSM Agent verification failed (Failed while BUILDING)",
		"SSM execution '89b8' failed for image arn: 'arn:aws:imagebuilder:us-east-1:123456789012:image/x/3.5.0/1' with status = 'TimedOut' in state = 'BUILDING' and failure message = 'SSM Agent verification failed''.": "SSM Agent verification failed (TimedOut while BUILDING)",
		"two\n lines": "two lines",
	} {
		if got := imagepipeline.Brief(reason); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	if got := hint("SSM Agent verification failed (TimedOut while BUILDING)"); !strings.Contains(got, "way out") {
		t.Errorf("got %q", got)
	}
	if got := hint("Document x failed!"); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	images := imagepipeline.NewestFirst([]imagepipeline.Image{
		{ARN: "a/1.0.1/1", Version: "1.0.1/1", Created: at(1)},
		{ARN: "a/1.0.2/2", Version: "1.0.2/2", Created: at(9)},
		{ARN: "a/1.0.1/10", Version: "1.0.1/10", Created: at(2)},
		{ARN: "a/1.0.2/1", Version: "1.0.2/1", Created: at(8)},
	})
	for name, want := range map[string]string{
		"": "1.0.2/2", "1.0.1/1": "1.0.1/1", "a/1.0.2/1": "1.0.2/1", "1.0.1": "1.0.1/10", "1.0": "", "1.0.9": "", "x": "",
	} {
		if got, found := imagepipeline.Find(images, name); got.Version != want || found != (want != "") {
			t.Errorf("%q: found %q, want %q", name, got.Version, want)
		}
	}
}

func TestNewestFirst(t *testing.T) {
	t.Parallel()
	var got []string
	for _, one := range imagepipeline.NewestFirst([]imagepipeline.Image{{Version: "1.0.9/1"}, {Version: "1.0.1/1", Created: at(1)}, {Version: "1.0.10/2"}, {Version: "1.0.10/10"}}) {
		got = append(got, one.Version)
	}
	if diff := cmp.Diff([]string{"1.0.1/1", "1.0.10/10", "1.0.10/2", "1.0.9/1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	a := open(t)
	a.Logs.SetPageSize(2)
	for i, day := range []string{"2026/03/02", "2026/03/03", "2026/03/04"} {
		for n := range 3 {
			a.Logs.WriteAt("images", day, at(i), day[8:]+"-"+itoa(n))
		}
	}

	log := &imagepipeline.Log{Logs: a.logs, Group: "images"}
	var all []string
	count, err := log.All(t.Context(), func(l imagepipeline.Line) error { all = append(all, l.Text); return nil })
	if want := "02-0 02-1 02-2 03-0 03-1 03-2 04-0 04-1 04-2"; err != nil || count != 9 || strings.Join(all, " ") != want {
		t.Errorf("got %v, %d, %v", all, count, err)
	}

	for n, want := range map[int]string{0: "", 2: "04-1 04-2", 4: "03-2 04-0 04-1 04-2", 20: strings.Join(all, " ")} {
		var got []string
		lines, err := log.Last(t.Context(), n)
		for _, l := range lines {
			got = append(got, l.Text)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("the last %d are %v, %v", n, got, err)
		}
	}

	for version, want := range map[string]int{"2026/03/02": 3, "03/03": 3, "3": 0, "no such stream": 0} {
		if count, err := log.Image(t.Context(), version, func(imagepipeline.Line) error { return nil }); count != want || err != nil {
			t.Errorf("%s has %d lines, %v", version, count, err)
		}
	}
}

// hint is what to do about a build that failed for a reason.
func hint(reason string) string {
	return (&imagepipeline.FailedError{Build: imagepipeline.Build{Image: imagepipeline.Image{Reason: reason}}}).Hint()
}
