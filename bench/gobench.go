package main

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
)

// result is a line of `go test -bench`: name, iterations, nanoseconds.
var result = regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)

// goBenchmarks runs the Go benchmarks of lint and the component executor, so often as there are rounds.
func (b *bench) goBenchmarks(ctx context.Context) error {
	if _, err := exec.LookPath("go"); err != nil {
		b.report.note("skipped the Go benchmarks: go is not on PATH")
		return nil
	}

	for _, pkg := range []string{"./internal/lint", "./internal/component", "./internal/component/action"} {
		out, err := output(ctx, "go", "test", "-run=^$", "-bench=.", "-benchtime=100ms", "-count="+strconv.Itoa(b.rounds), pkg)
		if err != nil {
			return err
		}
		if err := b.addResults(pkg, out); err != nil {
			return err
		}
	}

	return nil
}

func (b *bench) addResults(pkg, out string) error {
	var names []string
	seconds := map[string][]float64{}
	for _, m := range result.FindAllStringSubmatch(out, -1) {
		nanoseconds, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return errors.Join(errors.New("read go test -bench: "+m[0]), err)
		}
		if seconds[m[1]] == nil {
			names = append(names, m[1])
		}
		seconds[m[1]] = append(seconds[m[1]], nanoseconds/1e9)
	}

	if len(names) == 0 {
		b.report.note("%s has no Go benchmark", pkg)
	}

	for _, name := range names {
		times := seconds[name]
		slices.Sort(times)
		b.report.add(row{Group: "go benchmarks of " + pkg, Name: name, Median: median(times), Min: times[0], Max: times[len(times)-1]})
	}

	return nil
}
