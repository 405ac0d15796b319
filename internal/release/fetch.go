package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"image-builder/internal/fault"
)

const (
	// published is where Buildkite keeps the files of its releases, each in a folder named after the release.
	published = "https://s3.amazonaws.com/buildkite-aws-stack/"
	// largest is the largest mappings.yml, in bytes; it has some 5,000.
	largest = 1 << 20
	// downloadLimit bounds the download.
	downloadLimit = 30 * time.Second
)

var (
	releaseName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	bareVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+`)
)

// Location returns the URL of a release's mappings.yml: of latest, v6.71.1, or a branch.
func Location(release string) (string, error) {
	if !releaseName.MatchString(release) {
		return "", unusable(fmt.Sprintf("%q is not a release", release), "write --release latest, or one like v6.71.1")
	}
	if bareVersion.MatchString(release) {
		release = "v" + release
	}
	return published + release + "/mappings.yml", nil
}

// TemplateLocation returns the URL of a release's template: of latest, v6.71.1, or a branch.
func TemplateLocation(release string) (string, error) {
	mappings, err := Location(release)
	return strings.TrimSuffix(mappings, "mappings.yml") + "aws-stack.yml", err
}

// Template reads the template of an Elastic CI Stack from an http(s) URL or a file.
func Template(ctx context.Context, location string) ([]byte, error) {
	text, err := fetch(ctx, location)
	if err != nil && fault.ClassOf(err) != fault.NotUsable {
		err = fmt.Errorf("read %s: %w", location, err)
	}
	return text, err
}

// Fetch reads mappings.yml from an http(s) URL or a file.
func Fetch(ctx context.Context, location string) (Mappings, error) {
	text, err := fetch(ctx, location)
	switch {
	case err == nil:
	case fault.ClassOf(err) == fault.NotUsable:
		return nil, err
	default:
		return nil, fault.New(fault.AWSRefused, fmt.Errorf("read %s: %w", location, err),
			"check the connection; or fetch the file otherwise, and name it with --mappings FILE")
	}

	mappings, err := Parse(text)
	if err != nil {
		return nil, unusable(fmt.Sprintf("%s: %v", location, err), "name a release with --release, or its file with --mappings")
	}

	return mappings, nil
}

func fetch(ctx context.Context, location string) ([]byte, error) {
	if !strings.HasPrefix(location, "https://") && !strings.HasPrefix(location, "http://") {
		text, err := open(location)
		if err != nil {
			return nil, unusable(err.Error(), "name a file or a URL with --mappings")
		}
		return text, nil
	}

	ctx, cancel := context.WithTimeoutCause(ctx, downloadLimit, fmt.Errorf("no answer within %s", downloadLimit))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return nil, err
	}

	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, cause(ctx, err)
	}
	defer answer.Body.Close()

	switch {
	case answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusForbidden: // S3's answer for a missing file
		return nil, unusable("there is no "+location, "write --release latest, or one of https://github.com/buildkite/elastic-ci-stack-for-aws/releases")
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answers %s", answer.Status)
	}

	text, err := bounded(answer.Body)
	return text, cause(ctx, err)
}

func open(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return bounded(file)
}

func bounded(body io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(body, largest+1))
	if err == nil && len(text) > largest {
		return nil, unusable(fmt.Sprintf("the mappings have more than %d bytes: no mappings.yml does", largest), "name a release with --release, or its file with --mappings")
	}
	return text, err
}

// cause separates the download's own limit from the caller's, and leaves out the URL, which the error already names.
func cause(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.Cause(ctx)
	}
	if around := (*url.Error)(nil); errors.As(err, &around) {
		return around.Err
	}
	return err
}
