package stacktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/venv"
)

// validate runs AWS's cloudformation-validate on files and returns the errors and warnings of each: rule, resource or
// parameter, and property.
func validate(t *testing.T, paths ...string) map[string][]finding {
	t.Helper()
	node, modules := venv.Node(t)
	// It is known not to end on some large templates.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()

	out, err := exec.CommandContext(ctx, node, slices.Concat([]string{"validate.js", modules}, paths)...).Output()
	if err != nil {
		t.Fatalf("cloudformation-validate: %v (%v)", err, ctx.Err())
	}
	found := map[string][]finding{}
	for line := range bytes.Lines(out) {
		var f struct {
			Template, RuleID, Severity, PropertyPath, Message string
			Entity                                            struct{ LogicalID string }
		}
		if err := json.Unmarshal(line, &f); err != nil {
			t.Fatalf("%v\n%s", err, line)
		}
		if f.Severity != "INFO" {
			text := strings.Join([]string{f.RuleID, f.Entity.LogicalID, f.PropertyPath}, " ")
			found[f.Template] = append(found[f.Template], finding{f.RuleID, f.Entity.LogicalID, text})
		}
	}

	return found
}

// reviewed are findings that are none: a blank default where the condition says that it is not blank, and names of places
// where secrets are, taken for secrets.
var reviewed = []string{
	"F3031 InstanceRole Properties.ManagedPolicyArns.{}",
	"W1030 Infrastructure Properties.SubnetId",
	"W1030 Recipe Properties.BlockDeviceMappings.0.Ebs.KmsKeyId",
	"W1030 RootDeviceName Parameters/RootDeviceName/AllowedValues/0",
	"W1030 RootVolumeSize Parameters/RootVolumeSize/Default",
	"W1030 StackKeyArn Parameters/StackKeyArn/Default",
	"W1030 StackKeyArn Parameters/StackKeyArn/Default",
	"W1030 StackKeyArn Parameters/StackKeyArn/Default",
	"W1035 Distribution Properties.Distributions.1.Region",
	"W1035 Distribution Properties.Distributions.2.Region",
	"W1035 Distribution Properties.Distributions.3.Region",
	"W1035 Distribution Properties.Distributions.4.Region",
	"W2509 SecretsBucket Parameters/SecretsBucket",
	"W2509 SecretsKeyArn Parameters/SecretsKeyArn",
	"W2509 SecretsPrefix Parameters/SecretsPrefix",
}

func TestCloudFormationValidateFindsOnlyWhatWasReviewed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "aws-stack.yml")
	if err := os.WriteFile(path, rendered(t), 0o644); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range validate(t, path)[path] {
		found = append(found, f.text)
	}
	slices.Sort(found)
	if diff := cmp.Diff(reviewed, found); diff != "" {
		t.Errorf("findings (-reviewed +found):\n%s", diff)
	}
}

func TestCloudFormationValidateNoticesWrongTemplates(t *testing.T) {
	t.Parallel()
	files := fused(t, func(_, aws string) string { return aws })
	found := validate(t, pathsOf(files)...)
	for path := range found {
		found[path] = slices.DeleteFunc(found[path], func(f finding) bool { return slices.Contains(reviewed, f.text) })
	}
	for _, missed := range unnoticed(files, found) {
		t.Errorf("%s; cloudformation-validate finds %v", missed, found)
	}
}
