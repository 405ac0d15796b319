package action

import (
	"context"
	"errors"

	"image-builder/internal/component"
)

// assert succeeds when its condition holds: the whole inputs map is one condition.
func assert() component.Module {
	return module{
		component.Schema{
			Action: "Assert", Platforms: anywhere,
			Fields: []component.Field{{Name: predicate, Kind: component.Predicate, Required: true}},
		},
		func(ctx context.Context, call *component.Call) (component.Outputs, error) {
			condition, ok := call.Inputs[0][predicate].(interface {
				Holds(ctx context.Context, call *component.Call) (bool, error)
			})
			if !ok {
				return nil, errors.New("assert: there is no condition")
			}
			holds, err := condition.Holds(ctx, call)
			if err == nil && !holds {
				err = errors.New("assert: the condition does not hold")
			}
			return nil, err
		},
	}
}

// predicate is the name under which Inputs hold a condition.
const predicate = "condition"
