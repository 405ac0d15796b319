// Package agentapi answers a buildkite-agent as Buildkite's agent API does, for one agent and one job.
//
// It takes requests in the order in which an agent makes them and refuses others, with the status and the JSON message
// that the agent's client expects. It knows nothing of what the job does, never starts an agent, and keeps everything in
// memory. https://buildkite.com/docs/apis/agent-api
package agentapi

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Kind is what an agent did.
type Kind string

// What an agent does, in this order.
const (
	Registered   Kind = "registered"
	Connected    Kind = "connected"
	Accepted     Kind = "accepted"
	Started      Kind = "started"
	Finished     Kind = "finished"
	Disconnected Kind = "disconnected"
)

// Event is one thing that the agent did.
type Event struct {
	Kind Kind
	// Version and Tags are those that the agent registered with.
	Version string
	Tags    []string
	// Status is the job's exit status, and Signal what ended it, when it is Finished.
	Status, Signal string
}

// Job is what the agent is given to do.
type Job struct {
	ID  string
	Env map[string]string // BUILDKITE_COMMAND, BUILDKITE_REPO and so on
}

// Server is the API. It is an http.Handler.
type Server struct {
	job     Job
	token   string // for registration
	observe func(Event)
	routes  *http.ServeMux

	access, jobToken string // of the agent and of its job

	lock     sync.Mutex
	done     []Kind // what the agent did
	log      chunks
	metadata map[string]string
}

// New returns the API for an agent that registers with a token. observe is called for everything that the agent does,
// one call at a time.
func New(token string, job Job, observe func(Event)) *Server {
	s := &Server{
		job: job, token: token, observe: observe, routes: http.NewServeMux(),
		access: rand.Text(), jobToken: rand.Text(), metadata: map[string]string{},
	}
	s.route("POST /register", s.register, token)
	s.route("POST /connect", s.connect, s.access)
	s.route("POST /heartbeat", s.heartbeat, s.access)
	s.route("GET /ping", s.ping, s.access)
	s.route("POST /disconnect", s.disconnect, s.access)

	s.route("PUT /jobs/{id}/accept", s.accept, s.access)
	// From here on the agent comes with its job's token.
	s.route("PUT /jobs/{id}/start", s.start, s.access, s.jobToken)
	s.route("GET /jobs/{id}", s.state, s.access, s.jobToken)
	s.route("POST /jobs/{id}/chunks", s.chunk, s.access, s.jobToken)
	s.route("PUT /jobs/{id}/finish", s.finish, s.access, s.jobToken)

	s.route("POST /jobs/{id}/data/set", s.setData, s.access, s.jobToken)
	s.route("POST /jobs/{id}/data/get", s.getData, s.access, s.jobToken)
	s.route("POST /jobs/{id}/data/exists", s.hasData, s.access, s.jobToken)

	s.routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, refused(http.StatusNotFound, "there is no %s %s here", r.Method, r.URL.Path))
	})

	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

// Log returns what the job printed so far, without gaps.
func (s *Server) Log() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.log.text()
}

// Metadata returns a value that the job kept for its build; "" if there is none.
func (s *Server) Metadata(key string) string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.metadata[key]
}

// refusal is an answer other than success.
type refusal struct {
	status int
	text   string
}

func refused(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// refuse sends the JSON object that the agent's client shows.
func refuse(w http.ResponseWriter, r *refusal) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": r.text}) // the agent may be gone
}

// handler answers with a value, which becomes JSON, or refuses. It is called with the lock held.
type handler func(r *http.Request) (any, *refusal)

// route adds a handler for requests that carry one of the tokens.
func (s *Server) route(pattern string, handle handler, tokens ...string) {
	s.routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		given, found := strings.CutPrefix(r.Header.Get("Authorization"), "Token ")
		right := slices.ContainsFunc(tokens, func(token string) bool {
			return subtle.ConstantTimeCompare([]byte(token), []byte(given)) == 1
		})
		if !found || !right {
			refuse(w, refused(http.StatusUnauthorized, "this token may not %s %s", r.Method, r.URL.Path))
			return
		}
		if id := r.PathValue("id"); id != "" && id != s.job.ID {
			refuse(w, refused(http.StatusNotFound, "there is no job %s", id))
			return
		}

		s.lock.Lock()
		answer, refusal := handle(r)
		s.lock.Unlock()

		if refusal != nil {
			refuse(w, refusal)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // the agent may be gone
	})
}

// step records what the agent did, if it is the time for it.
func (s *Server) step(e Event, after ...Kind) *refusal {
	if slices.Contains(s.done, e.Kind) {
		return refused(http.StatusUnprocessableEntity, "it is %s already", e.Kind)
	}
	for _, kind := range after {
		if !slices.Contains(s.done, kind) {
			return refused(http.StatusUnprocessableEntity, "it cannot be %s before it is %s", e.Kind, kind)
		}
	}

	s.done = append(s.done, e.Kind)
	s.observe(e)
	return nil
}

// read decodes a JSON request.
func read(r *http.Request, into any) *refusal {
	if r.Header.Get("Content-Type") != "application/json" {
		return refused(http.StatusUnsupportedMediaType, "the request is %q, not application/json", r.Header.Get("Content-Type"))
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxRequest)).Decode(into); err != nil {
		return refused(http.StatusBadRequest, "the request is not JSON of this kind: %v", err)
	}
	return nil
}

// maxRequest bounds a request's body, in bytes.
const maxRequest = 1 << 20
