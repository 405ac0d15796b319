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
			Fields: []component.Field{{Name: "condition", Kind: component.Predicate, Required: true}},
		},
		func(ctx context.Context, call *component.Call) (component.Outputs, error) {
			condition, _ := call.Inputs[0]["condition"].(*component.Condition)
			if condition == nil {
				return nil, errors.New("check condition: no condition given")
			}
			holds, err := condition.Holds(ctx, call)
			if err == nil && !holds {
				err = errors.New("check condition: the condition is false")
			}
			return nil, err
		},
	}
}
