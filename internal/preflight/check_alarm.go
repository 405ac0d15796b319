package preflight

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"image-builder/internal/schedule"
)

// alarm compares the days without a new image that are told of with the pauses of the schedule: a shorter alarm would go
// off between two builds that succeed.
func (c *Checks) alarm(_ context.Context, q asked) answer {
	const check = "alarm"
	days, err := strconv.Atoi(q.value("AlarmAfterDays"))
	if err != nil || days == 0 {
		return answer{}
	}
	due, err := schedule.Parse(q.value("ScheduleExpression"), q.value("TimeZone"))
	if err != nil {
		return answer{} // the template's pattern refuses it
	}

	pause := longest(due, c.Now())
	if pause > time.Duration(days)*24*time.Hour {
		return answer{results: []Result{{
			check, Warning, fmt.Sprintf("AlarmAfterDays is %d, and the schedule pauses for up to %d days: it would go off without a failure", days, int(pause.Hours()/24)),
			fmt.Sprintf("give --alarm-after-days %d or more", int(pause.Hours()/24)+1),
		}}}
	}

	return answer{results: []Result{{Name: check, Status: OK, Text: fmt.Sprintf("after %d days without a new image", days)}}}
}

// longest is the longest pause between the next 100 times that a schedule comes due.
func longest(due schedule.Schedule, now time.Time) time.Duration {
	var pause time.Duration
	last, more := due.Next(now)
	for range 100 {
		if !more {
			break
		}
		next, again := due.Next(last)
		if again {
			pause = max(pause, next.Sub(last))
		}
		last = next
		more = again
	}
	return pause
}
