package schedule

import "testing"

func TestWords(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"cron(0 0 * * ? *)":           "every day at 00:00",
		"cron(0 0 ? * * *)":           "every day at 00:00",
		"cron(30 6 ? * MON-FRI *)":    "Monday to Friday at 06:30",
		"cron(30 6 ? * 2,4 *)":        "every Monday and Wednesday at 06:30",
		"cron(5 2 ? * SUN *)":         "every Sunday at 02:05",
		"cron(0 4,16 * * ? *)":        "every day at 04:00 and 16:00",
		"cron(15 * * * ? *)":          "every day at minute 15 of every hour",
		"cron(0 3 1,15 * ? *)":        "on day 1 and 15 of each month at 03:00",
		"cron(0 3 L * ? *)":           "on the last day of each month at 03:00",
		"rate(1 day)":                 "every day",
		"rate(12 hours)":              "every 12 hours",
		"rate(90 minutes)":            "every 90 minutes",
		"cron(0 3 L,1 * ? *)":         "",
		"cron(0 3 LW * ? *)":          "",
		"cron(0 3 ? * 3#2 *)":         "",
		"cron(*/5 * * * ? *)":         "",
		"cron(0 */4 * * ? *)":         "",
		"cron(0 0 1 1 ? *)":           "",
		"cron(0 0 * * ? 2030)":        "",
		"cron(0 0 1-20 * ? *)":        "",
		"cron(0 0 ? * SUN,TUE-SAT *)": "every Sunday, Tuesday, Wednesday, Thursday, Friday and Saturday at 00:00",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			parsed, err := Parse(expression, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := parsed.Words(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}

	if got := (Schedule{}).Words(); got != "" {
		t.Errorf("no schedule comes due %q", got)
	}
}
