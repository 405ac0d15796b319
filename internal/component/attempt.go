package component

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"image-builder/internal/finding"
	"image-builder/internal/progress"
)

// attempts runs the step until an attempt succeeds or none is left.
func (s *stepRun) attempts(ctx context.Context) error {
	var err error
	first := 1

	if s.resumed != nil {
		first = max(1, s.resumed.Attempt)
	}

	for attempt := first; attempt <= s.step.MaxAttempts; attempt++ {
		s.result.Attempts = attempt
		s.named.Attempt = attempt

		if attempt > first {
			s.sink.event(progress.Event{
				Kind: progress.Note, Step: s.name(),
				Text: fmt.Sprintf("attempt %d of %d, after: %v", attempt, s.step.MaxAttempts, err),
			})
		}

		err = s.attempt(ctx)
		var reboot Reboot
		if err == nil || errors.As(err, &reboot) || ctx.Err() != nil {
			return err
		}
		s.resumed = nil
	}

	return err
}

// attempt makes one attempt; the step's timeout bounds all its iterations together.
func (s *stepRun) attempt(parent context.Context) error {
	ctx := parent
	if timeout := s.timeout(); timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(parent, timeout)
		defer cancel()
	}

	err := s.once(ctx)
	var reboot Reboot
	if err != nil && !errors.As(err, &reboot) && parent.Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		what := "step"
		if s.step.Loop != nil {
			what = "loop"
		}
		return fmt.Errorf("run %s: timed out after %d seconds", what, s.step.Timeout)
	}

	return err
}

// timeout is 0 for no limit. Reboot and ExecuteDocument have none.
func (s *stepRun) timeout() time.Duration {
	action := s.step.Action.Value
	if s.step.Timeout < 0 || action == executeDocument || action == reboot || s.step.Timeout > 1<<31 {
		return 0
	}
	return time.Duration(s.step.Timeout) * time.Second
}

// once makes one attempt: the action, or all iterations of the loop.
func (s *stepRun) once(ctx context.Context) error {
	s.inputs = nil
	s.outputs = nil
	s.stderr = ""
	if s.step.Loop != nil {
		return s.iterate(ctx)
	}
	var err error
	s.outputs, err = s.act(ctx, nil)
	return err
}

// iterate runs the step for each item. The first failing iteration ends the loop. Values of the successful ones are
// joined by newlines.
func (s *stepRun) iterate(ctx context.Context) error {
	items, err := s.items(ctx)
	if err != nil {
		return err
	}
	joined := make(map[string]*strings.Builder)
	from := uint64(0)

	if s.resumed != nil {
		from = s.resumed.Iteration
		join(joined, s.resumed.Outputs)
	}
	defer func() {
		out := make(Outputs, len(joined))
		for name, text := range joined {
			out[name] = text.String()
		}
		s.outputs = []Outputs{out}
	}()

	for n := from; n < items.count; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.named.Iteration = int(n)
		outputs, err := s.act(ctx, &iteration{loop: s.step.Loop.Name.Value, index: n, value: items.value(n)})

		var reboot Reboot
		switch {
		case errors.As(err, &reboot):
			s.pause(joined, n, reboot.Again)
			return err
		case err != nil:
			return fmt.Errorf("run loop: iteration %d failed: %w", n, err)
		}

		for _, out := range outputs {
			join(joined, out)
		}
	}

	s.named.Iteration = -1
	return nil
}

// pause records how far the loop came, to continue after the reboot.
func (s *stepRun) pause(joined map[string]*strings.Builder, n uint64, again bool) {
	s.resumed = &interrupted{Iteration: n, Outputs: make(Outputs, len(joined)), Nested: s.resumed.nested()}
	for name, text := range joined {
		s.resumed.Outputs[name] = text.String()
	}
	if !again {
		s.resumed.Iteration++
	}
}

func join(joined map[string]*strings.Builder, out Outputs) {
	for name, text := range out {
		b := joined[name]
		if b == nil {
			b = new(strings.Builder)
			joined[name] = b
		} else if b.Len() < maxText {
			b.WriteByte('\n')
		}
		b.WriteString(cut(text, max(0, maxText-b.Len())))
	}
}

// items yields what a loop runs over, one at a time: a for may count to two billion.
type items struct {
	count uint64
	value func(n uint64) string
}

func (s *stepRun) items(ctx context.Context) (items, error) {
	loop := s.step.Loop
	if loop.For != nil {
		return items{loop.For.count(), loop.For.value}, nil
	}
	var texts []string

	if loop.List != nil {
		list, err := s.scope.text(ctx, loop.List.Text, nil)
		if err != nil {
			return items{}, err
		}
		texts = split(list, loop.Delimiter)
	}

	for _, item := range loop.Each {
		text, err := s.scope.text(ctx, item.Text, nil)
		if err != nil {
			return items{}, err
		}
		texts = append(texts, text)
	}

	return items{uint64(len(texts)), func(n uint64) string { return texts[n] }}, nil
}

// act resolves the inputs and runs the action once. A module that yields outputs for a list of inputs runs once for
// each of them, so that a reference can name one by its index.
func (s *stepRun) act(ctx context.Context, at *iteration) ([]Outputs, error) {
	module := s.run.Modules[s.step.Action.Value]
	schema := module.Schema()
	inputs, err := s.resolve(ctx, schema, at)
	if err != nil {
		return nil, err
	}

	if at == nil || at.index == 0 {
		s.inputs = inputs
	}

	calls := [][]Inputs{inputs}

	if schema.List && len(schema.Outputs) > 0 && len(inputs) > 1 {
		calls = calls[:0]
		for i := range inputs {
			calls = append(calls, inputs[i:i+1])
		}
	}

	var outputs []Outputs
	for _, call := range calls {
		out, err := s.call(ctx, module, call)
		if len(out) > 0 {
			outputs = append(outputs, maps.Clone(out))
		}
		if err != nil {
			return outputs, err
		}
	}

	return outputs, nil
}

// resolve expands the references in the inputs and checks the inputs against the schema again, now that all values
// are known.
func (s *stepRun) resolve(ctx context.Context, schema Schema, at *iteration) ([]Inputs, error) {
	step := *s.step
	var err error
	step.Inputs, err = s.scope.value(ctx, s.step.Inputs, at)
	if err != nil {
		return nil, err
	}

	d := &decoder{final: true}
	inputs := d.inputs(schema, &step)

	for _, f := range d.findings {
		if f.Severity == finding.Error {
			return nil, fmt.Errorf("read inputs of %s: line %d: %s", schema.Action, f.Line, f.Message)
		}
		if f.Code == finding.InputValue {
			s.note(fmt.Sprintf("%s: %s", schema.Action, f.Message))
		}
	}

	return inputs, nil
}

// note tells the log and the user where a step does something other than it seems to.
func (s *stepRun) note(text string) {
	if s.step.DisableLogging {
		return
	}
	s.sink.console(text)
	s.sink.event(progress.Event{Kind: progress.Note, Step: s.name(), Text: text})
}

// call runs the module and passes its output to the logs as it comes.
func (s *stepRun) call(ctx context.Context, module Module, inputs []Inputs) (Outputs, error) {
	stdout := &stream{mask: s.mask, line: func(line string, more bool) { s.output("stdout", "Stdout: ", line, more) }}
	stderr := &stream{mask: s.mask, line: func(line string, more bool) { s.output("stderr", "Stderr: ", line, more) }, keep: tailKept}
	out, err := module.Run(ctx, &Call{
		Inputs: inputs, Env: s.env, Dir: s.run.Dir, Stdout: stdout, Stderr: stderr,
		Log: func(format string, args ...any) {
			if !s.step.DisableLogging {
				s.sink.console(fmt.Sprintf(format, args...))
			}
		},
		Nested: s.runNested,
	})

	stdout.flush()
	stderr.flush()
	s.stderr = stderr.end()
	return out, err
}

func (s *stepRun) output(name, prefix, line string, more bool) {
	if s.step.DisableLogging {
		return
	}
	s.sink.console(prefix + line)
	s.sink.event(progress.Event{Kind: progress.StepOutput, Step: s.name(), Stream: name, Text: line, More: more})
}
