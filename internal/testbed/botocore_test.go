package testbed

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"image-builder/internal/testbed/venv"

	"image-builder/internal/testbed/wire"
)

//go:embed testdata/botocore_client.py
var foreignClient string

// foreign is AWS's client for Python, which knows nothing of this project: a process that tests share.
type foreign struct {
	mu  sync.Mutex
	in  *json.Encoder
	out *bufio.Reader
}

// startForeign starts a client that ends with the test.
func startForeign(t *testing.T) *foreign {
	t.Helper()
	cmd := exec.Command(venv.Python(t), "-c", foreignClient)
	cmd.Env = []string{
		"AWS_REGION=" + wire.Region, "AWS_DEFAULT_REGION=" + wire.Region, "AWS_ACCESS_KEY_ID=" + wire.AccessKey, "AWS_SECRET_ACCESS_KEY=" + wire.SecretKey,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}

	var complaints strings.Builder
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}

	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("foreign client: %v\n%s", err, complaints.String())
		}
	})

	return &foreign{in: json.NewEncoder(in), out: bufio.NewReader(out)}
}

// call returns the answer as botocore gives it, and the text of its error.
func (f *foreign) call(c *Cloud, service, operation string, in wire.Values) (response wire.Values, failure string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if in == nil {
		in = wire.Values{}
	}

	request := map[string]any{"endpoint": c.Endpoint(service), "service": service, "operation": operation, "in": in}
	if err := f.in.Encode(request); err != nil {
		return nil, "", fmt.Errorf("ask foreign client: %w", err)
	}
	line, err := f.out.ReadBytes('\n')
	if err != nil {
		return nil, "", fmt.Errorf("read foreign client: %w", err)
	}

	var answer struct {
		Response wire.Values
		Error    string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, "", fmt.Errorf("read foreign client: %w", err)
	}

	return answer.Response, answer.Error, nil
}
