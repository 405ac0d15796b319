package prove

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"image-builder/internal/component/inside"
	"image-builder/internal/firstjob"
	"image-builder/internal/image"
	"image-builder/internal/sandbox"
)

// job lets the machine's agent run its first job. start is when the machine was switched on.
func (p Prove) job(ctx context.Context, m sandbox.Machine, d Definition, start time.Time) (*image.Job, error) {
	defer p.Report.Stage("first job")()
	told := &jobEvents{job: image.Job{Login: p.since(start)}, since: func() image.Duration { return p.since(start) }}
	var errs bytes.Buffer

	args := []string{inside.Program, "guest", "job"}
	for _, name := range dockerImages(d.Image.Tests) {
		args = append(args, "--image", name)
	}

	err := m.Run(ctx, sandbox.Command{Args: args, Env: []string{searchPath}, Stdout: told, Stderr: &errs})
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}

	switch {
	case told.failure != nil:
		return nil, jobFailure(told.failure)
	case err != nil:
		return nil, fmt.Errorf("run first job: %w: %s", err, strings.TrimSpace(errs.String()))
	case told.job.Agent == "":
		return nil, fmt.Errorf("run first job: the machine says nothing of it: %s", strings.TrimSpace(errs.String()))
	}

	told.job.Budget = image.Duration(d.JobBudget)
	return &told.job, nil
}

// within says by how much a job takes longer than its budget, where its time went, and what it waited for.
func within(job image.Job, blame func() string) error {
	if job.Budget == 0 || job.Done <= job.Budget {
		return nil
	}

	seconds := func(d image.Duration) float64 { return time.Duration(d).Seconds() }
	done := fmt.Sprintf("its first job is done after %.1f s", seconds(job.Done))
	if job.At != "" {
		done += " at " + job.At
	}
	what := fmt.Sprintf("%s, and the budget is %s: login after %.1f s, agent registered after %.1f s, checkout after %.1f s",
		done, time.Duration(job.Budget), seconds(job.Login), seconds(job.Registered), seconds(job.Checkout))
	if waits := blame(); waits != "" {
		what += "; " + waits
	}

	return &Failure{
		What: what,
		Do:   "bake less into what boots, or raise job in boot-budget; a machine that is emulated in software takes many times as long as an instance",
	}
}

func (p Prove) since(start time.Time) image.Duration { return image.Duration(p.Now().Sub(start)) }

// jobFailure says why the image's agent cannot be content with it.
func jobFailure(f *firstjob.Failure) *Failure {
	what := printable(f.What)
	if len(f.Last) > 0 {
		what += "; the last lines:"
	}
	for _, line := range f.Last {
		what += "\n  " + printable(line)
	}
	return &Failure{What: what, Do: printable(f.Do)}
}

// printable leaves out what could control a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}

const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// dockerImages lists what the image was baked with by docker-images.
func dockerImages(tests []image.Test) []string {
	for _, test := range tests {
		var parameters []struct{ Name, Value string }
		if test.Name != dockerDocument || json.Unmarshal(test.Parameters, &parameters) != nil {
			continue
		}
		for _, p := range parameters {
			if p.Name == "Images" {
				return strings.Fields(p.Value)
			}
		}
	}
	return nil
}

// dockerDocument is the ready-made component that bakes Docker images.
const dockerDocument = "docker-images.yml"

// jobEvents reads what the machine says of a job, line by line, and when.
type jobEvents struct {
	since   func() image.Duration
	part    []byte // of a line
	job     image.Job
	failure *firstjob.Failure
}

// maxLine bounds a line, in bytes: the machine is not to be trusted.
const maxLine = 1 << 20

func (j *jobEvents) Write(p []byte) (int, error) {
	if len(j.part)+len(p) > maxLine {
		return 0, fmt.Errorf("read what the machine says of its job: a line has more than %d bytes", maxLine)
	}
	j.part = append(j.part, p...)

	for {
		line, rest, found := bytes.Cut(j.part, []byte("\n"))
		if !found {
			return len(p), nil
		}
		j.part = rest
		var event firstjob.Event
		if json.Unmarshal(line, &event) == nil { // what else is printed is not meant for this
			j.take(event)
		}
	}
}

func (j *jobEvents) take(event firstjob.Event) {
	switch event.Kind {
	case firstjob.Registered:
		j.job.Registered = j.since()
	case firstjob.CheckedOut:
		j.job.Checkout = j.since()
	case firstjob.Finished:
		j.job.Done = j.since()
	}

	if event.Failure != nil {
		j.failure = event.Failure
	}
	if result := event.Result; result != nil {
		j.job.Agent = result.Agent
		j.job.Repository = result.Repository
		j.job.Mirror = result.Mirror
		j.job.Crossed = result.Crossed
		j.job.Images = result.Images
	}
}
