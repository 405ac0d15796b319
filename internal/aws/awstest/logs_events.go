package awstest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (s *logStream) last() time.Time {
	if len(s.events) == 0 {
		return s.created
	}
	return s.events[len(s.events)-1].at
}

// between keeps the events of a call's span of time: from startTime on, before endTime, both in milliseconds.
func between(in Values, events []logEvent) []logEvent {
	start := numberOf(in, "startTime", 0)
	end := numberOf(in, "endTime", 1<<62)
	return slices.DeleteFunc(slices.Clone(events), func(e logEvent) bool { return e.at.UnixMilli() < start || e.at.UnixMilli() >= end })
}

// place is where a token of GetLogEvents points: before the event of that number, forward or backward. Tries tells
// apart tokens of one place, for pages that were empty on the way.
type place struct {
	forward   bool
	at, tries int
}

func (p place) token() string {
	direction := "b"
	if p.forward {
		direction = "f"
	}
	return fmt.Sprintf("%s/%028d%028d/s", direction, p.tries, p.at)
}

// placeOf reads a token. Without one, a call begins at the head or at the end of the stream.
func placeOf(in Values, events int) (place, error) {
	token := textOf(in, "nextToken")
	head := truthOf(in, "startFromHead")
	if token == "" {
		if head {
			return place{forward: true}, nil
		}
		return place{at: events}, nil
	}

	p := place{forward: strings.HasPrefix(token, "f/")}
	if len(token) != 60 || !strings.HasSuffix(token, "/s") {
		return p, badLogRequest("The specified nextToken is invalid.")
	}
	_, err := fmt.Sscanf(token[2:30]+" "+token[30:58], "%d %d", &p.tries, &p.at)
	if err != nil || p.token() != token || p.at > events {
		return p, badLogRequest("The specified nextToken is invalid.")
	}
	if p.forward && !head { // "If you are using a previous nextForwardToken value …, you must specify true for startFromHead."
		return p, badLogRequest("startFromHead must be true with a nextForwardToken.")
	}

	return p, nil
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
func (l *Logs) getLogEvents(call Call) (Values, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.named(call.In)
	if err != nil {
		return nil, err
	}

	s := g.stream(textOf(call.In, "logStreamName"))
	if s == nil {
		return nil, Fault{Code: "ResourceNotFoundException", Message: "The specified log stream does not exist."}
	}
	events := between(call.In, s.events)
	from, err := placeOf(call.In, len(events))
	if err != nil {
		return nil, err
	}

	size := l.most(call.In)
	first := from.at
	last := min(len(events), from.at+size)

	if !from.forward {
		first = max(0, from.at-size)
		last = from.at
	}

	forward, backward := place{forward: true, at: last, tries: from.tries}, place{at: first, tries: from.tries}

	if l.EmptyPages > 0 && first < last {
		l.EmptyPages--
		forward, backward = place{forward: true, at: from.at, tries: from.tries + 1}, place{at: from.at, tries: from.tries + 1}
		first = 0
		last = 0
	}

	return Values{"events": encodeEvents(events[first:last]), "nextForwardToken": forward.token(), "nextBackwardToken": backward.token()}, nil
}

func (l *Logs) most(in Values) int {
	size := numberOf(in, "limit", 10000)
	if l.PageSize > 0 {
		size = min(size, l.PageSize)
	}
	return int(size)
}

func encodeEvents(events []logEvent) []any {
	rows := make([]any, len(events))
	for i, e := range events {
		rows[i] = Values{"timestamp": e.at.UnixMilli(), "message": e.message, "ingestionTime": e.taken.UnixMilli()}
	}
	return rows
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func (l *Logs) filterLogEvents(call Call) (Values, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.named(call.In)
	if err != nil {
		return nil, err
	}

	terms, err := filterTerms(textOf(call.In, "filterPattern"))
	if err != nil {
		return nil, err
	}
	streams, err := g.chosen(call.In)
	if err != nil {
		return nil, err
	}

	all := foundEvents(call.In, streams)
	size := int64(l.most(call.In))
	window, next, ok := page(all, call.Operation+" "+g.name, textOf(call.In, "nextToken"), size)
	if !ok {
		return nil, badLogRequest("The specified nextToken is invalid.")
	}

	rows := []any{}
	for _, row := range window { // the pattern applies to the page: one may be empty and name the next
		if containsAll(textOf(row, "message"), terms) {
			rows = append(rows, row)
		}
	}

	out := Values{"events": rows, "searchedLogStreams": []any{}}
	if next != "" {
		out["nextToken"] = next
	}

	return out, nil
}

// chosen returns the streams that a call is about.
func (g *logGroup) chosen(in Values) ([]*logStream, error) {
	names := listOf[string](in, "logStreamNames")
	prefix := textOf(in, "logStreamNamePrefix")
	if len(names) > 0 && prefix != "" {
		return nil, badLogRequest("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
	}

	for _, name := range names {
		if g.stream(name) == nil {
			return nil, Fault{Code: "ResourceNotFoundException", Message: "The specified log stream does not exist."}
		}
	}

	return slices.DeleteFunc(slices.Clone(g.streams), func(s *logStream) bool {
		return (len(names) > 0 && !slices.Contains(names, s.name)) || !strings.HasPrefix(s.name, prefix)
	}), nil
}

// foundEvents returns the events of several streams, oldest first.
func foundEvents(in Values, streams []*logStream) []Values {
	var all []Values
	for _, s := range streams {
		for i, e := range between(in, s.events) {
			all = append(all, Values{
				"logStreamName": s.name, "timestamp": e.at.UnixMilli(), "message": e.message,
				"ingestionTime": e.taken.UnixMilli(), "eventId": fmt.Sprintf("%s%08d", uuidOf("", s.name), i),
			})
		}
	}

	slices.SortStableFunc(all, func(a, b Values) int { return int(numberOf(a, "timestamp", 0) - numberOf(b, "timestamp", 0)) })
	return all
}

// filterTerms reads a pattern of words, all of which a line must hold; with quotation marks a word may have spaces.
// The other forms (?term, -term, [columns], { $.json }) are not served.
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
				return nil, badLogRequest("awstest: filter patterns are words here, not %s", pattern)
			}
			terms = append(terms, word)
		}
	}

	return terms, nil
}

func containsAll(line string, terms []string) bool {
	return !slices.ContainsFunc(terms, func(term string) bool { return !strings.Contains(line, term) })
}
