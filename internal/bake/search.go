package bake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/secret"
	"image-builder/internal/snapshot"
)

// search looks for every secret in every byte of the disk that is neither in a hole nor in a block that is still the
// base's own. Where it had to compare blocks to know that, it keeps the result beside the disk.
func (b Bake) search(ctx context.Context, d Definition) (*image.Search, error) {
	patterns := d.hidden.Search()
	if patterns.Patterns() == 0 {
		return nil, nil
	}
	start := b.Now()

	file, err := os.Open(d.disk())
	base, baseErr := os.Open(d.Base.Disk)
	if err := errors.Join(err, baseErr); err != nil {
		return nil, fmt.Errorf("search disk: %w", err)
	}
	defer file.Close()
	defer base.Close()

	known, differences, err := d.ofBase(ctx, file, base)
	found := secret.Found{}
	if err == nil {
		found, err = patterns.Disk(ctx, file, known...)
	}
	if err != nil {
		return nil, fmt.Errorf("search disk: %w", err)
	}

	leaks, err := b.leaks(ctx, d, patterns, found.Hits)
	if err != nil {
		return nil, err
	}
	if len(leaks) > 0 || found.More { // the rest of the disk may hold anything
		return nil, &LeakError{Leaks: leaks, Places: len(found.Hits), More: found.More}
	}

	proof := &image.Search{
		Patterns: patterns.Patterns(), Bytes: found.Bytes, Allowed: d.AllowLeak,
		Elapsed: image.Duration(b.Now().Sub(start)),
	}
	for _, extent := range known {
		proof.Shared += extent.Length
	}

	return proof, differences.Keep()
}

// ofBase returns the parts of a disk that are still the base's own. They need not be searched: the base already held
// their contents. Where the filesystem shares nothing, because it copied the base, these are the blocks that are equal to
// the base's, and the differences are returned, too. Comparing takes less than half of the time of searching.
func (d Definition) ofBase(ctx context.Context, file, base *os.File) (known []secret.Range, differences *snapshot.Differences, err error) {
	own, err := disk.Shared(file, base)
	if err == nil && len(own) == 0 {
		// What publish will read less of the drive is worth reading the base for; a shorter search is not.
		publishable := d.Base.Snapshot != ""
		differences, err = snapshot.FindDifferences(ctx, file, base, publishable)
		if err == nil {
			own, err = differences.Equal()
		}
	}

	for _, extent := range own {
		known = append(known, secret.Range(extent))
	}

	return known, differences, err
}

// leaks drops hits that the base already held, and hits in files that may hold a secret.
func (b Bake) leaks(ctx context.Context, d Definition, patterns *secret.Search, hits []secret.Hit) ([]Leak, error) {
	if len(hits) == 0 {
		return nil, nil
	}
	base, err := os.Open(d.Base.Disk)
	if err != nil {
		return nil, fmt.Errorf("search base: %w", err)
	}
	defer base.Close()

	hits, err = patterns.Except(ctx, base, hits)
	if err != nil {
		return nil, fmt.Errorf("search base: %w", err)
	}
	offsets := make([]int64, len(hits))
	for i, hit := range hits {
		offsets[i] = hit.Offset
	}

	places, err := disk.Locate(ctx, d.disk(), offsets)
	if err != nil {
		return nil, fmt.Errorf("locate secret on disk: %w", err)
	}
	var leaks []Leak
	for _, hit := range hits {
		leaks = append(leaks, leaksAt(hit, places[hit.Offset], d.AllowLeak)...)
	}

	return leaks, nil
}

// leaksAt returns a hit once for each file that holds it and may not. A file may hold it if one of its names is
// allowed.
func leaksAt(hit secret.Hit, places []disk.Place, allowed []string) []Leak {
	if len(places) == 0 {
		return []Leak{{Secret: hit.Secret, Form: hit.Form, Offset: hit.Offset}}
	}

	var leaks []Leak
	for _, place := range places {
		names := append([]string{place.Path}, place.Links...)
		if !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(allowed, name) }) {
			leaks = append(leaks, Leak{
				Secret: hit.Secret, Form: hit.Form, Offset: hit.Offset, File: place.Path, Links: place.Links, FileOffset: place.Offset,
			})
		}
	}

	return leaks
}

// Leak is a secret found on the disk. It never holds the secret itself.
type Leak struct {
	Secret string `json:"secret"` // its name
	Form   string `json:"form"`   // the form of the secret that was found
	Offset int64  `json:"offset"` // bytes from the start of the disk
	File   string `json:"file"`   // the file that holds it; "" in free space or metadata
	// Links are further names of that file (hard links).
	Links      []string `json:"links,omitempty"`
	FileOffset int64    `json:"fileOffset,omitempty"`
}

func (l Leak) String() string {
	if l.File == "" {
		return fmt.Sprintf("%s (%s) at byte %d of the disk, in no file: deleted, or in the file system's own records", l.Secret, l.Form, l.Offset)
	}

	file := l.File

	switch len(l.Links) {
	case 0:
	case 1:
		file += " (also named " + l.Links[0] + ")"
	default:
		file += fmt.Sprintf(" (also named %s and %d more)", l.Links[0], len(l.Links)-1)
	}

	return fmt.Sprintf("%s (%s) in %s at byte %d (byte %d of the disk)", l.Secret, l.Form, file, l.FileOffset, l.Offset)
}

// LeakError says that the disk holds secrets; the disk is deleted.
type LeakError struct {
	// Leaks are the places with secrets that no allow-leak covers. With More set it may be empty: all places looked
	// at were allowed.
	Leaks []Leak
	// Places is the number of places looked at.
	Places int
	// More says that the search stopped there: the rest of the disk was not looked at.
	More bool
}

func (e *LeakError) Error() string {
	const most = 10
	lines := make([]string, 0, most)
	for _, leak := range e.Leaks[:min(most, len(e.Leaks))] {
		lines = append(lines, leak.String())
	}

	if more := len(e.Leaks) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}

	if e.More {
		lines = append(lines, fmt.Sprintf("the search ended at %d places, so there may be more: find out which step writes the secret so often, "+
			"and keep it from that; allow-leak cannot cover that many", e.Places))
	}

	return "search disk for secrets: found " + strings.Join(lines, "; ")
}
