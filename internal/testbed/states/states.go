// Package states runs the state machines of Step Functions that are written in JSONata.
//
// It knows the states that the stack's template uses and refuses all others. Waits take no time, and tasks are answered by
// the caller: it never calls a service.
package states

import (
	"errors"
	"fmt"
	"strings"
)

// Evaluator evaluates JSONata. ErrUndefined says that an expression has no result, which Step Functions refuses.
// Satisfied by an independent implementation of JSONata.
type Evaluator interface {
	Evaluate(expression string, variables map[string]any) (any, error)
}

// ErrUndefined is the error of an expression without a result.
var ErrUndefined = errors.New("the expression yields nothing")

// Services answer tasks, by the end of their Resource, like sns:publish.
type Services func(resource string, arguments any) (any, error)

// Failure is an error as a service reports it to a state machine.
type Failure struct{ Name, Cause string }

func (f *Failure) Error() string { return f.Name + ": " + f.Cause }

// Execution runs a state machine that is written in JSONata. Waits take no time.
// https://states-language.net/
type Execution struct {
	Definition map[string]any
	JSONata    Evaluator
	Services   Services
	// Seen are the entered states, in order.
	Seen      []string
	input     any
	variables map[string]any
}

// Run executes the machine until it ends. A machine that passes more than 1000 states is an error.
func (e *Execution) Run(input any) error {
	e.input = input
	e.variables = map[string]any{}
	e.Seen = nil
	name := e.Definition["StartAt"].(string)
	for range 1000 {
		state, ok := e.Definition["States"].(map[string]any)[name].(map[string]any)
		if !ok {
			return fmt.Errorf("there is no state %s", name)
		}
		e.Seen = append(e.Seen, name)
		next, err := e.enter(state)
		if err != nil {
			return fmt.Errorf("state %s: %w", name, err)
		}

		if next == "" {
			return nil
		}
		name = next
	}

	return errors.New("the state machine does not end")
}

// enter runs one state and names the next; "" is the end.
func (e *Execution) enter(state map[string]any) (string, error) {
	next, _ := state["Next"].(string)

	switch state["Type"] {
	case "Succeed":
		return "", nil
	case "Wait":
		return next, nil
	case "Pass":
		return next, e.assign(state, nil, nil)
	case "Choice":
		return e.choose(state)
	case "Task":
		return e.task(state, next)
	}

	return "", fmt.Errorf("this knows no state of type %v", state["Type"])
}

func (e *Execution) choose(state map[string]any) (string, error) {
	for _, body := range state["Choices"].([]any) {
		choice := body.(map[string]any)
		holds, err := e.evaluate(choice["Condition"], nil, nil)
		if err != nil {
			return "", err
		}
		if holds == true {
			return choice["Next"].(string), e.assign(choice, nil, nil)
		}
		if holds != false {
			return "", fmt.Errorf("condition %v yields %v", choice["Condition"], holds)
		}
	}

	return state["Default"].(string), e.assign(state, nil, nil)
}

func (e *Execution) task(state map[string]any, next string) (string, error) {
	arguments, err := e.evaluate(state["Arguments"], nil, nil)
	if err != nil {
		return "", err
	}
	_, resource, _ := strings.Cut(state["Resource"].(string), ":states:::")
	result, err := e.attempt(state, resource, arguments)
	if err == nil {
		return next, e.leave(state, result, nil)
	}

	var failure *Failure
	if !errors.As(err, &failure) {
		return "", err
	}
	catches, _ := state["Catch"].([]any)
	for _, body := range catches { // each of ours catches States.ALL
		catch := body.(map[string]any)
		output := map[string]any{"Error": failure.Name, "Cause": failure.Cause}
		return catch["Next"].(string), e.leave(catch, nil, output)
	}

	return "", err
}

// attempt calls the service, and retries three times if there is a Retry: Step Functions' default.
func (e *Execution) attempt(state map[string]any, resource string, arguments any) (any, error) {
	attempts := 1
	if state["Retry"] != nil {
		attempts += 3
	}

	var result any
	var err error
	for range attempts {
		result, err = e.Services(resource, arguments)
		if err == nil {
			return result, nil
		}
	}

	return nil, err
}

// leave ends a task: its result is the next state's input.
func (e *Execution) leave(place map[string]any, result, failure any) error {
	if err := e.assign(place, result, failure); err != nil {
		return err
	}
	e.input = result
	if failure != nil {
		e.input = failure
	}
	return nil
}

// assign sets variables; every expression sees the old values.
func (e *Execution) assign(place map[string]any, result, failure any) error {
	if place["Assign"] == nil {
		return nil
	}
	values, err := e.evaluate(place["Assign"], result, failure)
	if err != nil {
		return err
	}

	for name, value := range values.(map[string]any) {
		e.variables[name] = value
	}

	return nil
}

func (e *Execution) evaluate(v, result, failure any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		values := map[string]any{}
		for key, item := range v {
			value, err := e.evaluate(item, result, failure)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			values[key] = value
		}
		return values, nil

	case string:
		expression, ok := strings.CutPrefix(v, "{%")
		if !ok {
			return v, nil
		}
		states := map[string]any{"input": e.input}
		if result != nil {
			states["result"] = result
		}
		if failure != nil {
			states["errorOutput"] = failure
		}
		variables := map[string]any{"states": states}
		for name, value := range e.variables {
			variables[name] = value
		}
		return e.JSONata.Evaluate(strings.TrimSuffix(expression, "%}"), variables)
	}

	return v, nil
}
