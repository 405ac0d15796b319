//go:build linux

package firstjob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// step is what the command of the job finds.
type step struct {
	Commit     string   `json:"commit"`     // that is checked out
	Alternates string   `json:"alternates"` // where else the checkout has objects from
	Images     []string `json:"images"`     // in which a command ran
	// Missing is an image that is not there, Said what Docker says of it, and DataRoot where its daemon has its data.
	Missing  string `json:"missing"`
	Said     string `json:"said"`
	DataRoot string `json:"dataRoot"`
}

// Step is the command of the job: it runs as the agent's user in the checkout, reports to a URL what it finds there, and
// runs a command in each Docker image.
func Step(ctx context.Context, url, program string, images []string, out io.Writer) error {
	found := step{Commit: line(ctx, "git", "rev-parse", "HEAD")}
	alternates, _ := os.ReadFile(filepath.Join(".git", "objects", "info", "alternates")) // a whole clone has none
	found.Alternates = strings.TrimSpace(string(alternates))
	fmt.Fprintf(out, "commit %s, objects from %s\n", found.Commit, found.Alternates)
	if err := report(ctx, url, found); err != nil {
		return err
	}

	for _, image := range images {
		said, err := exec.CommandContext(ctx, "docker", "image", "inspect", "--format={{.Id}}", image).CombinedOutput()
		if err != nil {
			found.Missing = image
			found.Said = strings.TrimSpace(string(said))
			found.DataRoot = line(ctx, "docker", "info", "--format={{.DockerRootDir}}")
			return errors.Join(report(ctx, url, found), fmt.Errorf("find Docker image %s: %w: %s", image, err, found.Said))
		}

		run := exec.CommandContext(ctx, "docker", "run", "--rm", "--pull=never", "--network=none",
			"--volume="+program+":/image-builder:ro", "--entrypoint=/image-builder", image, "--version")
		run.Stdout = out
		run.Stderr = out
		if err := run.Run(); err != nil {
			return fmt.Errorf("run a command in Docker image %s: %w", image, err)
		}
		found.Images = append(found.Images, image)
	}

	return report(ctx, url, found)
}

// line is what a command prints; "" if it fails.
func line(ctx context.Context, args ...string) string {
	out, _ := exec.CommandContext(ctx, args[0], args[1:]...).Output()
	return strings.TrimSpace(string(out))
}

// report sends a value, as JSON.
func report(ctx context.Context, url string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}

	answer, err := (&http.Client{Transport: &http.Transport{}}).Do(request) // no proxy: it is this machine
	if err != nil {
		return fmt.Errorf("report to the first job: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("report to the first job: %s", answer.Status)
	}

	return errors.Join(err, answer.Body.Close())
}
