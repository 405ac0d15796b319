package testbed

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEBSByForeignClient lets boto3 write and read snapshots, and try what the service refuses.
func TestEBSByForeignClient(t *testing.T) {
	t.Parallel()
	c := Start(t)
	got := c.asked(t, "testdata/ebs.py")

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
