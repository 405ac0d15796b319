package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"image-builder/internal/imagepipeline"
	"image-builder/internal/terminal"
)

// statusText is the status for people: what needs action, then a line for each fact.
type statusText struct {
	shownStatus
	builds *builds
	paint  terminal.Paint
	now    time.Time
}

// alarm is something that needs action.
type alarm struct {
	what  string
	facts [][2]string
}

// String is the whole text except the table of images.
func (s statusText) String() string {
	var text strings.Builder
	for _, one := range s.alarms() {
		text.WriteString(s.paint.Red(one.what) + "\n" + facts("  ", one.facts) + "\n")
	}
	text.WriteString(facts("", s.lines()))
	return text.String()
}

// facts are a line each, the words before them in a column.
func facts(indent string, lines [][2]string) string {
	width := 0
	for _, line := range lines {
		width = max(width, len(line[0]))
	}
	var text strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&text, "%s%-*s  %s\n", indent, width, line[0], line[1])
	}
	return text.String()
}

func (s statusText) alarms() []alarm {
	var found []alarm
	if one, bad := s.stackAlarm(); bad {
		found = append(found, one)
	}

	if s.Pipeline != nil && !s.Pipeline.Enabled {
		found = append(found, s.offAlarm())
	}

	if s.Base.Missing {
		found = append(found, s.baseAlarm())
	}

	if s.Newest != nil && !s.Published && (s.Output.AMI != "" || s.Output.Missing) {
		found = append(found, s.unpublishedAlarm())
	}

	return found
}

// stackAlarm says that a stack is not in the state that was deployed.
func (s statusText) stackAlarm() (alarm, bool) {
	st := s.Stack
	if !st.Status.Failed() {
		return alarm{}, false
	}
	why := cmp.Or(st.Reason, "CloudFormation gives no reason")

	if first := s.FirstFailure; first != nil {
		why = fmt.Sprintf("%s: %s: %s", first.Subject(), first.Status, first.Why())
	}

	next := "image-builder deploy RECIPE --stack " + st.Name + " says what can be done"
	what := fmt.Sprintf("THE LAST UPDATE OF THE STACK FAILED: it is in %s", st.Status)

	if st.Status.Dead() {
		what = fmt.Sprintf("THE STACK IS NOT USABLE: it is in %s", st.Status)
	}

	return alarm{what, [][2]string{{"why", terminal.Harmless(why)}, {"next", next}}}, true
}

// offAlarm says that builds have stopped, why, and how to continue.
func (s statusText) offAlarm() alarm {
	p := s.Pipeline
	why := fmt.Sprintf("someone disabled the pipeline %s", p.Name)

	if s.Failures >= p.FailureLimit {
		why = fmt.Sprintf("%s failed in a row: after %d of them Image Builder disables the pipeline", count(s.Failures, "scheduled build"), p.FailureLimit)
	}

	found := alarm{"THE SCHEDULE IS OFF: no image is built until it is switched on", [][2]string{{"why", why}}}
	next := s.builds.command("start --enable --follow") + " builds now, and switches it on"

	if last := s.lastFailure(); last != nil {
		found.facts = append(found.facts, [2]string{"last", fmt.Sprintf("%s on %s: %s", last.Version, utc(last.Created), terminal.Harmless(last.Why))})
		next = s.builds.command("logs "+last.Version) + "; when it is corrected, " + next
	}

	found.facts = append(found.facts, [2]string{"next", next})
	return found
}

// lastFailure is the newest image if it failed.
func (s statusText) lastFailure() *imagepipeline.Built {
	for i, one := range s.Images {
		switch one.State {
		case imagepipeline.Failed:
			return &s.Images[i]
		case imagepipeline.Available:
			return nil
		}
	}
	return nil
}

// baseAlarm says that builds cannot start.
func (s statusText) baseAlarm() alarm {
	return alarm{"THE BASE PARAMETER IS NOT THERE: each build will fail", [][2]string{
		{"parameter", s.Base.Name},
		{"next", "image-builder base resolve --write " + s.Base.Name + " makes it name Buildkite's newest AMI"},
	}}
}

// unpublishedAlarm says that agents get another AMI than the newest.
func (s statusText) unpublishedAlarm() alarm {
	holds := "which is not there"
	if s.Output.AMI != "" {
		holds = "which names " + terminal.Harmless(s.Output.AMI)
	}

	return alarm{
		"THE NEWEST AMI IS NOT IN THE OUTPUT PARAMETER",
		[][2]string{
			{"newest", fmt.Sprintf("%s of image %s", s.Newest.AMI, s.Newest.Version)},
			{"parameter", s.Output.Name + ", " + holds},
			{"next", s.builds.command("logs "+s.Newest.Version) + "; or someone else has written the parameter since"},
		},
	}
}

// lines are the facts.
func (s statusText) lines() [][2]string {
	lines := [][2]string{{"stack", s.stackLine()}}

	if s.Pipeline == nil {
		lines = append(lines, [2]string{"pipeline", "none"})
	} else {
		lines = append(lines, [2]string{"pipeline", s.pipelineLine()}, [2]string{"schedule", s.scheduleLine()},
			[2]string{"next run", s.nextLine()}, [2]string{"last run", s.lastLine()})
	}

	lines = append(lines, [2]string{"base", named(s.Base)})
	if s.NewerBase {
		lines = append(lines, [2]string{"", "a newer base waits for the next build: the newest image was made from " + terminal.Harmless(s.Newest.Base)})
	}

	lines = append(lines, [2]string{"output", s.outputLine()})
	for _, gap := range s.Unread {
		lines = append(lines, [2]string{"not read", terminal.Harmless(gap)})
	}

	return lines
}

func (s statusText) stackLine() string {
	since := s.Stack.Created
	if s.Stack.Updated.After(since) {
		since = s.Stack.Updated
	}
	text := fmt.Sprintf("%s, %s, last deployed %s", s.Stack.Name, s.Stack.Status, utc(since))
	if s.Stack.Status.Busy() {
		text += "; CloudFormation is at work"
	}
	return text
}

func (s statusText) pipelineLine() string {
	state := "ENABLED"
	if !s.Pipeline.Enabled {
		state = "DISABLED"
	}
	if s.Pipeline.Enabled && s.Failures > 0 {
		state += fmt.Sprintf("; %s failed in a row, %d will switch it off", count(s.Failures, "scheduled build"), s.Pipeline.FailureLimit)
	}
	return state
}

func (s statusText) scheduleLine() string {
	if s.Schedule == nil {
		return "none: builds are started by hand"
	}
	zone := s.Schedule.TimeZone
	if zone == "" {
		zone = "UTC"
	}

	if s.Schedule.Words == "" {
		return s.Schedule.Expression + " in " + zone
	}
	return fmt.Sprintf("%s, %s: %s", s.Schedule.Words, zone, s.Schedule.Expression)
}

func (s statusText) nextLine() string {
	switch {
	case !s.Pipeline.Enabled:
		return "none: the schedule is off"
	case s.Schedule == nil || s.Schedule.Next.IsZero():
		return "none"
	}
	return utc(s.Schedule.Next) + in(s.Schedule.Next.Sub(s.now)) + s.condition()
}

// condition says whether the build that is due next has a reason, where the stack wants one.
func (s statusText) condition() string {
	switch {
	case s.Stack.Parameters["BuildWhen"] != "base-changed":
		return ""
	case s.NewerBase:
		return ": the base has changed"
	}
	return ", if the base changes until then"
}

// in says how far off a time is.
func in(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < 2*time.Hour:
		return ", in " + count(int(d.Minutes())+1, "minute")
	case d < 48*time.Hour:
		return ", in " + count(int(d.Hours()), "hour")
	}
	return ", in " + count(int(d.Hours()/24), "day")
}

func (s statusText) lastLine() string {
	if s.Total == 0 {
		return "none yet; " + s.builds.command("start --follow") + " builds an image now"
	}
	if len(s.Images) == 0 {
		return count(s.Total, "image")
	}

	last := s.Images[0]
	text := fmt.Sprintf("%s %s, started %s", last.Version, last.State, utc(last.Created))

	if last.State.Building() {
		text += "; " + s.builds.command("logs "+last.Version+" --follow") + " follows it"
	}

	return text
}

func (s statusText) outputLine() string {
	text := named(s.Output)
	switch {
	case s.Published:
		text += ", of the newest image " + s.Newest.Version
	case s.Newest == nil && s.Output.AMI != "":
		text += ", which no image of this stack is"
	}
	return text
}

// named is a parameter with its value.
func named(p imagepipeline.Parameter) string {
	switch {
	case p.Missing:
		return p.Name + ", which is not there"
	case p.AMI == "":
		return p.Name + ", which could not be read"
	}
	return p.Name + " = " + terminal.Harmless(p.AMI)
}
