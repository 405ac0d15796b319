package logs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"image-builder/internal/testbed/wire"
)

func (s *logStream) last() time.Time {
	if len(s.events) == 0 {
		return s.created
	}
	return s.events[len(s.events)-1].at
}

// taken returns the events of a stream that can be read by now.
func (l *Service) taken(s *logStream) []logEvent {
	now := l.Now()
	return slices.DeleteFunc(slices.Clone(s.events), func(e logEvent) bool { return l.delay > 0 && e.at.Add(l.delay).After(now) })
}

// between keeps the events in a call's time span: from startTime on, before endTime, both in milliseconds.
func between(in wire.Values, events []logEvent) []logEvent {
	start := wire.Number(in, "startTime", 0)
	end := wire.Number(in, "endTime", 1<<62)
	return slices.DeleteFunc(slices.Clone(events), func(e logEvent) bool { return e.at.UnixMilli() < start || e.at.UnixMilli() >= end })
}

// Place is the position of a GetLogEvents token: before the event of that number, forward or backward. Tries
// distinguishes tokens of one position after empty pages.
type Place struct {
	Forward   bool
	At, Tries int
}

// Token is the place as a page token has it.
func (p Place) Token() string {
	direction := "b"
	if p.Forward {
		direction = "f"
	}
	return fmt.Sprintf("%s/%028d%028d/s", direction, p.Tries, p.At)
}

// placeOf reads a token. Without one, a call begins at the head or at the end of the stream.
func placeOf(in wire.Values, events int) (Place, error) {
	token := wire.Text(in, "nextToken")
	head := wire.Truth(in, "startFromHead")
	if token == "" {
		if head {
			return Place{Forward: true}, nil
		}
		return Place{At: events}, nil
	}

	p := Place{Forward: strings.HasPrefix(token, "f/")}
	if len(token) != 60 || !strings.HasSuffix(token, "/s") {
		return p, badLogRequest("The specified nextToken is invalid.")
	}
	_, err := fmt.Sscanf(token[2:30]+" "+token[30:58], "%d %d", &p.Tries, &p.At)
	if err != nil || p.Token() != token || p.At > events {
		return p, badLogRequest("The specified nextToken is invalid.")
	}
	if p.Forward && !head { // "If you are using a previous nextForwardToken value …, you must specify true for startFromHead."
		return p, badLogRequest("startFromHead must be true with a nextForwardToken.")
	}

	return p, nil
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
func (l *Service) getLogEvents(call wire.Call) (wire.Values, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.named(call.In)
	if err != nil {
		return nil, err
	}

	s := g.stream(wire.Text(call.In, "logStreamName"))
	if s == nil {
		return nil, wire.Fault{Code: "ResourceNotFoundException", Message: "The specified log stream does not exist."}
	}
	events := between(call.In, l.taken(s))
	from, err := placeOf(call.In, len(events))
	if err != nil {
		return nil, err
	}

	size := l.most(call.In)
	first := from.At
	last := min(len(events), from.At+size)

	if !from.Forward {
		first = max(0, from.At-size)
		last = from.At
	}

	forward := Place{Forward: true, At: last, Tries: from.Tries}
	backward := Place{At: first, Tries: from.Tries}

	if l.emptyPages > 0 && first < last {
		l.emptyPages--
		forward = Place{Forward: true, At: from.At, Tries: from.Tries + 1}
		backward = Place{At: from.At, Tries: from.Tries + 1}
		first = 0
		last = 0
	}

	return wire.Values{"events": encodeEvents(events[first:last]), "nextForwardToken": forward.Token(), "nextBackwardToken": backward.Token()}, nil
}

func (l *Service) most(in wire.Values) int {
	size := wire.Number(in, "limit", 10000)
	if l.pageSize > 0 {
		size = min(size, l.pageSize)
	}
	return int(size)
}

func encodeEvents(events []logEvent) []any {
	rows := make([]any, len(events))
	for i, e := range events {
		rows[i] = wire.Values{"timestamp": e.at.UnixMilli(), "message": e.message, "ingestionTime": e.taken.UnixMilli()}
	}
	return rows
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func (l *Service) filterLogEvents(call wire.Call) (wire.Values, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.named(call.In)
	if err != nil {
		return nil, err
	}

	terms, err := filterTerms(wire.Text(call.In, "filterPattern"))
	if err != nil {
		return nil, err
	}
	streams, err := g.chosen(call.In)
	if err != nil {
		return nil, err
	}

	all := foundEvents(call.In, streams, l.taken)
	size := int64(l.most(call.In))
	window, next, ok := wire.Page(all, call.Operation+" "+g.name, wire.Text(call.In, "nextToken"), size)
	if !ok {
		return nil, badLogRequest("The specified nextToken is invalid.")
	}

	rows := []any{}
	for _, row := range window { // the pattern applies to each page: a page may be empty and have a successor
		if containsAll(wire.Text(row, "message"), terms) {
			rows = append(rows, row)
		}
	}

	out := wire.Values{"events": rows, "searchedLogStreams": []any{}}
	if next != "" {
		out["nextToken"] = next
	}

	return out, nil
}

// chosen returns the streams of a call.
func (g *logGroup) chosen(in wire.Values) ([]*logStream, error) {
	names := wire.List[string](in, "logStreamNames")
	prefix := wire.Text(in, "logStreamNamePrefix")
	if len(names) > 0 && prefix != "" {
		return nil, badLogRequest("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
	}

	for _, name := range names {
		if g.stream(name) == nil {
			return nil, wire.Fault{Code: "ResourceNotFoundException", Message: "The specified log stream does not exist."}
		}
	}

	return slices.DeleteFunc(slices.Clone(g.streams), func(s *logStream) bool {
		return (len(names) > 0 && !slices.Contains(names, s.name)) || !strings.HasPrefix(s.name, prefix)
	}), nil
}

// foundEvents returns the events of several streams, oldest first.
func foundEvents(in wire.Values, streams []*logStream, taken func(*logStream) []logEvent) []wire.Values {
	var all []wire.Values
	for _, s := range streams {
		for i, e := range between(in, taken(s)) {
			all = append(all, wire.Values{
				"logStreamName": s.name, "timestamp": e.at.UnixMilli(), "message": e.message,
				"ingestionTime": e.taken.UnixMilli(), "eventId": fmt.Sprintf("%s%08d", wire.UUID("", s.name), i),
			})
		}
	}

	slices.SortStableFunc(all, func(a, b wire.Values) int {
		return int(wire.Number(a, "timestamp", 0) - wire.Number(b, "timestamp", 0))
	})
	return all
}

// filterTerms reads a pattern of words, all of which a line must contain; a quoted word may have spaces. Other forms
// (?term, -term, [columns], { $.json }) are not served.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func filterTerms(pattern string) ([]string, error) {
	var terms []string
	for i, part := range strings.Split(pattern, `"`) {
		if i%2 == 1 {
			terms = append(terms, part)
			continue
		}
		for word := range strings.FieldsSeq(part) {
			if strings.ContainsAny(word[:1], "?-[{%") {
				return nil, badLogRequest("testbed: filter patterns are words here, not %s", pattern)
			}
			terms = append(terms, word)
		}
	}

	return terms, nil
}

func containsAll(line string, terms []string) bool {
	return !slices.ContainsFunc(terms, func(term string) bool { return !strings.Contains(line, term) })
}
