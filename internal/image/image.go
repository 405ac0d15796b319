// Package image holds the nouns of a bake: the base it starts from and the image it yields.
//
// Plain values, passed from stage to stage and kept in the store. No I/O happens here.
package image

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"image-builder/internal/progress"
)

// Arch is a machine architecture, in EC2's words.
type Arch string

// The architectures that EC2 has and Elastic CI Stacks use.
const (
	X86_64 Arch = "x86_64" //nolint:revive // AWS spells it so
	ARM64  Arch = "arm64"
)

// HostArch is this machine's architecture; "" if EC2 has no such machines.
func HostArch() Arch {
	return map[string]Arch{"amd64": X86_64, "arm64": ARM64}[runtime.GOARCH]
}

// Firmware is what can start a disk.
type Firmware string

// The firmwares a disk can be started by.
const (
	UEFI Firmware = "uefi"
	BIOS Firmware = "bios"
)

// Base is a disk that bakes start from. It never changes, and any number of bakes may use it at once.
type Base struct {
	Name   string `json:"name"`   // its name in recipes: debian:bookworm, or the name it was pulled under
	Origin string `json:"origin"` // where it came from: mmdebstrap bookworm, a path, an https URL
	SHA256 string `json:"sha256"` // of the whole disk as stored, hex
	Arch   Arch   `json:"arch"`
	OS     string `json:"os"` // PRETTY_NAME of its /etc/os-release
	// Firmware lists what can start the disk; empty for a disk without a boot loader.
	Firmware   []Firmware `json:"firmware"`
	Filesystem string     `json:"filesystem"` // of the root: ext4, xfs
	Size       int64      `json:"size"`       // bytes, holes included
	Data       int64      `json:"data"`       // bytes that are not holes
	Disk       string     `json:"disk"`       // path of the raw disk
	Created    time.Time  `json:"created"`
	// AMI is the AMI whose root disk it is; nil for any other disk.
	AMI *AMI `json:"ami,omitempty"`
	// Snapshot is this account's own snapshot that the disk equals, and that snapshots of images can have as parent.
	Snapshot string `json:"snapshot,omitempty"`
	// Region is where Snapshot is.
	Region string `json:"region,omitempty"`
}

// Image is the result of a bake: a bootable raw disk and the record of how it was made.
type Image struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"` // the recipe's
	Base         string     `json:"base"` // Base.Name
	BaseSHA256   string     `json:"baseSha256"`
	RecipeDigest string     `json:"recipeDigest"` // SHA-256 over the recipe and every document and script it names, hex
	Arch         Arch       `json:"arch"`
	Firmware     []Firmware `json:"firmware"`
	Size         int64      `json:"size"` // bytes, holes included
	Data         int64      `json:"data"` // bytes that are not holes
	Disk         string     `json:"disk"` // path of the raw disk, read-only
	Parameter    string     `json:"parameter,omitempty"`
	Created      time.Time  `json:"created"`
	Elapsed      Duration   `json:"elapsed"` // of the whole bake
	Steps        []Step     `json:"steps"`
	// Searched says what the secret search covered; nil if the bake had no secrets.
	Searched *Search `json:"searched,omitempty"`
	// Tests are the documents with a test phase, so that the image can be tested again.
	Tests []Test `json:"tests,omitempty"`
	// Proof says what the test stage saw; nil if it was left out.
	Proof *Proof `json:"proof,omitempty"`
	// ColdBoot is the boot that kept its budget; nil if the recipe has none.
	ColdBoot *ColdBoot `json:"coldBoot,omitempty"`
	// Prefetch is what its boots read ahead; nil if the recipe did not ask for it.
	Prefetch *Prefetch `json:"prefetch,omitempty"`
	// Failed says why the bake failed, for a disk that was kept all the same.
	Failed string `json:"failed,omitempty"`
	// Published are the AMIs made from it.
	Published []Published `json:"published,omitempty"`
}

// Step is one step that ran, with its log.
type Step struct {
	progress.Step
	Status  progress.Status `json:"status"`
	Message string          `json:"message,omitempty"`
	Elapsed Duration        `json:"elapsed"`
	Log     string          `json:"log"` // path of its log
}

// Search is the proof that a disk holds no secret.
type Search struct {
	Patterns int `json:"patterns"`
	// Bytes is the data that was searched: all of the disk's except the Shared bytes in blocks that are still the base's
	// own, or equal to it. The base already held their contents, so they are not leaks.
	Bytes   int64    `json:"bytes"`
	Shared  int64    `json:"shared"`
	Allowed []string `json:"allowed,omitempty"`
	Elapsed Duration `json:"elapsed"`
}

// Duration is a time.Duration that JSON shows as seconds.
type Duration time.Duration

// MarshalJSON writes seconds with milliseconds: 1.234.
func (d Duration) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(d).Seconds(), 'f', 3, 64), nil
}

// UnmarshalJSON reads seconds.
func (d *Duration) UnmarshalJSON(text []byte) error {
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return fmt.Errorf("read duration: %w", err)
	}
	*d = Duration(seconds * float64(time.Second))
	return nil
}

// NewID returns a new image ID in the shape of an AMI's: "img-" and 17 hexadecimal digits.
func NewID() string {
	var b [9]byte
	rand.Read(b[:])
	return "img-" + hex.EncodeToString(b[:])[:17]
}
