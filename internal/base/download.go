package base

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"image-builder/internal/disk"
)

const (
	// maxDownload bounds a download, in bytes.
	maxDownload = 256 << 30
	// downloadTimeout bounds a download: enough for 256 GiB at 10 MB/s, and an end for a server that trickles.
	downloadTimeout = 8 * time.Hour
	// answerTimeout bounds the wait for the first byte of an answer.
	answerTimeout = time.Minute
)

func isURL(location string) bool { return strings.Contains(location, "://") }

// parseURL splits https://host/path#sha256=HEX.
func parseURL(location string) (*url.URL, string, error) {
	const right = "write https://host/disk.qcow2#sha256= and the file's 64 digits"
	parsed, err := url.Parse(location)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" {
		return nil, "", fmt.Errorf("read URL: a base is fetched by https only: %s", right)
	}
	sum, ok := strings.CutPrefix(strings.ToLower(parsed.Fragment), "sha256=")
	if digits, err := hex.DecodeString(sum); !ok || err != nil || len(digits) != sha256.Size {
		return nil, "", fmt.Errorf("read URL: its SHA-256 is missing: %s", right)
	}

	parsed.Fragment = ""
	return parsed, sum, nil
}

// download fetches a URL into the file at path and checks its SHA-256 before anything reads it. It returns the URL
// without its secret parts.
func (m Maker) download(ctx context.Context, location, path string) (string, error) {
	defer m.Progress.Stage("download")()
	from, sum, err := parseURL(location)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, downloadTimeout, errors.New("it took more than 8 hours"))
	defer cancel()

	response, err := m.get(ctx, from)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()

	got, err := m.save(ctx, response, path)
	origin := publicURL(from)
	if err != nil {
		return "", fmt.Errorf("download %s: %w", origin, err)
	}
	if got != sum {
		return "", &disk.Unusable{Path: origin, Reason: fmt.Sprintf("its SHA-256 is %s, not %s: fetch the right file, or correct the digest if the publisher changed it", got, sum)}
	}

	return origin, nil
}

// get starts the download. It follows redirects to https only.
func (m Maker) get(ctx context.Context, from *url.URL) (*http.Response, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTimeout
	if m.transport != nil {
		transport.TLSClientConfig = m.transport.TLSClientConfig.Clone()
	}

	client := &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Scheme != "https" || len(via) > 10 {
			return errors.New("it redirects to something else than https, or without end")
		}
		return nil
	}}

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", publicURL(from), err)
	}
	response, err := client.Do(request)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err // the wrapping error would show the URL with its query
		}
		return nil, fmt.Errorf("download %s: %w", publicURL(from), err)
	}

	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(&disk.Unusable{Path: publicURL(from), Reason: "the server answers " + response.Status}, response.Body.Close())
	}
	return response, nil
}

// save writes the answer to path and returns its SHA-256.
func (m Maker) save(ctx context.Context, response *http.Response, path string) (sum string, err error) {
	out, err := newSparse(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, out.Close()) }()

	hash := sha256.New()
	in := &reader{ctx: ctx, r: io.LimitReader(response.Body, maxDownload+1), moved: m.bytes("download", max(response.ContentLength, 0))}
	n, err := io.CopyBuffer(io.MultiWriter(hash, out), in, make([]byte, 1<<20))
	if err != nil {
		return "", err
	}
	if n > maxDownload {
		return "", errors.New("it is larger than 256 GiB")
	}

	return hex.EncodeToString(hash.Sum(nil)), nil
}

// publicURL drops user, password and query: signed URLs carry credentials there.
func publicURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
