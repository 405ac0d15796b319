package awstest

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Logs is CloudWatch Logs: groups, streams, and the lines in them.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/Welcome.html
type Logs struct {
	account

	// PageSize is the most lines, groups or streams that one answer holds; 0: as many as the service gives.
	PageSize int64
	// EmptyPages is how many more answers of GetLogEvents are empty though there are lines, each with a token that goes
	// on, as the service may do.
	EmptyPages int

	mu     sync.Mutex
	groups []*logGroup
}

type logGroup struct {
	name    string
	days    int64 // of retention; 0: for ever
	created time.Time
	streams []*logStream
}

type logStream struct {
	name    string
	created time.Time
	events  []logEvent // oldest first
}

type logEvent struct {
	at, taken time.Time
	message   string
}

func newLogs(where account) *Logs { return &Logs{account: where} }

// Model names the model.
func (l *Logs) Model() string { return "logs" }

// Operation returns what is served.
func (l *Logs) Operation(name string) func(Call) (Values, error) {
	return map[string]func(Call) (Values, error){
		"DescribeLogGroups":  l.describeLogGroups,
		"DescribeLogStreams": l.describeLogStreams,
		"GetLogEvents":       l.getLogEvents,
		"FilterLogEvents":    l.filterLogEvents,
	}[name]
}

// AddGroup makes a group whose lines are kept for so many days, 0 for ever. One that is there already stays.
func (l *Logs) AddGroup(name string, days int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.group(name) == nil {
		l.groups = append(l.groups, &logGroup{name: name, days: days, created: l.now()})
	}
}

// RemoveGroup takes a group away with all that is in it.
func (l *Logs) RemoveGroup(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups = slices.DeleteFunc(l.groups, func(g *logGroup) bool { return g.name == name })
}

// Write adds lines to a stream, which is made if need be, and the group too.
func (l *Logs) Write(group, stream string, lines ...string) {
	l.AddGroup(group, 0)
	l.write(group, stream, l.now(), lines...)
}

// WriteAt adds lines that were written at another time. Streams are in the order of time.
func (l *Logs) WriteAt(group, stream string, at time.Time, lines ...string) {
	l.AddGroup(group, 0)
	l.write(group, stream, at, lines...)
}

// write does nothing if there is no such group.
func (l *Logs) write(group, stream string, at time.Time, lines ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.group(group)
	if g == nil {
		return
	}

	s := g.stream(stream)
	if s == nil {
		s = &logStream{name: stream, created: l.now()}
		g.streams = append(g.streams, s)
	}

	for _, line := range lines {
		if line == "" { // no event is without text
			line = " "
		}
		s.events = append(s.events, logEvent{at: at, taken: l.now(), message: line})
	}

	slices.SortStableFunc(s.events, func(a, b logEvent) int { return a.at.Compare(b.at) })
}

// Lines returns what is in a stream, oldest first.
func (l *Logs) Lines(group, stream string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string

	if g := l.group(group); g != nil {
		if s := g.stream(stream); s != nil {
			for _, e := range s.events {
				lines = append(lines, e.message)
			}
		}
	}

	return lines
}

func (l *Logs) group(name string) *logGroup {
	i := slices.IndexFunc(l.groups, func(g *logGroup) bool { return g.name == name })
	if i < 0 {
		return nil
	}
	return l.groups[i]
}

func (g *logGroup) stream(name string) *logStream {
	i := slices.IndexFunc(g.streams, func(s *logStream) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return g.streams[i]
}

func badLogRequest(format string, args ...any) error {
	return Fault{Code: "InvalidParameterException", Message: fmt.Sprintf(format, args...)}
}

// named finds the group that a call names, by name or by identifier (a name or an ARN), but not by both.
func (l *Logs) named(in Values) (*logGroup, error) {
	name := textOf(in, "logGroupName")
	identifier := textOf(in, "logGroupIdentifier")
	if (name == "") == (identifier == "") {
		return nil, badLogRequest("Exactly one of logGroupName and logGroupIdentifier must be specified.")
	}

	for _, g := range l.groups {
		if g.name == name || (g.name == identifier && identifier != "") || l.arn("logs", "log-group:"+g.name) == identifier {
			return g, nil
		}
	}

	return nil, Fault{Code: "ResourceNotFoundException", Message: "The specified log group does not exist."}
}
