package preflight

import (
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestConditionsOfWhatIsNotKnown leaves one parameter's value unknown.
func TestConditionsOfWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	known := func(name string) (string, bool) { return "x", name == "Known" }

	for text, want := range map[string]truth{
		"!Equals [!Ref Known, x]":                                               holds,
		"!Equals [!Ref Known, y]":                                               fails,
		"!Equals [!Ref Later, x]":                                               unknown,
		"!Not [!Equals [!Ref Known, x]]":                                        fails,
		"!Not [!Equals [!Ref Later, x]]":                                        unknown,
		"!And [!Equals [!Ref Known, x], !Equals [!Ref Known, x]]":               holds,
		"!And [!Equals [!Ref Known, x], !Equals [!Ref Later, x]]":               unknown,
		"!And [!Equals [!Ref Later, x], !Equals [!Ref Known, y]]":               fails,
		"!Or [!Equals [!Ref Known, y], !Equals [!Ref Known, y]]":                fails,
		"!Or [!Equals [!Ref Later, x], !Equals [!Ref Known, y]]":                unknown,
		"!Or [!Equals [!Ref Later, x], !Equals [!Ref Known, x]]":                holds,
		"!Contains [[x], !Ref Known]":                                           unknown,
		"!Not [!And [!Equals [!Ref Known, x], !Not [!Equals [!Ref Known, y]]]]": fails,
		"!Equals [!Ref Known, [x]]":                                             unknown,
	} {
		var root yaml.Node
		if err := yaml.Load([]byte(text), &root); err != nil {
			t.Fatal(err)
		}
		if got := evaluate(root.Content[0], known); got != want {
			t.Errorf("%s is %d, want %d", text, got, want)
		}
	}
}
