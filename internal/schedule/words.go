package schedule

import (
	"fmt"
	"strings"
	"time"
)

// mostTimes is the longest list of times or days that is written out; a longer one would say less than the
// expression.
const mostTimes = 4

// Words says when the schedule comes due, without its zone: "every day at 00:00", "Monday to Friday at 06:30". It
// returns "" if the expression is shorter than any sentence about it.
func (s Schedule) Words() string {
	switch {
	case s.every > 0:
		return rateWords(s.every)
	case s.cron == nil:
		return ""
	}

	days := s.cron.dayWords()
	clock := s.cron.clockWords()
	if days == "" || clock == "" {
		return ""
	}

	return days + " " + clock
}

func rateWords(every time.Duration) string {
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		switch {
		case every == unit.length:
			return "every " + unit.name
		case every%unit.length == 0:
			return fmt.Sprintf("every %d %ss", every/unit.length, unit.name)
		}
	}

	return ""
}

// clockWords says the times of day.
func (c *cron) clockWords() string {
	hours, minutes := c.hours.list(0, 23), c.minutes.list(0, 59)
	if len(minutes) != 1 {
		return ""
	}
	if len(hours) == 24 {
		return fmt.Sprintf("at minute %d of every hour", minutes[0])
	}
	if len(hours) > mostTimes {
		return ""
	}

	var times []string
	for _, hour := range hours {
		times = append(times, fmt.Sprintf("%02d:%02d", hour, minutes[0]))
	}

	return "at " + and(times)
}

// dayWords says the days.
func (c *cron) dayWords() string {
	if len(c.months.list(1, 12)) != 12 || len(c.years.list(0, 2199-1970)) != 2199-1970+1 {
		return ""
	}
	days, weekdays := c.days.list(1, 31), c.weekdays.list(1, 7)

	special := c.lastWorkday || len(c.nearest)+len(c.lastOf)+len(c.nth) > 0
	switch {
	case special, c.lastDay && len(days)+len(weekdays) > 0:
		return ""
	case c.lastDay:
		return "on the last day of each month"
	case len(days) == 31, len(weekdays) == 7:
		return "every day"
	case len(weekdays) > 0:
		return weekdayWords(weekdays)
	case len(days) > 0 && len(days) <= mostTimes:
		return "on day " + and(numerals(days)) + " of each month"
	}

	return ""
}

// weekdayWords names days of the week, 1 is Sunday.
func weekdayWords(days []int) string {
	if len(days) > 2 && days[len(days)-1]-days[0] == len(days)-1 {
		return weekday(days[0]) + " to " + weekday(days[len(days)-1])
	}
	var names []string
	for _, day := range days {
		names = append(names, weekday(day))
	}
	return "every " + and(names)
}

func weekday(n int) string { return time.Weekday(n - 1).String() }

func numerals(numbers []int) []string {
	var texts []string
	for _, n := range numbers {
		texts = append(texts, fmt.Sprint(n))
	}
	return texts
}

// and joins words: "a", "a and b", "a, b and c".
func and(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// list returns the members from low to high.
func (s *set) list(low, high int) []int {
	var members []int
	for n := low; n <= high; n++ {
		if s.has(n) {
			members = append(members, n)
		}
	}
	return members
}
