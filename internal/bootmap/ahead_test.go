package bootmap

import (
	"slices"
	"testing"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/disk"
)

// What is read ahead has each block once, in the order of its first touch, as wide as it was read.
func TestAhead(t *testing.T) {
	t.Parallel()
	boot := Boot{
		Reads: []blockserver.Read{
			{At: 100 * ms, Offset: 0, Length: 512},                          // the firmware
			{At: 200 * ms, Offset: 80 * block, Length: page},                // the boot loader reads a kernel,
			{At: 2000 * ms, Offset: 80*block + page, Length: page},          // beside which a file lies
			{At: 2000 * ms, Offset: 60*block + 3*page, Length: page},        // a first
			{At: 2100 * ms, Offset: 10*block + page + 100, Length: 100},     // another one, part of a page
			{At: 2200 * ms, Offset: 60*block + page, Length: page},          // the first again, before what was read of it
			{At: 2300 * ms, Offset: 61 * block, Length: page},               // after the first
			{At: 2400 * ms, Offset: 13*block - page, Length: 2 * page},      // two blocks
			{At: 2500 * ms, Offset: 10*block + page, Length: page},          // nothing new
			{At: 2600 * ms, Offset: 20 * block, Length: 2*block + page},     // three blocks
			{At: 2900 * ms, Offset: 12 * block, Length: page},               // widens the first of the two
			{At: 3100 * ms, Offset: 70 * block, Length: page},               // after the login
			{At: 2900 * ms, Offset: 71 * block, Length: page, Beside: true}, // never comes: reads are in order
		},
		Console: []Line{{500 * ms, "[    0.000000] Linux version 6.1"}, {1500 * ms, "systemd[1]: systemd 252 running in system mode"}},
		Login:   3 * time.Second,
	}

	want := []disk.Extent{
		{Offset: 60*block + page, Length: 3 * page},
		{Offset: 10*block + page, Length: page},
		{Offset: 61 * block, Length: page},
		{Offset: 12 * block, Length: block}, // from its first page to its last
		{Offset: 13 * block, Length: page},
		{Offset: 20 * block, Length: block},
		{Offset: 21 * block, Length: block},
		{Offset: 22 * block, Length: page},
	}
	if got := boot.Ahead(); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}

	boot.Console = boot.Console[:1]
	if got := boot.Ahead(); !slices.Equal(got, want) {
		t.Errorf("after the kernel began: %v", got)
	}
	boot.Console = nil
	if got := boot.Ahead(); got[0] != (disk.Extent{Offset: 0, Length: page}) || got[1] != (disk.Extent{Offset: 80 * block, Length: 2 * page}) {
		t.Errorf("a silent console: %v", got)
	}
}
