package agentapi

import (
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The limits of a job's log, in bytes, as the API sends them.
const (
	maxChunk = 100 << 10
	maxLog   = 16 << 20
)

// accept hands the job over.
func (s *Server) accept(*http.Request) (any, *refusal) {
	if refusal := s.step(Event{Kind: Accepted}, Connected); refusal != nil {
		return nil, refusal
	}
	return map[string]any{
		"id": s.job.ID, "state": "accepted", "env": s.job.Env, "token": s.jobToken,
		"step":                  map[string]any{"command": s.job.Env["BUILDKITE_COMMAND"]},
		"chunks_max_size_bytes": maxChunk, "chunks_interval_seconds": 1, "log_max_size_bytes": maxLog,
	}, nil
}

func (s *Server) start(r *http.Request) (any, *refusal) {
	var begin struct {
		At string `json:"started_at"`
	}
	if refusal := read(r, &begin); refusal != nil {
		return nil, refusal
	}
	if refusal := timestamp("started_at", begin.At); refusal != nil {
		return nil, refusal
	}
	return nothing{}, s.step(Event{Kind: Started}, Accepted)
}

func timestamp(name, text string) *refusal {
	if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
		return refused(http.StatusUnprocessableEntity, "%s is %q, not a time", name, text)
	}
	return nil
}

// state answers an agent that asks whether its job was cancelled.
func (s *Server) state(*http.Request) (any, *refusal) {
	state := "assigned"
	for _, known := range []struct {
		kind  Kind
		state string
	}{{Accepted, "accepted"}, {Started, "running"}, {Finished, "finished"}} {
		if slices.Contains(s.done, known.kind) {
			state = known.state
		}
	}
	return map[string]string{"state": state}, nil
}

func (s *Server) finish(r *http.Request) (any, *refusal) {
	var end struct {
		Status string `json:"exit_status"`
		Signal string `json:"signal"`
		At     string `json:"finished_at"`
	}
	if refusal := read(r, &end); refusal != nil {
		return nil, refusal
	}
	if _, err := strconv.Atoi(end.Status); err != nil {
		return nil, refused(http.StatusUnprocessableEntity, "exit_status is %q, not a number", end.Status)
	}
	if refusal := timestamp("finished_at", end.At); refusal != nil {
		return nil, refusal
	}

	// A job that could not be started is finished, too.
	return nothing{}, s.step(Event{Kind: Finished, Status: end.Status, Signal: end.Signal}, Accepted)
}

// chunk takes a piece of the log: text, compressed, whose place and size the URL tells.
func (s *Server) chunk(r *http.Request) (any, *refusal) {
	if r.Header.Get("Content-Type") != "text/plain" || r.Header.Get("Content-Encoding") != "gzip" {
		return nil, refused(http.StatusUnsupportedMediaType, "a piece of the log is text/plain in gzip")
	}
	if !slices.Contains(s.done, Accepted) {
		return nil, refused(http.StatusUnprocessableEntity, "the job was not accepted")
	}

	var number [3]int
	for i, name := range []string{"sequence", "offset", "size"} {
		value, err := strconv.Atoi(r.URL.Query().Get(name))
		if err != nil || value < 0 {
			return nil, refused(http.StatusUnprocessableEntity, "%s is %q, not a number", name, r.URL.Query().Get(name))
		}
		number[i] = value
	}

	text, err := inflate(r.Body)
	if err != nil {
		return nil, refused(http.StatusBadRequest, "a piece of the log cannot be read: %v", err)
	}
	if len(text) != number[2] || number[1]+len(text) > maxLog || number[0] == 0 {
		return nil, refused(http.StatusUnprocessableEntity, "piece %d at %d has %d bytes, not %d", number[0], number[1], len(text), number[2])
	}
	s.log.add(number[1], text)

	return nothing{}, nil
}

func inflate(from io.Reader) ([]byte, error) {
	stream, err := gzip.NewReader(from)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(stream, maxLog))
}

// chunks are pieces of a log by their offset: several may be on the way at once.
type chunks map[int][]byte

func (c *chunks) add(offset int, text []byte) {
	if *c == nil {
		*c = chunks{}
	}
	(*c)[offset] = text
}

// text is what is there without gaps.
func (c *chunks) text() string {
	var all strings.Builder
	for _, offset := range slices.Sorted(maps.Keys(*c)) {
		if offset != all.Len() {
			break
		}
		all.Write((*c)[offset])
	}
	return all.String()
}

// item is one value that the job keeps for its build.
type item struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (s *Server) setData(r *http.Request) (any, *refusal) {
	var given item
	if refusal := read(r, &given); refusal != nil {
		return nil, refusal
	}
	if given.Key == "" || given.Value == "" {
		return nil, refused(http.StatusUnprocessableEntity, "a value has a key, and is not empty")
	}
	s.metadata[given.Key] = given.Value
	return nothing{}, nil
}

func (s *Server) getData(r *http.Request) (any, *refusal) {
	var wanted item
	if refusal := read(r, &wanted); refusal != nil {
		return nil, refusal
	}
	value, found := s.metadata[wanted.Key]
	if !found {
		return nil, refused(http.StatusNotFound, "there is no value %q", wanted.Key)
	}
	return item{wanted.Key, value}, nil
}

func (s *Server) hasData(r *http.Request) (any, *refusal) {
	var wanted item
	if refusal := read(r, &wanted); refusal != nil {
		return nil, refusal
	}
	_, found := s.metadata[wanted.Key]
	return map[string]bool{"exists": found}, nil
}
