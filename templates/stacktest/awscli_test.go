package stacktest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"image-builder/internal/testbed/venv"
)

// awsCLI makes a directory with the program aws, which asks an SQS of its own choosing unless it is told in an argument. It is
// the AWS CLI, whose code is loaded once for all calls of a test: see aws_server.py.
func awsCLI(t *testing.T) string {
	t.Helper()
	dir, err := shortDirectory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })

	python := venv.Python(t)
	socket := filepath.Join(dir, "socket")
	_, out := converse(t, exec.CommandContext(t.Context(), python, "aws_server.py", socket))
	if line, err := out.ReadString('\n'); err != nil {
		t.Fatalf("the AWS CLI does not start: %v %q", err, line)
	}

	call, err := filepath.Abs("aws_call.py")
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/bash\n[ \"$1\" != sqs ] || set -- \"$@\" --endpoint-url \"$AWS_ENDPOINT_URL_SQS\"\nexec %s -I -S %s %s \"$@\"\n", python, call, socket)
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}

	return dir
}

// shortDirectory makes a directory for a socket, whose path may have 107 bytes: a test's own can be longer.
func shortDirectory() (string, error) { return os.MkdirTemp("", "aws-") }
