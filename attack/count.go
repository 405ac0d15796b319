package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// header names the columns of count.String.
var header = fmt.Sprintf("%-36s %6s %7s %7s %8s  %s", "attack", "tried", "landed", "broken", "seconds", "")

// count is how an attack went.
type count struct {
	name   string
	tried  int
	landed int  // of these: the kill came before the end, the hostile disk was refused
	broken int  // of these: a promise did not hold
	isCut  bool // the attack was ended before all its attempts were made
	notes  []string

	began time.Time
	took  time.Duration
}

// judge counts an attempt, and says on standard error what is wrong after it.
func (c *count) judge(landed bool, wrongs []string) {
	c.tried++
	if landed {
		c.landed++
	}

	if len(wrongs) == 0 {
		return
	}

	c.broken++
	for _, wrong := range wrongs {
		fmt.Fprintf(os.Stderr, "%s, attempt %d: %s\n", c.name, c.tried, wrong)
	}
}

func (c *count) note(format string, values ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, values...))
}

func (c *count) String() string {
	line := fmt.Sprintf("%-36s %6d %7d %7d %8.0f  %s",
		c.name, c.tried, c.landed, c.broken, c.took.Seconds(), strings.Join(c.notes, "; "))
	return strings.TrimRight(line, " ")
}
