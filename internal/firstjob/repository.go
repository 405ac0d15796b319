//go:build linux

package firstjob

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// repository serves a mirror by git's smart HTTP protocol, for reading, and counts what crosses. It stands for the git
// host that the mirror was made from. https://git-scm.com/docs/http-protocol
type repository struct {
	mirror  mirror
	crossed atomic.Int64 // bytes sent
}

func (r *repository) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	const service = "git-upload-pack"
	switch {
	case request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/info/refs") && request.URL.Query().Get("service") == service:
		w.Header().Set("Content-Type", "application/x-"+service+"-advertisement")
		w.Header().Set("Cache-Control", "no-cache")
		head := "# service=" + service + "\n"
		fmt.Fprintf(w, "%04x%s0000", len(head)+4, head)
		r.upload(w, request, nil, "--advertise-refs")

	case request.Method == http.MethodPost && strings.HasSuffix(request.URL.Path, "/"+service):
		body := io.Reader(request.Body)
		if request.Header.Get("Content-Encoding") == "gzip" {
			inflated, err := gzip.NewReader(body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			body = inflated
		}
		w.Header().Set("Content-Type", "application/x-"+service+"-result")
		r.upload(w, request, body)

	default:
		http.NotFound(w, request)
	}
}

// upload runs git's own server for one request.
func (r *repository) upload(w io.Writer, request *http.Request, body io.Reader, args ...string) {
	command := r.mirror.command(request.Context(), append(append([]string{"upload-pack", "--stateless-rpc"}, args...), r.mirror.dir)...)
	// A client may ask for a commit that is not the end of a branch, as git hosts allow.
	command.Env = append(command.Env, "GIT_PROTOCOL="+request.Header.Get("Git-Protocol"),
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_0=true")
	command.Stdin = body
	command.Stdout = &counter{w, &r.crossed}
	_ = command.Run() // the client says what it misses
}

// counter counts what is written.
type counter struct {
	to io.Writer
	n  *atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n.Add(int64(n))
	return n, err
}
