package schedule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// nicknames are crontab's words for common schedules.
var nicknames = map[string]string{
	"@hourly": "cron(0 * * * ? *)", "@daily": "cron(0 0 * * ? *)", "@midnight": "cron(0 0 * * ? *)",
	"@weekly": "cron(0 0 ? * 1 *)", "@monthly": "cron(0 0 1 * ? *)",
	"@yearly": "cron(0 0 1 1 ? *)", "@annually": "cron(0 0 1 1 ? *)",
}

// countError explains an expression that does not have six fields.
func countError(tokens []token, text string, offset int) error {
	e := &Error{
		Offset: offset, Length: len(text), Message: fmt.Sprintf("this has %d fields where Image Builder wants six", len(tokens)),
		Right: "write minute hour day-of-month month day-of-week year, as in cron(0 0 * * ? *)",
	}

	if len(tokens) == 1 {
		if right, known := nicknames[strings.ToLower(tokens[0].text)]; known {
			e.Message = fmt.Sprintf("%s is crontab's word", tokens[0].text)
			e.Right = "write " + right
		}
	}

	if len(tokens) == 5 {
		e.Message = "this has five fields, as crontab does, where Image Builder wants six"
		e.Right = explainFive(tokens)
	}

	return e
}

// explainFive turns a crontab line into a six-field expression, if one can say the same.
func explainFive(tokens []token) string {
	day := tokens[2].text
	week := tokens[4].text
	switch {
	case week == "*" || week == "?":
		week = "?"
		if day == "?" {
			day = "*"
		}
	case day == "*" || day == "?":
		day, week = "?", shiftWeekdays(week)
	default:
		return "add a year, and make one of day-of-month and day-of-week ?: crontab's \"either of them\" takes two schedules"
	}

	six := strings.Join([]string{tokens[0].text, tokens[1].text, day, tokens[3].text, week, "*"}, " ")
	if _, err := parseCron(six, 0); err != nil {
		return "add a year, and make one of day-of-month and day-of-week ?, as in cron(0 0 * * ? *)"
	}

	return fmt.Sprintf("add a year and make the day field that does not matter ?: write cron(%s)", six)
}

// shiftWeekdays turns crontab's 0-7 (0 and 7 are Sunday) into AWS's 1-7 (1 is Sunday).
func shiftWeekdays(text string) string {
	return regexp.MustCompile(`[0-9]+`).ReplaceAllStringFunc(text, func(digits string) string {
		n, err := strconv.Atoi(digits)
		if err != nil || n > 7 {
			return digits
		}
		return strconv.Itoa(n%7 + 1)
	})
}
