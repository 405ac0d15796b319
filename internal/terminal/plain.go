package terminal

import (
	"fmt"
	"io"
	"sync"

	"image-builder/internal/progress"
)

// plain shows each event as one line, for logs.
type plain struct {
	mutex sync.Mutex
	out   io.Writer
	// quarter is how many quarters of a stage's bytes were shown.
	quarter map[string]int64
}

// Close has nothing to do: every line was written completely.
func (p *plain) Close() {}

func (p *plain) Report(e progress.Event) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if line := p.line(e); line != "" {
		fmt.Fprintln(p.out, line)
	}
}

func (p *plain) line(e progress.Event) string {
	switch {
	case e.Kind == progress.StageStarted:
		return Harmless(e.Stage) + ": started"
	case e.Kind == progress.StageDone:
		return fmt.Sprintf("%s: ended after %s", Harmless(e.Stage), Took(e.Elapsed))
	case e.Kind == progress.Bytes:
		return p.moved(e)

	case e.Kind == progress.Note:
		return "note: " + Harmless(e.Text)
	case e.Step == nil || e.Fleeting:
		return ""
	case e.Kind == progress.StepStarted:
		return Label(*e.Step) + ": started"

	case e.Kind == progress.StepOutput:
		return "  | " + Harmless(e.Text)
	case e.Kind == progress.StepDone:
		return Label(*e.Step) + ": " + outcome(e)
	}

	return ""
}

// moved shows each quarter once; a line for each percent would drown the rest.
func (p *plain) moved(e progress.Event) string {
	if e.Total <= 0 {
		return ""
	}
	quarter := 4 * e.Done / e.Total
	if quarter == 0 {
		delete(p.quarter, e.Stage) // it begins again
	}

	if quarter <= p.quarter[e.Stage] {
		return ""
	}

	if p.quarter == nil {
		p.quarter = make(map[string]int64)
	}

	p.quarter[e.Stage] = quarter
	return fmt.Sprintf("%s: %d%% of %s", Harmless(e.Stage), 25*quarter, Size(e.Total)) + network(e)
}

// outcome says how a step ended, after how long, and why if it failed.
func outcome(e progress.Event) string {
	text := fmt.Sprintf("%s after %s", e.Status, Took(e.Elapsed))
	if why := Harmless(e.Text); why != "" {
		text += ": " + why
	}
	return text
}
