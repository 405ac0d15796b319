package testbed

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/venv"
)

// TestEBSByForeignClient lets boto3 write and read snapshots, and try what the service refuses.
func TestEBSByForeignClient(t *testing.T) {
	t.Parallel()
	c := Start(t)
	asking := exec.CommandContext(t.Context(), venv.Python(t), "testdata/ebs.py")
	asking.Env = []string{"PATH=" + os.Getenv("PATH")}
	for _, variable := range c.Env() {
		if !strings.HasSuffix(variable, "=") { // to botocore, a blank AWS_PROFILE is a profile without a name
			asking.Env = append(asking.Env, variable)
		}
	}

	asking.Stderr = os.Stderr
	text, err := asking.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}

	invalid := func(reason string) []any { return []any{"ValidationException", reason} }
	want := map[string]any{
		"again": true, "state": []any{"completed", 1.0, "v"}, "contents": map[string]any{"3": "1", "7": "\x00"}, "changed": []any{7.0},
		"errors": map[string]any{
			"token": []any{"ConflictException", ""}, "pending parent": invalid("INVALID_SNAPSHOT_ID"), "checksum": invalid("INVALID_PARAMETER_VALUE"),
			"short": invalid("INVALID_BLOCK"), "beyond": invalid("INVALID_BLOCK"), "unknown": []any{"ResourceNotFoundException", "SNAPSHOT_NOT_FOUND"},
			"unreadable": invalid("INVALID_SNAPSHOT_ID"), "count": invalid("INVALID_PARAMETER_VALUE"), "sum": invalid("INVALID_PARAMETER_VALUE"),
			"put after": invalid("INVALID_SNAPSHOT_ID"), "encrypted and parent": invalid("INVALID_PARAMETER_VALUE"),
			"smaller": invalid("INVALID_VOLUME_SIZE"), "unrelated owner": []any{"ResourceNotFoundException", "SNAPSHOT_NOT_FOUND"},
			"unrelated": invalid("UNRELATED_SNAPSHOTS"), "block token": invalid("INVALID_BLOCK_TOKEN"),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	c.wantAllCalled(t, "ebs")
}
