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

	// pageSize is the most lines, groups or streams in one answer; 0: the service's own.
	pageSize int64
	// emptyPages is how many further answers of GetLogEvents are empty although there are lines, each with a token
	// that continues, as the service may do.
	emptyPages int
	// delay is how long after its time a line can be read first.
	delay time.Duration

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

// New returns the service without a log group.
func New(where wire.Home) *Service { return &Service{Home: where} }

// SetPageSize makes lists come in pages of n; 0: the service's own size.
func (l *Service) SetPageSize(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pageSize = n
}

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
	if l.group(name) == nil {
		l.groups = append(l.groups, &logGroup{name: name, days: days, created: l.Now()})
	}
}

// RemoveGroup removes a group and everything in it.
func (l *Service) RemoveGroup(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups = slices.DeleteFunc(l.groups, func(g *logGroup) bool { return g.name == name })
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
	g := l.group(group)
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

	if g := l.group(group); g != nil {
		if s := g.stream(stream); s != nil {
			for _, e := range s.events {
				lines = append(lines, e.message)
			}
		}
	}

	return lines
}

// Groups returns the names of the groups.
func (l *Service) Groups() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for _, g := range l.groups {
		names = append(names, g.name)
	}
	return names
}

// Days returns for how many days a group keeps its lines, 0 for ever, and whether there is such a group.
func (l *Service) Days(name string) (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.group(name)
	if g == nil {
		return 0, false
	}
	return g.days, true
}

// AnswerEmpty makes the next n answers of GetLogEvents empty although there are lines, each with a token that
// continues, as the service may do.
func (l *Service) AnswerEmpty(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.emptyPages = n
}

// Delay lets lines be read only this long after their time, as the service takes them in some time after they were
// written.
func (l *Service) Delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

// group returns the log group of a name, nil if there is none.
func (l *Service) group(name string) *logGroup {
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
	return wire.Fault{Code: "InvalidParameterException", Message: fmt.Sprintf(format, args...)}
}

// named finds the group that a call names, by name or by identifier (a name or an ARN), but not by both.
func (l *Service) named(in wire.Values) (*logGroup, error) {
	name := wire.Text(in, "logGroupName")
	identifier := wire.Text(in, "logGroupIdentifier")
	if (name == "") == (identifier == "") {
		return nil, badLogRequest("Exactly one of logGroupName and logGroupIdentifier must be specified.")
	}

	for _, g := range l.groups {
		if g.name == name || (g.name == identifier && identifier != "") || l.ARN("logs", "log-group:"+g.name) == identifier {
			return g, nil
		}
	}

	return nil, wire.Fault{Code: "ResourceNotFoundException", Message: "The specified log group does not exist."}
}
