package imagepipeline

import (
	"context"
	"strings"
)

// Log reads one group of logs.
type Log struct {
	Logs  Logs
	Group string
}

// Each hands over all lines of a stream in order, and returns how many there were. A stream that is not there has none.
func (l *Log) Each(ctx context.Context, stream string, line func(Line) error) (int, error) {
	count := 0
	place := ""
	for {
		page, err := l.Logs.Lines(ctx, l.Group, stream, place)
		if err != nil {
			return count, err
		}

		for _, one := range page.Lines {
			if err := line(one); err != nil {
				return count, err
			}
			count++
		}

		if page.Next == place {
			return count, nil
		}
		place = page.Next
	}
}

// Image hands over the lines of an image's build.
func (l *Log) Image(ctx context.Context, version string, line func(Line) error) (int, error) {
	count, err := l.Each(ctx, version, line)
	if err != nil || count > 0 {
		return count, err
	}
	stream, err := streamOf(ctx, l.Logs, l.Group, version)
	if err != nil || stream == version {
		return 0, err
	}
	return l.Each(ctx, stream, line)
}

// streamOf returns the name of the stream of an image's build: its version, or what ends in it. The documentation says
// what streams are called in the groups that Image Builder makes itself, and nothing of those that it is given.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/monitor-cwlogs.html
func streamOf(ctx context.Context, logs Logs, group, version string) (string, error) {
	names, err := logs.Streams(ctx, group)
	for _, name := range names {
		if strings.HasSuffix(name, "/"+version) {
			return name, nil
		}
	}
	return version, err
}

// All hands over the lines of all streams, one stream after the other in the order of their names, which are days in
// the log of a pipeline.
func (l *Log) All(ctx context.Context, line func(Line) error) (int, error) {
	streams, err := l.Logs.Streams(ctx, l.Group)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, stream := range streams {
		n, err := l.Each(ctx, stream, line)
		count += n
		if err != nil {
			return count, err
		}
	}

	return count, nil
}

// Last returns the last n lines of all streams.
func (l *Log) Last(ctx context.Context, n int) ([]Line, error) {
	streams, err := l.Logs.Streams(ctx, l.Group)
	if err != nil {
		return nil, err
	}
	var last []Line
	for i := len(streams) - 1; i >= 0 && len(last) < n; i-- {
		var lines []Line
		if _, err := l.Each(ctx, streams[i], func(line Line) error { lines = append(lines, line); return nil }); err != nil {
			return nil, err
		}
		last = append(lines, last...)
	}

	return last[max(0, len(last)-n):], nil
}
