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

// Each passes all lines of a stream on, in order, and returns their number. A stream that does not exist has none.
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

// Image passes the lines of an image's build on.
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

// streamOf returns the name of an image's log stream: its version, or a name that ends in the version. The
// documentation names the streams of groups that Image Builder makes itself, but not those of groups it is given.
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

// All passes the lines of all streams on, stream by stream in the order of their names. In a pipeline's log the names
// are days.
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
