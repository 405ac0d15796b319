package image

import (
	"encoding/json"
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

// BootBudget is how long a boot may take.
type BootBudget struct {
	Login time.Duration // from power-on to the login prompt
	At    string        // how slow the disk is when it is touched first: 5MiB/s, 300MiB/s, warm
}

// ColdBoot is a boot with a disk that is slow when it is touched first.
type ColdBoot struct {
	At          string   `json:"at"`
	Login       Duration `json:"login"` // from power-on to the login prompt
	Waited      Duration `json:"waited"`
	Budget      Duration `json:"budget"` // for Login
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
}
