package imagepipeline

import "strings"

// Culprit is the step of a component document that failed, according to the executor's log.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/image-failure-context.html
type Culprit struct {
	Document string `json:"document"`
	Phase    string `json:"phase"`
	Step     string `json:"step"`
	Action   string `json:"action"`
	Error    string `json:"error,omitempty"`
}

// String is the step with its error.
func (c Culprit) String() string {
	text := "step " + c.Step + " of phase " + c.Phase
	if c.Error != "" {
		text += ": " + c.Error
	}
	return text
}

// culpritLines are the beginnings of the block's lines, in order.
var culpritLines = []string{"Document", "ComponentArn", "Phase", "Step", "Action", "ErrorMessage"}

// search finds the first culprit in a log: a block of six lines, or of five, since some failures have no message.
type search struct {
	values []string // of the block that is being read
	found  *Culprit
}

func (s *search) read(line string) {
	name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
	if name == culpritLines[0] {
		s.values = nil
	}

	if len(s.values) == len(culpritLines) || name != culpritLines[len(s.values)] {
		s.values = nil
		return
	}
	s.values = append(s.values, strings.TrimSpace(value))
	n := len(s.values)
	switch {
	case n == len(culpritLines)-1 && s.found == nil:
		s.found = &Culprit{Document: s.values[0], Phase: s.values[2], Step: s.values[3], Action: s.values[4]}
	case n == len(culpritLines) && s.found.Error == "" && s.found.Step == s.values[3]:
		s.found.Error = s.values[5]
	}
}
