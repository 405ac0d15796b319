package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// contestant is one of those that do the same job.
type contestant struct {
	name   string
	before func(context.Context) error // not timed; may be nil
	run    func(context.Context) (sample, error)
	after  func(context.Context) error // not timed; may be nil
}

// sample is one measured run.
type sample struct {
	wall time.Duration
	peak int64 // bytes: the resident memory of the largest process
}

// interleave lets every contestant run once a round, in order, after one round that does not count.
func interleave(ctx context.Context, rounds int, contestants []contestant) ([][]sample, error) {
	samples := make([][]sample, len(contestants))
	for round := range rounds + 1 {
		for i, c := range contestants {
			s, err := c.once(ctx)
			if err != nil {
				return nil, fmt.Errorf("run %s: %w", c.name, err)
			}
			say("  round %d/%d  %-58s %8.3f s", round, rounds, c.name, s.wall.Seconds())
			if round > 0 {
				samples[i] = append(samples[i], s)
			}
		}
	}

	return samples, nil
}

func (c contestant) once(ctx context.Context) (sample, error) {
	if c.before != nil {
		if err := c.before(ctx); err != nil {
			return sample{}, err
		}
	}
	s, err := c.run(ctx)
	if err == nil && c.after != nil {
		err = c.after(ctx)
	}
	return s, err
}

// rows turns samples into rows of the report, each compared to the first contestant.
func rows(group string, contestants []contestant, samples [][]sample) []row {
	var table []row
	for i, c := range contestants {
		var walls []float64
		var peak int64
		for _, s := range samples[i] {
			walls = append(walls, s.wall.Seconds())
			peak = max(peak, s.peak)
		}

		slices.Sort(walls)
		r := row{Group: group, Name: c.name, Median: median(walls), Min: walls[0], Max: walls[len(walls)-1], PeakMiB: float64(peak) / (1 << 20)}

		if i > 0 {
			r.Against = contestants[0].name
			r.Ratio = r.Median / table[0].Median
		}

		table = append(table, r)
	}

	return table
}

// median is that of a sorted list.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
