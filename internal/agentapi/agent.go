package agentapi

import (
	"net/http"
	"slices"
	"time"
)

// pingInterval is how often an idle agent asks for work, in seconds: the least that it takes.
const pingInterval = 1

// nothing is the answer that has no members.
type nothing struct{}

func (s *Server) register(r *http.Request) (any, *refusal) {
	var agent struct {
		Name    string   `json:"name"`
		Version string   `json:"version"`
		Tags    []string `json:"meta_data"`
	}
	if refusal := read(r, &agent); refusal != nil {
		return nil, refusal
	}
	if agent.Version == "" {
		return nil, refused(http.StatusUnprocessableEntity, "the agent does not say its version")
	}
	if refusal := s.step(Event{Kind: Registered, Version: agent.Version, Tags: agent.Tags}); refusal != nil {
		return nil, refusal
	}

	if agent.Name == "" {
		agent.Name = "first-job"
	}

	return map[string]any{
		"id": s.job.Env["BUILDKITE_AGENT_ID"], "name": agent.Name, "access_token": s.access, "meta_data": agent.Tags,
		"ping_interval": pingInterval, "job_status_interval": pingInterval, "heartbeat_interval": 60,
	}, nil
}

func (s *Server) connect(*http.Request) (any, *refusal) {
	return nothing{}, s.step(Event{Kind: Connected}, Registered)
}

func (s *Server) heartbeat(r *http.Request) (any, *refusal) {
	var beat struct {
		SentAt string `json:"sent_at"`
	}
	if refusal := read(r, &beat); refusal != nil {
		return nil, refusal
	}
	return map[string]string{"sent_at": beat.SentAt, "received_at": time.Now().UTC().Format(time.RFC3339Nano)}, nil
}

// ping offers the job until it is accepted, and lets the agent go once it is finished.
func (s *Server) ping(*http.Request) (any, *refusal) {
	switch {
	case !slices.Contains(s.done, Connected):
		return nil, refused(http.StatusUnprocessableEntity, "the agent is not connected")
	case slices.Contains(s.done, Finished):
		return map[string]string{"action": "disconnect", "message": "its job is done"}, nil
	case slices.Contains(s.done, Accepted):
		return map[string]string{"action": "idle"}, nil
	}
	return map[string]any{"job": map[string]string{"id": s.job.ID, "state": "assigned"}}, nil
}

func (s *Server) disconnect(*http.Request) (any, *refusal) {
	return nothing{}, s.step(Event{Kind: Disconnected}, Registered)
}
