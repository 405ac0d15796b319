// Package schedule reads cron() and rate() expressions in EC2 Image Builder's dialect and says when they come due next.
//
// It never waits and never starts anything. The parser is our own: github.com/adhocore/gronx, the library at hand,
// counts weekdays from 0 where AWS counts from 1, fires when either day field matches where AWS wants one of them to be
// "?", gives up after 500 steps on rare dates, and names no field in its errors.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/cron-expressions.html
package schedule

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a baked disk may lack zone files
)

// Schedule is when to build. The zero value never comes due.
type Schedule struct {
	cron  *cron
	every time.Duration
	zone  *time.Location
}

// Error says which part of an expression is wrong.
type Error struct {
	Field string // "minute", "day of week"; empty if the error concerns no single field
	// Offset and Length locate the fault in the expression, in bytes.
	Offset, Length int
	Message, Right string
}

func (e *Error) Error() string {
	text := e.Message
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Right != "" {
		text += ": " + e.Right
	}
	return text
}

// Parse reads an expression: six fields with or without cron( ), or rate(n unit). The zone is an IANA name; empty means UTC.
// The error is an *Error.
func Parse(expression, zone string) (Schedule, error) {
	location, err := Zone(zone)
	if err != nil {
		return Schedule{}, err
	}
	text, offset, err := unwrap(expression)
	if err != nil {
		return Schedule{}, err
	}
	if strings.HasPrefix(strings.TrimSpace(expression), "rate(") {
		every, err := parseRate(text, offset)
		return Schedule{every: every, zone: location}, err
	}

	parsed, err := parseCron(text, offset)
	return Schedule{cron: parsed, zone: location}, err
}

// Zone loads an IANA time zone; empty means UTC.
func Zone(name string) (*time.Location, error) {
	if name == "Local" {
		name = "local"
	}

	location, err := time.LoadLocation(name)
	if err != nil {
		return nil, &Error{
			Length: len(name), Message: fmt.Sprintf("%q is not a time zone", name),
			Right: "write an IANA name like Etc/UTC or Europe/Berlin",
		}
	}

	return location, nil
}

// Next returns the first time after the given one at which the schedule comes due; false if there is none.
//
// A time that the zone's clock skips comes due when the clock has jumped; a time that occurs twice comes due once.
func (s Schedule) Next(after time.Time) (time.Time, bool) {
	if s.every > 0 {
		return after.Add(s.every), true
	}
	if s.cron == nil {
		return time.Time{}, false
	}
	return s.cron.next(after, s.zone)
}

func unwrap(expression string) (text string, offset int, err error) {
	trimmed := strings.TrimSpace(expression)
	offset = strings.Index(expression, trimmed)

	open := strings.IndexByte(trimmed, '(')
	if open < 0 && !strings.HasSuffix(trimmed, ")") {
		return trimmed, offset, nil
	}
	if open < 0 || !strings.HasSuffix(trimmed, ")") {
		return "", 0, &Error{
			Offset: offset, Length: len(trimmed), Message: "a parenthesis has no partner", Right: "write cron(0 0 * * ? *)",
		}
	}

	if word := trimmed[:open]; word != "cron" && word != "rate" {
		return "", 0, &Error{
			Offset: offset, Length: open, Message: fmt.Sprintf("%q is not a kind of schedule", word),
			Right: "write cron(0 0 * * ? *) or rate(1 day)",
		}
	}

	return trimmed[open+1 : len(trimmed)-1], offset + open + 1, nil
}

func parseRate(text string, offset int) (time.Duration, error) {
	var count int64
	var unit, rest string
	n, _ := fmt.Sscanf(text, "%d %s %s", &count, &unit, &rest)
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	length, known := units[strings.TrimSuffix(unit, "s")]
	if n != 2 || !known || count < 1 || count > 100_000 || (count == 1) == strings.HasSuffix(unit, "s") {
		return 0, &Error{
			Offset: offset, Length: len(text), Message: fmt.Sprintf("rate(%s) is not a rate", text),
			Right: "write rate(1 day) or rate(12 hours): a number from 1 to 100000 and minutes, hours or days, singular for 1",
		}
	}

	return time.Duration(count) * length, nil
}
