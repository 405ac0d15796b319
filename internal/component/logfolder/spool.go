package logfolder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"image-builder/internal/component"
)

// spool keeps the JSON of each ended step, in a file without a name.
type spool struct {
	file *os.File
	end  int64
	kept map[component.Place][2]span // in detailedoutput.json and chaining.json
}

// span is a piece of the spool, in bytes.
type span struct{ offset, length int64 }

func newSpool(dir string) (*spool, error) {
	file, err := os.CreateTemp(dir, ".spool")
	if err != nil {
		return nil, fmt.Errorf("make spool: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil { // kept open: the file has no name
		return nil, errors.Join(err, file.Close())
	}
	return &spool{file: file, kept: map[component.Place][2]span{}}, nil
}

// add stores a step's current JSON.
func (s *spool) add(at component.Place, step *component.StepResult) error {
	var spans [2]span
	for i, shape := range []any{detailedStep(step), chainedStep(step)} {
		text, err := indented(shape, stepDepth[i])
		if err != nil {
			return err
		}
		if _, err := s.file.WriteAt(text, s.end); err != nil {
			return fmt.Errorf("write spool: %w", err)
		}
		spans[i] = span{s.end, int64(len(text))}
		s.end += int64(len(text))
	}

	s.kept[at] = spans
	return nil
}

// write writes a step: its stored JSON, or else its current one. File is 0 for detailedoutput.json, 1 for
// chaining.json.
func (s *spool) write(w io.Writer, file int, at component.Place, step *component.StepResult) error {
	if spans, ok := s.kept[at]; ok {
		_, err := io.Copy(w, io.NewSectionReader(s.file, spans[file].offset, spans[file].length))
		return err
	}
	shape := any(detailedStep(step))

	if file == 1 {
		shape = chainedStep(step)
	}

	text, err := indented(shape, stepDepth[file])
	if err != nil {
		return err
	}
	_, err = w.Write(text)

	return err
}

// recover reads the steps that ended before a reboot from the folder's detailedoutput.json: the result no longer has
// their inputs and outputs.
func (s *spool) recover(dir string, result *component.Result) error {
	text, err := os.ReadFile(filepath.Join(dir, "detailedoutput.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var before detailedRun

	if err == nil {
		err = json.Unmarshal(text, &before)
	}

	if err != nil {
		return fmt.Errorf("continue log: %w", err)
	}

	for d, document := range before.Documents {
		for p, phase := range document.Phases {
			for i, step := range phase.Steps {
				at := component.Place{Document: d, Phase: p, Step: i}
				if now := find(result, at); now != nil && !now.End.IsZero() && now.Inputs == "" {
					restored := *now
					restored.Inputs = step.Inputs
					restored.Outputs = step.Outputs
					if err := s.add(at, &restored); err != nil {
						return err
					}
				}
			}
		}
	}

	return nil
}

// find returns the step at a place that may be missing from the result.
func find(result *component.Result, at component.Place) *component.StepResult {
	if at.Document >= len(result.Documents) || at.Phase >= len(result.Documents[at.Document].Phases) ||
		at.Step >= len(result.Documents[at.Document].Phases[at.Phase].Steps) {
		return nil
	}
	return result.Step(at)
}

const tab = "    "

// stepDepth is the depth of a step in each file.
var stepDepth = [2]int{6, 5}

func indented(v any, depth int) ([]byte, error) {
	prefix := strings.Repeat(tab, depth)
	text := bytes.NewBufferString(prefix)
	encoder := json.NewEncoder(text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(prefix, tab)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encode log: %w", err)
	}
	return bytes.TrimSuffix(text.Bytes(), []byte{'\n'}), nil
}

// stamp is a time as in the files: RFC 3339, whole seconds; empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
