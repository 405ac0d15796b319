package action

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"image-builder/internal/component"
)

const (
	webAttempts = 5
	webBackoff  = time.Second // before the second attempt; each later pause is twice the one before
)

// webDownload downloads files over HTTP and HTTPS.
func webDownload(wait func(context.Context, time.Duration) error) component.Module {
	if wait == nil {
		wait = sleep
	}

	return module{
		component.Schema{
			Action: "WebDownload", Platforms: anywhere, List: true,
			Fields: []component.Field{
				needURL("source", webURL, "https://", "http://"), need("destination", nil), flag("overwrite", true),
				text("checksum", nil),
				{Name: "algorithm", OneOf: algorithms()},
				flag("ignoreCertificateErrors", false),
			},
			Check:   verifiable,
			Outputs: []string{"destination"},
		},
		func(ctx context.Context, call *component.Call) (component.Outputs, error) {
			var destinations []string
			for i, in := range call.Inputs {
				f := fetch{call: call, in: in, wait: wait}
				to, err := f.run(ctx)
				if err != nil {
					return nil, element(call, i, fmt.Errorf("download %s: %w", in.Text("source"), err))
				}
				destinations = append(destinations, to)
			}
			return component.Outputs{"destination": strings.Join(destinations, "\n")}, nil
		},
	}
}

// verifiable warns where a download looks verified but is not: a checksum is compared only together with its
// algorithm.
func verifiable(in component.Inputs) error {
	checksum := strings.TrimSpace(in.Text("checksum"))
	algorithm := in.Text("algorithm")

	switch {
	case in.Has("algorithm") && !in.Has("checksum"):
		return component.Fault{Field: "algorithm", Warning: true, Message: "there is an algorithm but no checksum: the download is not verified", Right: "add checksum, or remove algorithm"}
	case in.Has("checksum") && !in.Has("algorithm"):
		return component.Fault{Field: "checksum", Warning: true, Message: "there is a checksum but no algorithm: the download is not verified", Right: "add algorithm: " + algorithmOf(checksum)}
	case in.Has("checksum") && checksum == "":
		return component.Fault{Field: "checksum", Warning: true, Message: "the checksum is empty: the download is not verified", Right: "give it a value, or remove checksum and algorithm"}
	case !in.Has("checksum") || component.HasReference(checksum) || component.HasReference(algorithm):
		return nil
	}

	if digits := 2 * newHash(algorithm).Size(); len(checksum) != digits {
		return component.Fault{
			Field: "checksum", Warning: true, Message: fmt.Sprintf("a %s checksum has %d hex digits, this one has %d characters: no file matches it", strings.ToUpper(algorithm), digits, len(checksum)),
			Right: "copy the whole checksum, and name the algorithm that it was made with",
		}
	}

	return nil
}

// algorithmOf guesses a checksum's algorithm from its length; SHA256 if none has this length.
func algorithmOf(checksum string) string {
	for _, name := range algorithms() {
		if len(checksum) == 2*newHash(name).Size() {
			return name
		}
	}
	return "SHA256"
}

// fetch is one element of WebDownload's inputs.
type fetch struct {
	call *component.Call
	in   component.Inputs
	wait func(context.Context, time.Duration) error
}

func (f fetch) run(ctx context.Context) (to string, err error) {
	to, err = f.destination()
	if err != nil {
		return "", err
	}

	if exists(to) {
		if !f.in.Bool("overwrite") {
			return "", fmt.Errorf("%s exists and overwrite is false", to)
		}
		if f.verified() && verify(to, f.in.Text("algorithm"), f.in.Text("checksum")) == nil {
			f.call.Log("WebDownload: %s exists with this checksum", to)
			return to, nil
		}
	}

	client, done := f.client()
	defer done()
	for attempt := 1; ; attempt++ {
		err := f.attempt(ctx, client, to)
		if err == nil || attempt == webAttempts || !worthRetrying(ctx, err) {
			return to, err
		}
		pause := webBackoff << (attempt - 1)
		f.call.Log("WebDownload: attempt %d of %d: %v; trying again in %s", attempt, webAttempts, err, pause)
		if err := f.wait(ctx, pause); err != nil {
			return "", err
		}
	}
}

// destination is the file to write: a folder gets the file name of the URL.
func (f fetch) destination() (string, error) {
	to := f.in.Text("destination")
	if !isFolder(to) {
		return absolute(f.call, to), nil
	}
	source, err := url.Parse(f.in.Text("source"))
	if err != nil {
		return "", err
	}

	name := path.Base(source.Path)
	if name == "." || name == "/" {
		return "", errors.New("the URL has no file name: end destination in one")
	}

	return absolute(f.call, to+name), nil
}

// verified reports whether a checksum is verified: that takes both inputs.
func (f fetch) verified() bool {
	return strings.TrimSpace(f.in.Text("checksum")) != "" && f.in.Text("algorithm") != ""
}

func (f fetch) client() (client *http.Client, done func()) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if f.in.Bool("ignoreCertificateErrors") {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // the document asks for it
	}
	return &http.Client{Transport: transport}, transport.CloseIdleConnections
}

func (f fetch) attempt(ctx context.Context, client *http.Client, to string) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.in.Text("source"), nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return trust(err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()

	if response.StatusCode != http.StatusOK {
		return statusError(response.StatusCode)
	}
	return land(ctx, to, func(file io.Writer) error {
		if !f.verified() {
			return copying(response.Body)(file)
		}
		digest := newHash(f.in.Text("algorithm"))
		if err := copying(response.Body)(io.MultiWriter(file, digest)); err != nil {
			return err
		}
		return compare(digest, f.in.Text("checksum"))
	})
}

// statusError is a response other than 200.
type statusError int

func (s statusError) Error() string {
	return fmt.Sprintf("the server answers %d %s", int(s), http.StatusText(int(s)))
}

// worthRetrying reports whether another attempt may succeed.
func worthRetrying(ctx context.Context, err error) bool {
	var status statusError
	switch {
	case ctx.Err() != nil, errors.Is(err, errChecksum), errors.As(err, new(*tls.CertificateVerificationError)):
		return false
	case errors.As(err, &status):
		return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
	}
	return true
}

// trust says what to do about an untrusted certificate.
func trust(err error) error {
	if errors.As(err, new(*tls.CertificateVerificationError)) {
		return fmt.Errorf("%w: install ca-certificates, or set ignoreCertificateErrors and a checksum", err)
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
