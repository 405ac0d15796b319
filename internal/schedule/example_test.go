package schedule_test

import (
	"fmt"
	"time"

	"image-builder/internal/schedule"
)

func Example() {
	nightly, err := schedule.Parse("cron(30 3 ? * MON-FRI *)", "Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}

	friday := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	next, _ := nightly.Next(friday)
	fmt.Println(nightly.Words())
	fmt.Println(next) // on Monday, after the change to summer time

	_, err = schedule.Parse("30 3 * * 1-5", "Europe/Berlin")
	fmt.Println(err) // crontab counts weekdays from 0, AWS from 1
	// Output:
	// Monday to Friday at 03:30
	// 2026-03-30 03:30:00 +0200 CEST
	// this has five fields, as crontab does, where Image Builder wants six: add a year and make the day field that does not matter ?: write cron(30 3 ? * 2-6 *)
}
