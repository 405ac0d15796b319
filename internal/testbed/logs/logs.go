// Package logs is a test server's CloudWatch Logs, with its pages and tokens. Clients read; tests and the other services
// write.
package logs

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"image-builder/internal/testbed/wire"
)

// Service is CloudWatch Logs: groups, streams, and the lines in them.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/Welcome.html
type Service struct {
	wire.Home

	// PageSize is the most lines, groups or streams in one answer; 0: the service's own.
	PageSize int64
	// EmptyPages is how many further answers of GetLogEvents are empty although there are lines, each with a token
	// that continues, as the service may do.
	EmptyPages int

	mu     sync.Mutex
	Groups []*logGroup
}

type logGroup struct {
	name    string
	Days    int64 // of retention; 0: for ever
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

// New returns the service without a log group.
func New(where wire.Home) *Service { return &Service{Home: where} }

// Model names the model.
func (l *Service) Model() string { return "logs" }

// Operation returns what is served.
func (l *Service) Operation(name string) func(wire.Call) (wire.Values, error) {
	return map[string]func(wire.Call) (wire.Values, error){
		"DescribeLogGroups":  l.describeLogGroups,
		"DescribeLogStreams": l.describeLogStreams,
		"GetLogEvents":       l.getLogEvents,
		"FilterLogEvents":    l.filterLogEvents,
	}[name]
}

// AddGroup makes a group that keeps its lines for this many days, 0 for ever. An existing group stays as it is.
func (l *Service) AddGroup(name string, days int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Group(name) == nil {
		l.Groups = append(l.Groups, &logGroup{name: name, Days: days, created: l.Now()})
	}
}

// RemoveGroup removes a group and everything in it.
func (l *Service) RemoveGroup(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Groups = slices.DeleteFunc(l.Groups, func(g *logGroup) bool { return g.name == name })
}

// Write adds lines to a stream; it makes the stream and the group if necessary.
func (l *Service) Write(group, stream string, lines ...string) {
	l.AddGroup(group, 0)
	l.WriteExisting(group, stream, l.Now(), lines...)
}

// WriteAt adds lines with another time. Streams are in the order of time.
func (l *Service) WriteAt(group, stream string, at time.Time, lines ...string) {
	l.AddGroup(group, 0)
	l.WriteExisting(group, stream, at, lines...)
}

// WriteExisting is WriteAt, but does nothing if the group does not exist.
func (l *Service) WriteExisting(group, stream string, at time.Time, lines ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.Group(group)
	if g == nil {
		return
	}

	s := g.stream(stream)
	if s == nil {
		s = &logStream{name: stream, created: l.Now()}
		g.streams = append(g.streams, s)
	}

	for _, line := range lines {
		if line == "" { // an event needs text
			line = " "
		}
		s.events = append(s.events, logEvent{at: at, taken: l.Now(), message: line})
	}

	slices.SortStableFunc(s.events, func(a, b logEvent) int { return a.at.Compare(b.at) })
}

// Lines returns the lines of a stream, oldest first.
func (l *Service) Lines(group, stream string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string

	if g := l.Group(group); g != nil {
		if s := g.stream(stream); s != nil {
			for _, e := range s.events {
				lines = append(lines, e.message)
			}
		}
	}

	return lines
}

// Group returns the log group of a name, nil if there is none.
func (l *Service) Group(name string) *logGroup {
	i := slices.IndexFunc(l.Groups, func(g *logGroup) bool { return g.name == name })
	if i < 0 {
		return nil
	}
	return l.Groups[i]
}

func (g *logGroup) stream(name string) *logStream {
	i := slices.IndexFunc(g.streams, func(s *logStream) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return g.streams[i]
}

func badLogRequest(format string, args ...any) error {
	return wire.Fault{Code: "InvalidParameterException", Message: fmt.Sprintf(format, args...)}
}

// named finds the group that a call names, by name or by identifier (a name or an ARN), but not by both.
func (l *Service) named(in wire.Values) (*logGroup, error) {
	name := wire.Text(in, "logGroupName")
	identifier := wire.Text(in, "logGroupIdentifier")
	if (name == "") == (identifier == "") {
		return nil, badLogRequest("Exactly one of logGroupName and logGroupIdentifier must be specified.")
	}

	for _, g := range l.Groups {
		if g.name == name || (g.name == identifier && identifier != "") || l.ARN("logs", "log-group:"+g.name) == identifier {
			return g, nil
		}
	}

	return nil, wire.Fault{Code: "ResourceNotFoundException", Message: "The specified log group does not exist."}
}
