package aws

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// TestAnswersSurviveALateWriteLoop forces the order of events that PlainBodies guards against: the connection's write
// loop resumes after the SDK has closed the request's body, when the answer is half read.
func TestAnswersSurviveALateWriteLoop(t *testing.T) {
	t.Parallel()
	late := &lateWriter{bodyClosed: make(chan struct{}), wrote: make(chan struct{}), connClosed: make(chan struct{})}
	value := strings.Repeat("sesame", 10_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, `{"Parameter":{"Name":"/a","Value":"%s`, value)
		_ = http.NewResponseController(w).Flush()
		late.settled(r.Context())
		fmt.Fprint(w, `"}}`)
	}))

	t.Cleanup(server.Close)
	session := &Session{}
	cfg, err := session.load(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	client := ssm.NewFromConfig(cfg, func(o *ssm.Options) {
		o.BaseEndpoint = &server.URL
		o.HTTPClient = late
		o.RetryMaxAttempts = 1
	})

	name := "/a"
	out, err := client.GetParameter(late.traced(t.Context()), &ssm.GetParameterInput{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	if *out.Parameter.Value != value {
		t.Errorf("got %d bytes, want %d", len(*out.Parameter.Value), len(value))
	}
}

// lateWriter is an HTTP client whose only connection returns from writing the request's body after the SDK has closed
// that body.
type lateWriter struct {
	bodyClosed chan struct{}
	wrote      chan struct{}
	connClosed chan struct{}
	failed     error // of the write, once wrote is closed
}

func (l *lateWriter) Do(r *http.Request) (*http.Response, error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &lateConn{Conn: conn, writer: l}, err
	}}
	response, err := transport.RoundTrip(r)
	if err == nil {
		// The SDK closes the request's body when this function returns, and reads the answer after that.
		response.Body = &firstRead{ReadCloser: response.Body, seen: l.bodyClosed}
	}
	return response, err
}

func (l *lateWriter) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(info httptrace.WroteRequestInfo) {
		l.failed = info.Err
		close(l.wrote)
	}})
}

// settled returns when the write loop is done with the request, either normally or by closing the connection.
func (l *lateWriter) settled(ctx context.Context) {
	select {
	case <-l.wrote:
	case <-ctx.Done():
		return
	}
	if l.failed != nil {
		<-l.connClosed
	}
}

type lateConn struct {
	net.Conn
	writer *lateWriter
	once   sync.Once
}

func (c *lateConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if strings.HasSuffix(string(p), "}") { // the end of the JSON body
		<-c.writer.bodyClosed
	}
	return n, err
}

func (c *lateConn) Close() error {
	c.once.Do(func() { close(c.writer.connClosed) })
	return c.Conn.Close()
}

// firstRead closes seen at its first read.
type firstRead struct {
	io.ReadCloser
	seen chan struct{}
	once sync.Once
}

func (f *firstRead) Read(p []byte) (int, error) {
	f.once.Do(func() { close(f.seen) })
	return f.ReadCloser.Read(p)
}
