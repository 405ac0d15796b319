package image

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// TestIn is the kind of machine that an image is tested in.
type TestIn string

// The machines.
const (
	TestVM        TestIn = "vm"        // a virtual machine, which boots the image's own kernel
	TestContainer TestIn = "container" // a container, in which the image's init runs
	TestNone      TestIn = "none"      // none: the image is not tested
)

// ParseTest reads how an image is tested: a machine, "job" for a first job of its agent in the machine of choice (""), or
// both as "vm+job".
func ParseTest(text string) (in TestIn, job bool, err error) {
	machine, job := strings.CutSuffix(text, "+job")
	if text == "job" {
		machine = ""
		job = true
	}

	in = TestIn(machine)
	switch {
	case in == TestVM, in == TestContainer, in == TestNone && !job, text == "job":
		return in, job, nil
	}
	return "", false, fmt.Errorf("%q is not a machine to test in", text)
}

// BootBudget is how long a boot may take.
type BootBudget struct {
	Login time.Duration // from power-on to the login prompt; 0: any time
	At    string        // how slow the disk is when it is touched first: 5MiB/s, 300MiB/s, warm; "", for Job alone: not slow
	Job   time.Duration // from power-on to the end of the first job, in the test; 0: any time
}

// ColdBoot is a boot with a disk that is slow when it is touched first.
type ColdBoot struct {
	At          string   `json:"at"`
	Login       Duration `json:"login"` // from power-on to the login prompt
	Waited      Duration `json:"waited"`
	Budget      Duration `json:"budget"` // for Login
	Accelerator string   `json:"accelerator"`
}

// Prefetch is what an image reads ahead when it boots.
type Prefetch struct {
	Runs        int      `json:"runs"`   // of bytes that follow each other
	Bytes       int64    `json:"bytes"`  // in all runs
	Booted      Duration `json:"booted"` // how long the boot took whose reads are listed, from power-on
	Job         bool     `json:"job"`    // the list also has what the first job read
	Accelerator string   `json:"accelerator"`
}

// Test is a component document whose test phase can be run on the image.
type Test struct {
	Name       string          `json:"name"` // file name
	Document   string          `json:"document"`
	Parameters json.RawMessage `json:"parameters"` // [{"name": …, "value": …}]
}

// Proof is what the test stage saw of an image that stood it.
type Proof struct {
	In      TestIn    `json:"in"`
	Time    time.Time `json:"time"`    // when it began
	Elapsed Duration  `json:"elapsed"` // of the whole test
	Boot    Duration  `json:"boot"`    // from power-on until the machine took commands
	// Failed are units that failed in the boot. A container lacks much that units want, so there some always do.
	Failed []string `json:"failed,omitempty"`
	Free   int64    `json:"free"` // bytes of the root filesystem, after the boot
	Steps  []Step   `json:"steps,omitempty"`
	Job    *Job     `json:"job,omitempty"` // nil: no first job was asked for
}

// Job is the first job that the image's own agent ran. Its times count from power-on.
type Job struct {
	Agent      string   `json:"agent"`            // version of buildkite-agent
	Login      Duration `json:"login"`            // until the boot was over, and the login prompts were there
	Registered Duration `json:"registered"`       // until the agent had registered
	Checkout   Duration `json:"checkout"`         // until the repository was checked out, and the job's command ran
	Done       Duration `json:"done"`             // until the job was finished
	Budget     Duration `json:"budget,omitempty"` // for Done; 0: there was none
	At         string   `json:"at,omitempty"`     // how slow the disk was when it was touched first; "": it was not
	Waited     Duration `json:"waited,omitempty"` // for such a disk, until Done
	// Repository is the URL of what was checked out, "" in an image without a git mirror, and Mirror the directory of the
	// mirror that it came from.
	Repository string   `json:"repository,omitempty"`
	Mirror     string   `json:"mirror,omitempty"`
	Crossed    int64    `json:"crossed"`          // bytes of the repository that crossed the network
	Images     []string `json:"images,omitempty"` // Docker images in which a command ran
}
