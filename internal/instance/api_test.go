package instance

import (
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/testbed/venv"
)

// AWS's own command line gets the parameter and reports an instance's health, as a boot script does.
func TestAPIByAWSCLI(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(API{Parameters: map[string]string{"/a/token": "secret"}})
	defer server.Close()
	aws := func(args ...string) (string, error) {
		command := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(venv.Python(t)), "aws"), args...)
		command.Env = []string{"AWS_ENDPOINT_URL=" + server.URL, "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "PATH=/usr/bin:/bin"}
		out, err := command.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}

	for _, test := range []struct {
		args, want string
		fails      bool
	}{
		{"ssm get-parameter --name /a/token --with-decryption --query Parameter.Value --output text", "secret", false},
		{"ssm get-parameter --name /a/other", "(ParameterNotFound)", true},
		{"autoscaling set-instance-health --instance-id i-0123456789abcdef0 --health-status Unhealthy", "", false},
	} {
		said, err := aws(strings.Fields(test.args)...)
		if (err != nil) != test.fails || !strings.Contains(said, test.want) {
			t.Errorf("aws %s: %v, %s", test.args, err, said)
		}
	}
}
