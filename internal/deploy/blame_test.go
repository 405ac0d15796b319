package deploy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/stack"
)

func TestBlame(t *testing.T) {
	t.Parallel()
	changes := []stack.Change{{Details: []stack.Detail{
		{Path: "a", Before: "jq", After: "jq curl"}, {Path: "b", Before: "jq", After: "jq curl", Cause: "Other"}, {Path: "c", Before: "jq"}, {Path: "d"},
	}}}
	blame(changes, []Setting{{Name: "New"}, {Name: "Packages", Before: "jq", After: "jq curl"}})

	var causes []string
	for _, d := range changes[0].Details {
		causes = append(causes, d.Cause)
	}

	if diff := cmp.Diff([]string{"Packages", "Other", "", ""}, causes); diff != "" {
		t.Error(diff)
	}
}
