package wire

import (
	"io"
	"net/http"
	"sync"
)

// Disturbance is what the network does to a call.
type Disturbance int

// The disturbances.
const (
	Calm       Disturbance = iota
	Silence                // nothing is carried out or answered, until the client goes away
	CutRequest             // the connection is reset during the request's body; nothing is carried out
	CutAnswer              // the call is carried out, and the connection is reset in the middle of the answer's body
)

// Disturb lets a function decide what the network does to each call of a service, by the model's name.
func (c *Server) Disturb(service string, weather func(*http.Request) Disturbance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.weather == nil {
		c.weather = map[string]func(*http.Request) Disturbance{}
	}
	c.weather[service] = weather
}

// Disturbed is the handler of a service whose calls Disturb decides about.
func (c *Server) Disturbed(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		weather := c.weather[name]
		c.mu.Unlock()
		if weather == nil {
			next.ServeHTTP(w, r)
			return
		}

		switch weather(r) {
		case Silence:
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has gone
			<-r.Context().Done()
		case CutRequest:
			_, _ = io.CopyN(io.Discard, r.Body, max(0, r.ContentLength/2))
			Reset(w)
		case CutAnswer:
			next.ServeHTTP(&cutting{ResponseWriter: w}, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// cutting is an answer that ends in the middle of its body.
type cutting struct {
	http.ResponseWriter
	once sync.Once
}

func (c *cutting) Write(body []byte) (int, error) {
	c.once.Do(func() {
		_, _ = c.ResponseWriter.Write(body[:len(body)/2])
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		Reset(c.ResponseWriter)
	})
	return len(body), nil
}

// Unwrap is for http.ResponseController.
func (c *cutting) Unwrap() http.ResponseWriter { return c.ResponseWriter }
