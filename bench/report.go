package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// report is what one run found.
type report struct {
	Machine machine  `json:"machine"`
	Rounds  int      `json:"rounds"`
	Rows    []row    `json:"rows"`
	Notes   []string `json:"notes"` // what was skipped, sizes of what was measured
}

// row is one line of the table. Times are seconds.
type row struct {
	Group   string  `json:"group"`
	Name    string  `json:"name"`
	Median  float64 `json:"medianSeconds"`
	Min     float64 `json:"minSeconds"`
	Max     float64 `json:"maxSeconds"`
	PeakMiB float64 `json:"peakMiB,omitempty"` // resident memory
	Against string  `json:"against,omitempty"`
	Ratio   float64 `json:"ratio,omitempty"` // Median to that of Against
	Target  string  `json:"target,omitempty"`
	Met     *bool   `json:"met,omitempty"`
}

// atMost and atLeast set a target for the ratio; below sets one for the memory.
func (r *row) atMost(bound float64)  { r.aim(fmt.Sprintf("≤ %.1f×", bound), r.Ratio <= bound) }
func (r *row) atLeast(bound float64) { r.aim(fmt.Sprintf("≥ %.1f×", bound), r.Ratio >= bound) }
func (r *row) below(mib float64)     { r.aim(fmt.Sprintf("< %.0f MiB", mib), r.PeakMiB < mib) }

func (r *row) aim(target string, met bool) {
	r.Target = target
	r.Met = &met
}

func (r *report) add(rows ...row) { r.Rows = append(r.Rows, rows...) }

func (r *report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
	say(format, args...)
}

func (r *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	fmt.Fprintf(w, "%s\n%d rounds, contestants interleaved, one round before them to warm up; wall seconds, median [min–max]\n\n", r.Machine, r.Rounds)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)

	group := ""
	for _, row := range r.Rows {
		if row.Group != group {
			group = row.Group
			fmt.Fprintf(table, "%s\tseconds\tpeak MiB\tratio\ttarget\n", strings.ToUpper(group))
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", row.Name, row.times(), row.memory(), row.ratio(), row.verdict())
	}

	if err := table.Flush(); err != nil {
		return err
	}

	for _, note := range r.Notes {
		fmt.Fprintln(w, "-", note)
	}

	return nil
}

func (r row) times() string {
	if r.Max == 0 {
		return ""
	}
	if r.Max < 0.001 {
		return fmt.Sprintf("%.2f µs", r.Median*1e6)
	}
	return fmt.Sprintf("%.3f [%.3f–%.3f]", r.Median, r.Min, r.Max)
}

func (r row) memory() string {
	if r.PeakMiB == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", r.PeakMiB)
}

func (r row) ratio() string {
	if r.Against == "" {
		return ""
	}
	return fmt.Sprintf("%.2f× %s", r.Ratio, r.Against)
}

func (r row) verdict() string {
	switch {
	case r.Met == nil:
		return ""
	case *r.Met:
		return r.Target + " met"
	}
	return r.Target + " MISSED"
}
