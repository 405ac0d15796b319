package schedule

import "time"

func (c *cron) next(after time.Time, zone *time.Location) (time.Time, bool) {
	local := after.In(zone)
	for year := max(local.Year(), 1970); year <= 2199; year++ {
		if !c.years.has(year - 1970) {
			continue
		}
		for month := time.January; month <= time.December; month++ {
			if (year == local.Year() && month < local.Month()) || !c.months.has(int(month)) {
				continue
			}
			if found, ok := c.nextInMonth(year, month, local); ok {
				return found, true
			}
		}
	}

	return time.Time{}, false
}

func (c *cron) nextInMonth(year int, month time.Month, after time.Time) (time.Time, bool) {
	first := 1
	if year == after.Year() && month == after.Month() {
		first = after.Day()
	}

	for day := first; day <= daysIn(year, month); day++ {
		if !c.matchesDay(year, month, day) {
			continue
		}
		if found, ok := c.nextInDay(year, month, day, after); ok {
			return found, true
		}
	}

	return time.Time{}, false
}

func (c *cron) nextInDay(year int, month time.Month, day int, after time.Time) (time.Time, bool) {
	for hour := range 24 {
		if !c.hours.has(hour) {
			continue
		}
		for minute := range 60 {
			if !c.minutes.has(minute) {
				continue
			}
			if at := instant(year, month, day, hour, minute, after.Location()); at.After(after) {
				return at, true
			}
		}
	}

	return time.Time{}, false
}

// instant is time.Date, except that it moves a time that the clock skips forward, where time.Date may move it back.
func instant(year int, month time.Month, day, hour, minute int, zone *time.Location) time.Time {
	at := time.Date(year, month, day, hour, minute, 0, 0, zone)
	if missing := (hour*60 + minute) - (at.Hour()*60 + at.Minute()); missing > 0 && at.Day() == day {
		return at.Add(time.Duration(missing) * time.Minute)
	}
	return at
}

// firstDay returns the first matching day of a month; 0 if there is none.
func (c *cron) firstDay(year int, month time.Month) int {
	for day := 1; day <= daysIn(year, month); day++ {
		if c.matchesDay(year, month, day) {
			return day
		}
	}
	return 0
}

func (c *cron) matchesDay(year int, month time.Month, day int) bool {
	return c.days.has(day) || c.matchesMonthEnd(year, month, day) || c.matchesNearest(year, month, day) ||
		c.matchesWeekday(year, month, day)
}

func (c *cron) matchesMonthEnd(year int, month time.Month, day int) bool {
	last := daysIn(year, month)
	return (c.lastDay && day == last) || (c.lastWorkday && day == workday(year, month, last))
}

func (c *cron) matchesNearest(year int, month time.Month, day int) bool {
	for _, n := range c.nearest {
		if n <= daysIn(year, month) && workday(year, month, n) == day {
			return true
		}
	}
	return false
}

func (c *cron) matchesWeekday(year int, month time.Month, day int) bool {
	weekday := int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Weekday()) + 1
	if c.weekdays.has(weekday) {
		return true
	}

	for _, n := range c.lastOf {
		if n == weekday && day+7 > daysIn(year, month) {
			return true
		}
	}

	for _, n := range c.nth {
		if n[0] == weekday && (day-1)/7+1 == n[1] {
			return true
		}
	}

	return false
}

// workday returns the weekday (Monday to Friday) nearest to a day, in the same month.
func workday(year int, month time.Month, day int) int {
	switch time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == daysIn(year, month) {
			return day - 2
		}
		return day + 1
	}

	return day
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
