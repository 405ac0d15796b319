package finding

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// MarshalJSON adds the severity by name.
func (f Finding) MarshalJSON() ([]byte, error) {
	type plain Finding
	text, err := json.Marshal(struct {
		Severity string `json:"severity"`
		plain
	}{f.Severity.String(), plain(f)})
	if err != nil {
		return nil, fmt.Errorf("encode finding: %w", err)
	}
	return text, nil
}

// WriteJSON prints findings as one JSON array.
func WriteJSON(w io.Writer, list List) error {
	if list == nil {
		list = List{}
	}
	return encode(w, list)
}

// WriteGitHub prints findings as workflow commands, which GitHub shows beside the lines of a pull request.
// https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
func WriteGitHub(w io.Writer, list List) error {
	for _, f := range list {
		message := f.Message
		if f.Right != "" {
			message += ": " + f.Right
		}
		_, err := fmt.Fprintf(w, "::%s file=%s,line=%d,col=%d,title=%s::%s\n",
			f.Severity, property.Replace(f.File), max(f.Line, 1), max(f.Column, 1), f.Code, printable(data.Replace(message)))
		if err != nil {
			return fmt.Errorf("print findings: %w", err)
		}
	}

	return nil
}

var (
	data     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func encode(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	return nil
}
