package component

import "context"

// Expand resolves text as a step's input without steps before it.
func Expand(ctx context.Context, text string, variables map[string]string, values Values) (string, error) {
	s := newScope(&Document{source: newSource(nil)}, nil, variables)
	s.values = values
	return s.text(ctx, text, &iteration{index: 1, value: "v"})
}
