package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"image-builder/internal/imagepipeline"
	"image-builder/internal/schedule"
	"image-builder/internal/terminal"
)

// StatusCmd is `status`.
type StatusCmd struct {
	stackFlag `embed:""`
	Images    int `help:"How many of the newest images to list." default:"5" placeholder:"N"`
}

// Help is what --help adds.
func (c *StatusCmd) Help() string {
	return `Tells how the stack and its pipeline stand: whether the schedule is on, when the next build is due, which AMIs the two
parameters name, and how the last builds went. What you must act on comes first.

With --json, one object: {stack, pipeline, schedule, failuresInARow, base, output, newest, newerBase, published, images, total, unread}.

Examples:
  image-builder status
  image-builder status --stack nightly-ami --images 20
  image-builder status --json | jq -e .pipeline.enabled`
}

// Validate refuses an invalid number.
func (c *StatusCmd) Validate() error {
	if c.Images < 0 {
		return fmt.Errorf("--images %d: write how many to list, 0 for none", c.Images)
	}
	return nil
}

// shownStatus is what status --json prints.
type shownStatus struct {
	imagepipeline.Status
	Schedule *shownSchedule `json:"schedule,omitempty"`
}

// shownSchedule is when builds are due.
type shownSchedule struct {
	Expression string    `json:"expression"`
	TimeZone   string    `json:"timeZone"`
	Words      string    `json:"words,omitempty"` // every day at 00:00
	Next       time.Time `json:"next,omitzero"`   // absent while the schedule is off
}

// Run shows the state of the stack.
func (c *StatusCmd) Run(ctx context.Context, env *Env) error {
	b, err := env.builds(ctx, c.stackFlag)
	if err != nil {
		return err
	}
	look := &imagepipeline.Inspect{Images: b.images, Workflows: b.images, Parameters: b.parameters, Sources: b.machines, Operations: b.stacks}
	status, err := look.Run(ctx, b.stack, c.Images)
	if err != nil {
		return err
	}

	shown := shownStatus{Status: status, Schedule: scheduled(status.Pipeline, env.Now())}
	if env.JSON {
		return env.object(shown)
	}
	text := statusText{shownStatus: shown, builds: b, paint: terminal.PaintFor(env.Stdout), now: env.Now()}
	if _, err := fmt.Fprint(env.Stdout, text.String()); err != nil {
		return fmt.Errorf("print result: %w", err)
	}

	return c.table(env, status)
}

// scheduled says when a pipeline builds. The next time is Image Builder's own, or else computed.
func scheduled(p *imagepipeline.Pipeline, now time.Time) *shownSchedule {
	if p == nil || p.Expression == "" {
		return nil
	}
	shown := &shownSchedule{Expression: p.Expression, TimeZone: p.Zone, Next: p.NextRun}

	parsed, err := schedule.Parse(p.Expression, p.Zone)
	if err == nil {
		shown.Words = parsed.Words()
	}

	if err == nil && shown.Next.IsZero() {
		shown.Next, _ = parsed.Next(now)
	}

	if !p.Enabled {
		shown.Next = time.Time{}
	}

	return shown
}

// table lists the last images.
func (c *StatusCmd) table(env *Env, status imagepipeline.Status) error {
	if len(status.Images) == 0 {
		return nil
	}
	rows := [][]string{{"IMAGE", "STATE", "STARTED", "TOOK", "AMI", "BASE", "BY"}}
	for _, one := range status.Images {
		rows = append(rows, []string{
			one.Version, string(one.State), utc(one.Created), tookOr(time.Duration(one.Elapsed), "-"), orDash(one.AMI), orUnknown(one.Base, one.AMI), trigger(one.Image),
		})
	}

	if terminal.Is(env.Stdout) {
		columns, _ := terminal.Window(env.Stdout)
		rows = narrowed(rows, columns)
	}

	if _, err := fmt.Fprintln(env.Stdout); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	if err := env.columns(rows[0], rows[1:]); err != nil {
		return err
	}

	return c.reasons(env, status)
}

// narrowed drops the last columns of a table that is wider than the window, but keeps the first five.
func narrowed(rows [][]string, columns int) [][]string {
	wide := 0
	fit := 0
	for i := range rows[0] {
		most := 0
		for _, row := range rows {
			most = max(most, len(row[i]))
		}
		wide += most + 2
		if wide <= columns {
			fit = i + 1
		}
	}

	var narrow [][]string
	for _, row := range rows {
		narrow = append(narrow, row[:max(5, fit)])
	}

	return narrow
}

// reasons says below the table why builds failed: sentences do not fit into columns. Builds with the same reason
// share a line.
func (c *StatusCmd) reasons(env *Env, status imagepipeline.Status) error {
	var why []string
	failed := map[string][]string{}
	for _, one := range status.Images {
		if one.Why != "" && failed[one.Why] == nil {
			why = append(why, one.Why)
		}
		failed[one.Why] = append(failed[one.Why], one.Version)
	}

	var lines []string
	for _, reason := range why {
		lines = append(lines, fmt.Sprintf("%s failed: %s", strings.Join(failed[reason], ", "), terminal.Harmless(reason)))
	}

	if rest := status.Total - len(status.Images); rest > 0 {
		lines = append(lines, fmt.Sprintf("%s: --images %d", count(rest, "older image"), status.Total))
	}

	if len(lines) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(env.Stdout, "\n"+strings.Join(lines, "\n")); err != nil {
		return fmt.Errorf("print result: %w", err)
	}

	return nil
}

func trigger(image imagepipeline.Image) string {
	if image.Scheduled {
		return "schedule"
	}
	return "hand"
}

func tookOr(d time.Duration, other string) string {
	if d <= 0 {
		return other
	}
	return terminal.Took(d)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return terminal.Harmless(text)
}

// orUnknown is an image's base; without an AMI there is nothing to know.
func orUnknown(base, ami string) string {
	if base == "" && ami != "" {
		return "unknown"
	}
	return orDash(base)
}
