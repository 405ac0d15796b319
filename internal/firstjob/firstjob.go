//go:build linux

// Package firstjob lets the buildkite-agent of a booted machine run a job, with all that an instance would find around it.
//
// It runs in the machine, as root: metadata service, agent API and the mirror's repository answer on the machine's own
// loopback, so that the agent needs no network and nothing is asked of Buildkite, AWS or a git host. The agent is the
// image's, started by its own systemd unit; only what an instance's boot script would configure comes from here, in
// memory. The package never decides what a failure means for the image, and leaves nothing on the disk itself: what the
// agent and its job write stays.
package firstjob

import (
	"context"
	"errors"
	"fmt"
	"time"

	"image-builder/internal/agentapi"
)

// patience bounds a first job, from the start of the agent.
const patience = 15 * time.Minute

// Kind is how far a first job came.
type Kind string

// How far a first job comes, in this order.
const (
	Registered Kind = "registered" // the agent is known to the agent API
	CheckedOut Kind = "checkout"   // the job's command runs in the checkout
	Finished   Kind = "finished"   // the job is over
)

// Event is told as soon as it happens; the last one has a Result or a Failure.
type Event struct {
	Kind    Kind     `json:"kind,omitempty"`
	Result  *Result  `json:"result,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
}

// Result is a job that ran.
type Result struct {
	Agent      string `json:"agent"`                // its version
	Repository string `json:"repository,omitempty"` // URL of what was checked out; "": the image has no mirror
	Mirror     string `json:"mirror,omitempty"`     // directory that the objects came from
	Crossed    int64  `json:"crossed"`              // bytes of the repository that crossed the network
	// Images are the Docker images that a command ran in.
	Images []string `json:"images,omitempty"`
}

// Failure says why the image's first job is not one to be content with.
type Failure struct {
	What string   `json:"what"` // "its agent's user buildkite-agent does not exist"
	Do   string   `json:"do"`   // what to do next
	Last []string `json:"last,omitempty"`
}

func (f *Failure) Error() string { return f.What }

// Definition is a first job.
type Definition struct {
	Program string   // path of this program in the machine
	Images  []string // Docker images that must be there
	Arch    string   // of the machine, as EC2 names it
	Tell    func(Event)
}

// Run runs the job. It returns what there is to know of it, or a *Failure.
func Run(ctx context.Context, d Definition) (result Result, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errSlow)
	defer cancel()
	agent, err := findAgent(ctx)
	if err != nil {
		return Result{}, err
	}
	mirror, err := agent.mirror(ctx)
	if err != nil {
		return Result{}, err
	}

	shown, err := show(d.Program)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, hide()) }()

	around, err := surround(ctx, d, mirror)
	if err != nil {
		return Result{}, fmt.Errorf("serve what an instance finds: %w", err)
	}
	defer around.close()

	around.job(shown, d.Images)
	ended, err := agent.start(ctx, around)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, agent.stop(ctx)) }()

	return around.follow(ctx, agent, ended)
}

var errSlow = fmt.Errorf("it took longer than %s", patience)

// follow waits until the agent is done, and says how it went.
func (s *surroundings) follow(ctx context.Context, a agent, ended <-chan error) (Result, error) {
	select {
	case <-s.over: // the agent leaves next, or is stopped
	case err := <-ended:
		if failure := s.finished(); failure == nil {
			return Result{}, a.refused(s.came(), err)
		}
	case <-ctx.Done():
		return Result{}, &Failure{
			What: fmt.Sprintf("its first job does not end (%v): %s", context.Cause(ctx), s.came()),
			Do:   "see what its hooks and its agent wait for", Last: lastLines(s.api.Log() + a.log()),
		}
	}

	return s.result()
}

// came says how far the job came.
func (s *surroundings) came() string {
	switch s.last() {
	case "":
		return "the agent did not register"
	case agentapi.Registered, agentapi.Connected:
		return "the agent registered and took no job"
	case agentapi.Accepted, agentapi.Started:
		return "the agent took the job and did not finish it"
	}
	return "the job is finished"
}
