package schedule

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	found, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestNext(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, expression, zone, after, want string }{
		{"nightly", "cron(0 0 * * ? *)", "", "2026-08-31T00:00:00Z", "2026-09-01T00:00:00Z"},
		{"bare fields", "0 0 * * ? *", "", "2026-08-31T00:00:01Z", "2026-09-01T00:00:00Z"},
		{"seconds are dropped", "* * * * ? *", "", "2026-08-31T00:00:59Z", "2026-08-31T00:01:00Z"},
		{"zone", "cron(0 0 * * ? *)", "America/New_York", "2026-07-01T00:00:00Z", "2026-07-01T04:00:00Z"},
		{"skipped by the clock", "cron(30 2 * * ? *)", "America/New_York", "2026-03-08T05:00:00Z", "2026-03-08T07:30:00Z"},
		{"repeated by the clock, first", "cron(30 1 * * ? *)", "America/New_York", "2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z"},
		{"repeated by the clock, once", "cron(30 1 * * ? *)", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"},
		{"step", "cron(0/15 * * * ? *)", "", "2026-01-01T10:46:00Z", "2026-01-01T11:00:00Z"},
		{"step in a range", "cron(10-40/15 * * * ? *)", "", "2026-01-01T10:26:00Z", "2026-01-01T10:40:00Z"},
		{"list and names", "cron(0 8 ? jan,Jul MON-fri *)", "", "2026-07-31T09:00:00Z", "2027-01-01T08:00:00Z"},
		{"1 is Sunday", "cron(0 0 ? * 1 *)", "", "2026-08-31T00:00:00Z", "2026-09-06T00:00:00Z"},
		{"7 is Saturday", "cron(0 0 ? * 7 *)", "", "2026-08-31T00:00:00Z", "2026-09-05T00:00:00Z"},
		{"last day", "cron(0 0 L * ? *)", "", "2028-02-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"last working day", "cron(0 0 LW * ? *)", "", "2026-01-01T00:00:00Z", "2026-01-30T00:00:00Z"},
		{"nearest working day before", "cron(0 0 15W * ? *)", "", "2026-08-01T00:00:00Z", "2026-08-14T00:00:00Z"},
		{"nearest working day after", "cron(0 0 1W * ? *)", "", "2026-08-01T00:00:00Z", "2026-08-03T00:00:00Z"},
		{"last Friday", "cron(0 0 ? * 6L *)", "", "2026-08-01T00:00:00Z", "2026-08-28T00:00:00Z"},
		{"second Tuesday", "cron(0 0 ? * 3#2 *)", "", "2026-08-01T00:00:00Z", "2026-08-11T00:00:00Z"},
		{"fifth Friday", "cron(0 0 ? * FRI#5 *)", "", "2026-08-01T00:00:00Z", "2026-10-30T00:00:00Z"},
		{"plain L in day of week is Saturday", "cron(0 0 ? * L *)", "", "2026-08-01T00:00:01Z", "2026-08-08T00:00:00Z"},
		{"leap day across a century", "cron(0 0 29 2 ? *)", "", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"year", "cron(0 0 1 1 ? 2199)", "", "2026-01-01T00:00:00Z", "2199-01-01T00:00:00Z"},
		{"year step", "cron(0 0 1 1 ? 2026/10)", "", "2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"},
		{"rate", "rate(12 hours)", "", "2026-01-01T00:00:00Z", "2026-01-01T12:00:00Z"},
		{"past", "cron(0 0 1 1 ? 2020)", "", "2026-01-01T00:00:00Z", ""},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			parsed, err := Parse(test.expression, test.zone)
			if err != nil {
				t.Fatal(err)
			}
			next, ok := parsed.Next(at(t, test.after))
			if !ok && test.want == "" {
				return
			}

			if !ok || test.want == "" || !next.Equal(at(t, test.want)) {
				t.Fatalf("next after %s is %s (%v), want %s", test.after, next.UTC(), ok, test.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, expression, zone, field, at, right string }{
		{"five fields", "cron(0 0 * * *)", "", "", "0 0 * * *", "write cron(0 0 * * ? *)"},
		{"five fields, weekday", "0 3 * * 1-5", "", "", "0 3 * * 1-5", "write cron(0 3 ? * 2-6 *)"},
		{"five fields, both days", "0 3 1 * 1", "", "", "0 3 1 * 1", "takes two schedules"},
		{"seven fields", "0 0 0 * * ? *", "", "", "0 0 0 * * ? *", "minute hour day-of-month"},
		{"nickname", "@daily", "", "", "@daily", "write cron(0 0 * * ? *)"},
		{"both days", "cron(0 0 * * * *)", "", "day of week", "*", "?"},
		{"both question marks", "cron(0 0 ? * ? *)", "", "day of week", "?", "make one of them"},
		{"minute", "cron(60 0 * * ? *)", "", "minute", "60", "0-59"},
		{"hour", "cron(0 24 * * ? *)", "", "hour", "24", "0-23"},
		{"weekday 0", "cron(0 0 ? * 0 *)", "", "day of week", "0", "1-7 or SUN-SAT"},
		{"year", "cron(0 0 * * ? 2200)", "", "year", "2200", "1970-2199"},
		{"name in the wrong field", "cron(0 0 MON * ? *)", "", "day of month", "MON", "1-31"},
		{"step in day of week", "cron(0 0 ? * 2/2 *)", "", "day of week", "2/2", ""},
		{"step 0", "cron(0/0 0 * * ? *)", "", "minute", "0/0", "from 1"},
		{"backwards", "cron(0 0 ? * FRI-MON *)", "", "day of week", "FRI-MON", "MON-FRI"},
		{"question mark in hour", "cron(0 ? * * ? *)", "", "hour", "?", "0-23"},
		{"never", "cron(0 0 31 2,4 ? *)", "", "day of month", "31", "L is the last"},
		{"sixth Tuesday", "cron(0 0 ? * 3#6 *)", "", "day of week", "3#6", "3#2"},
		{"empty item", "cron(0, 0 * * ? *)", "", "minute", "", "0-59"},
		{"open", "cron(0 0 * * ? *", "", "", "cron(0 0 * * ? *", "cron("},
		{"other word", "corn(0 0 * * ? *)", "", "", "corn", "cron("},
		{"rate plural", "rate(1 days)", "", "", "1 days", "rate(1 day)"},
		{"rate of nothing", "rate(0 days)", "", "", "0 days", "rate(1 day)"},
		{"zone", "cron(0 0 * * ? *)", "Berlin", "", "", "Europe/Berlin"},
		{"empty", "", "", "", "", "cron("},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(test.expression, test.zone)

			var wrong *Error
			if !errors.As(err, &wrong) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if wrong.Field != test.field || !strings.Contains(wrong.Error(), test.right) {
				t.Fatalf("got %q: %v, want field %q and %q", wrong.Field, wrong, test.field, test.right)
			}
			if test.zone == "" && test.expression[wrong.Offset:wrong.Offset+wrong.Length] != test.at {
				t.Fatalf("points at %q, want %q", test.expression[wrong.Offset:wrong.Offset+wrong.Length], test.at)
			}
		})
	}
}

func FuzzSchedule(f *testing.F) {
	for _, seed := range []string{"cron(0 0 * * ? *)", "0 0 ? * 3#2 2026/3", "rate(1 day)", "0 0 LW * ? *", "1-2/3,4 * 15W 2 ? *", "* * * * *"} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, expression string) {
		parsed, err := Parse(expression, "Europe/Berlin")
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) || wrong.Offset < 0 || wrong.Offset+wrong.Length > len(expression) {
				t.Fatalf("%q: error %#v points outside", expression, err)
			}
			return
		}

		after := time.Date(2026, 8, 31, 12, 0, 0, 0, time.UTC)
		if next, ok := parsed.Next(after); ok && !next.After(after) {
			t.Fatalf("%q: next %s is not after %s", expression, next, after)
		}
	})
}
