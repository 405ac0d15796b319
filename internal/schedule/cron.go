package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// set holds small numbers, 0 to 255.
type set [4]uint64

func (s *set) add(n int)      { s[n/64] |= 1 << (n % 64) }
func (s *set) has(n int) bool { return s[n/64]&(1<<(n%64)) != 0 }

// cron is a parsed expression. Years are kept from 1970, weekdays 1 (SUN) to 7 (SAT).
type cron struct {
	minutes, hours, days, months, weekdays, years set
	lastDay, lastWorkday                          bool
	nearest                                       []int    // 15W: the working day nearest to the 15th
	lastOf                                        []int    // 6L: the last Friday
	nth                                           [][2]int // 3#2: the second Tuesday
}

// kind is one of the six fields.
type kind struct {
	name    string
	low     int
	high    int
	names   []string
	special string // further characters that the field allows, of ? L W # /
}

var kinds = [6]kind{
	{name: "minute", low: 0, high: 59, special: "/"},
	{name: "hour", low: 0, high: 23, special: "/"},
	{name: "day of month", low: 1, high: 31, special: "/?LW"},
	{name: "month", low: 1, high: 12, special: "/", names: []string{
		"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
	}},
	{name: "day of week", low: 1, high: 7, special: "?L#", names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
	{name: "year", low: 1970, high: 2199, special: "/"},
}

// token is one field as written, and its position.
type token struct {
	text   string
	offset int
}

func fields(text string, offset int) []token {
	var found []token
	i := 0
	for i < len(text) {
		if text[i] == ' ' || text[i] == '\t' {
			i++
			continue
		}
		end := i
		for end < len(text) && text[end] != ' ' && text[end] != '\t' {
			end++
		}
		found = append(found, token{text[i:end], offset + i})
		i = end
	}

	return found
}

func parseCron(text string, offset int) (*cron, error) {
	tokens := fields(text, offset)
	if len(tokens) != len(kinds) {
		return nil, countError(tokens, text, offset)
	}
	c := &cron{}
	sets := [6]*set{&c.minutes, &c.hours, &c.days, &c.months, &c.weekdays, &c.years}
	for i, t := range tokens {
		for _, item := range items(t) {
			if err := c.parseItem(i, item, sets[i]); err != nil {
				return nil, err
			}
		}
	}

	if err := checkDays(tokens); err != nil {
		return nil, err
	}

	if !c.possible() {
		return nil, &Error{
			Field: kinds[2].name, Offset: tokens[2].offset, Length: len(tokens[2].text),
			Message: "these days do not exist in these months and years, so nothing would ever run",
			Right:   "choose a day that the month has (L is the last one)",
		}
	}

	return c, nil
}

// items splits a field at its commas.
func items(t token) []token {
	var found []token
	offset := t.offset
	for part := range strings.SplitSeq(t.text, ",") {
		found = append(found, token{part, offset})
		offset += len(part) + 1
	}
	return found
}

func checkDays(tokens []token) error {
	day := tokens[2]
	week := tokens[4]
	if (day.text == "?") != (week.text == "?") {
		return nil
	}
	e := &Error{Field: kinds[4].name, Offset: week.offset, Length: len(week.text)}

	if day.text == "?" {
		e.Message = "day of month and day of week are both ?"
		e.Right = "make one of them * or a day"
		return e
	}
	e.Message = "day of month and day of week are both given"
	e.Right = "make the one that does not matter ?"

	if week.text != "*" && day.text == "*" {
		e.Field = kinds[2].name
		e.Offset = day.offset
		e.Length = len(day.text)
	}

	return e
}

func (c *cron) parseItem(index int, item token, into *set) error {
	k := kinds[index]
	text := strings.ToUpper(item.text)
	done, err := c.parseSpecial(index, text, item)
	if done || err != nil {
		return err
	}

	span, step, stepped := strings.Cut(text, "/")
	by := 1

	if stepped {
		by, err = strconv.Atoi(step)
		if err != nil || by < 1 || !strings.Contains(k.special, "/") {
			return k.wrong(item, "the step after / must be a number from 1 on", k.example())
		}
	}

	low, high, err := k.span(span, item, stepped)
	if err != nil {
		return err
	}
	base := 0

	if k.low == 1970 {
		base = 1970
	}

	for n := low; n <= high; n += by {
		into.add(n - base)
	}

	return nil
}

// span reads "*", "a" or "a-b"; "a" before a step runs to the end of the field.
func (k kind) span(text string, item token, stepped bool) (low, high int, err error) {
	if text == "*" {
		return k.low, k.high, nil
	}
	first, second, ranged := strings.Cut(text, "-")
	low, err = k.number(first, item)
	if err != nil {
		return 0, 0, err
	}

	switch {
	case ranged:
		high, err = k.number(second, item)
		if err != nil {
			return 0, 0, err
		}
		if high < low {
			return 0, 0, k.wrong(item, fmt.Sprintf("%s runs backwards", item.text), fmt.Sprintf("write %s-%s", second, first))
		}

	case stepped:
		high = k.high
	default:
		high = low
	}

	return low, high, nil
}

func (k kind) number(text string, item token) (int, error) {
	for i, name := range k.names {
		if text == name {
			return i + 1, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < k.low || n > k.high || text[0] == '+' || text[0] == '-' {
		return 0, k.wrong(item, fmt.Sprintf("%q is not allowed here", item.text), k.example())
	}
	return n, nil
}

// parseSpecial handles what only the two day fields have: ? L W and #.
func (c *cron) parseSpecial(index int, text string, item token) (done bool, err error) {
	k := kinds[index]
	switch {
	case text == "?" && strings.Contains(k.special, "?"):
		return true, nil
	case index == 2 && text == "L":
		c.lastDay = true
	case index == 2 && text == "LW":
		c.lastWorkday = true

	case index == 2 && strings.HasSuffix(text, "W"):
		n, err := k.number(strings.TrimSuffix(text, "W"), item)
		c.nearest = append(c.nearest, n)
		return true, err
	case index == 4 && text == "L":
		c.weekdays.add(7)

	case index == 4 && strings.HasSuffix(text, "L"):
		n, err := k.number(strings.TrimSuffix(text, "L"), item)
		c.lastOf = append(c.lastOf, n)
		return true, err
	case index == 4 && strings.Contains(text, "#"):
		return true, c.parseNth(k, text, item)

	default:
		return false, nil
	}

	return true, nil
}

func (c *cron) parseNth(k kind, text string, item token) error {
	day, which, _ := strings.Cut(text, "#")
	n, err := k.number(day, item)
	if err != nil {
		return err
	}
	nth, err := strconv.Atoi(which)
	if err != nil || nth < 1 || nth > 5 {
		return k.wrong(item, "the number after # must be 1 to 5", "write 3#2 for the second Tuesday")
	}

	c.nth = append(c.nth, [2]int{n, nth})
	return nil
}

func (k kind) wrong(item token, message, right string) error {
	return &Error{Field: k.name, Offset: item.offset, Length: len(item.text), Message: message, Right: right}
}

func (k kind) example() string {
	text := fmt.Sprintf("write %d-%d", k.low, k.high)
	if len(k.names) > 0 {
		text += fmt.Sprintf(" or %s-%s", k.names[0], k.names[len(k.names)-1])
	}
	return text + ", with , - * " + strings.Join(strings.Split(k.special, ""), " ")
}

// possible reports whether any day of the calendar matches.
func (c *cron) possible() bool {
	for year := 1970; year <= 2199; year++ {
		if !c.years.has(year - 1970) {
			continue
		}
		for month := time.January; month <= time.December; month++ {
			if c.months.has(int(month)) && c.firstDay(year, month) > 0 {
				return true
			}
		}
	}

	return false
}
