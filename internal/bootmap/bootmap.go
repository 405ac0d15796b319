// Package bootmap says what a boot reads of its disk: which blocks, in which order, of which files, while which units
// start, and how long the machine waits for them.
//
// It puts together what was seen from outside: the reads that a block server saw, the lines of the console with their
// times, and the files that lie on the disk. It boots nothing, and asks nothing of the machine: which program read a block is
// not known, only what was starting at that moment. A map can be written as a page for people.
package bootmap

import (
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/disk"
)

// FileName is the usual name of an image's map, beside its disk.
const FileName = "boot-map.json"

// page is the size in which reads are counted and attributed, in bytes: a filesystem's usual block.
const page = 4096

// Map is what one boot read, up to the login prompt or to the end of a first job. Times are seconds since the machine was switched on.
type Map struct {
	Storage     string    `json:"storage"` // blockserver's name of how slow blocks are
	Accelerator string    `json:"accelerator"`
	Recorded    time.Time `json:"recorded"`
	Size        int64     `json:"size"` // of the disk, bytes
	Login       float64   `json:"login"`
	Job         float64   `json:"job,omitempty"` // the end of the first job, where the map ends; 0: it ends with the login
	Waited      float64   `json:"waited"`        // seconds in which at least one read waited for a block to load
	Bytes       int64     `json:"bytes"`         // that were read, each counted once
	Requests    int       `json:"requests"`      // reads
	Runs        int       `json:"runs"`          // of blocks that follow each other, in the order of their first touch
	Blocks      []Block   `json:"blocks"`        // in the order of their first touch
	Phases      []Span    `json:"phases"`
	Units       []Span    `json:"units"` // in the order of their start
	Files       []File    `json:"files"` // those with the most blocks first
}

// Block is a block of 512 KiB that the boot touched.
type Block struct {
	Index int64   `json:"index"`
	At    float64 `json:"at"`
	What  string  `json:"what"` // that was read: a path in the image, or a use of the disk
	// Beside says that the machine asked for it without waiting for the block before.
	Beside bool `json:"beside,omitempty"`
}

// Span is a phase of the boot, or the start of a unit, and what was read meanwhile.
type Span struct {
	Name   string  `json:"name"`
	Start  float64 `json:"start"`
	End    float64 `json:"end"`
	Blocks int64   `json:"blocks"` // first touched
	Bytes  int64   `json:"bytes"`  // read for the first time
	Waited float64 `json:"waited"` // seconds in which a read waited
}

// File is what the boot read of a file, or of another use of the disk.
type File struct {
	What   string   `json:"what"`
	Blocks int64    `json:"blocks"` // that were touched first for it
	Bytes  int64    `json:"bytes"`  // read for the first time
	Waited float64  `json:"waited"` // its share of the seconds in which reads waited
	Units  []string `json:"units"`  // that began last before it was read
}

// Uses says what lies at an offset of the disk; satisfied by disk.Uses.
type Uses interface {
	At(offset int64) disk.Run
}

// Boot is what was seen of one.
type Boot struct {
	Reads    []blockserver.Read // in order
	Console  []Line             // in order
	Size     int64              // of the disk, bytes
	Login    time.Duration      // since the machine was switched on
	Job      time.Duration      // to the end of a first job; 0: there was none
	Storage  string
	Accel    string
	Recorded time.Time
}

// Make puts a map together. Uses may be nil, if nothing is known of the disk. Names are the units that the disk has.
func Make(b Boot, uses Uses, names []UnitName) Map {
	m := Map{
		Storage: b.Storage, Accelerator: b.Accel, Recorded: b.Recorded, Size: b.Size, Login: b.Login.Seconds(),
		Job: b.Job.Seconds(), Phases: phases(b.Console, b.Login, b.Job), Units: units(b.Console, b.end(), names), Blocks: []Block{}, Files: []File{},
	}

	a := newAttribution(&m, uses)
	for _, read := range b.Reads {
		if read.At <= b.end() {
			a.add(read)
		}
	}
	a.waits(b.Reads, b.end())
	a.finish()

	return m
}

// end is where the map ends.
func (b Boot) end() time.Duration { return max(b.Login, b.Job) }

// End is where the map ends, in seconds.
func (m Map) End() float64 { return max(m.Login, m.Job) }

// Until names where the map ends.
func (m Map) Until() string {
	if m.Job > 0 {
		return "first job done"
	}
	return "login"
}
