package stacktest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"

	"image-builder/internal/testbed/states"
	"image-builder/internal/testbed/venv"
)

// jsonata is an Evaluator in another process.
type jsonata struct {
	in  *json.Encoder
	out *bufio.Reader
}

func newJSONata(t *testing.T) *jsonata {
	t.Helper()
	in, out := converse(t, exec.CommandContext(t.Context(), venv.Python(t), "evaluate.py"))
	return &jsonata{in, out}
}

// converse starts a process that answers each line of JSON with one. It ends with the test, or when the test's process
// does; what it says on standard error is shown if the test fails.
func converse(t *testing.T, process *exec.Cmd) (*json.Encoder, *bufio.Reader) {
	t.Helper()
	var log bytes.Buffer
	process.Stderr = &log
	in, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}

	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		in.Close()
		_ = process.Wait() // the test's end may have stopped it
		if t.Failed() {
			t.Log(log.String())
		}
	})

	return json.NewEncoder(in), bufio.NewReader(out)
}

func (j *jsonata) Evaluate(expression string, variables map[string]any) (any, error) {
	if err := j.in.Encode(map[string]any{"expression": expression, "variables": variables}); err != nil {
		return nil, err
	}
	line, err := j.out.ReadBytes('\n')
	if err != nil {
		return nil, err
	}

	var answer struct {
		Value     any
		Undefined bool
		Error     string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, err
	}
	if answer.Undefined {
		return nil, fmt.Errorf("%s: %w", expression, states.ErrUndefined)
	}

	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", expression, answer.Error)
	}
	return answer.Value, nil
}
