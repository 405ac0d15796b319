//go:build linux

package firstjob

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"image-builder/internal/agentapi"
	"image-builder/internal/instance"
)

// surroundings are what an agent finds around it, on the machine's own loopback.
type surroundings struct {
	definition Definition
	mirror     mirror
	token      string // of the agent's registration
	secret     string // part of the URL where the job's command reports
	program    string // path of this program for every user
	api        *agentapi.Server
	repository *repository
	servers    []*http.Server
	address    string // 127.0.0.1:PORT

	over   chan struct{} // closed when the job is finished
	lock   sync.Mutex
	events []agentapi.Event
	steps  []step // what the job's command reported
	// signals are what the boot script told its stack.
	signals []signal
}

const jobID = "01900000-0000-4000-8000-000000000001"

// surround serves all that is around an agent.
func surround(ctx context.Context, d Definition, m mirror) (*surroundings, error) {
	s := &surroundings{
		definition: d, mirror: m, token: rand.Text(), secret: rand.Text(),
		repository: &repository{mirror: m}, over: make(chan struct{}),
	}
	if err := addAddress(netip.MustParseAddr(instance.MetadataAddress).As4()); err != nil {
		return nil, err
	}

	listen := net.ListenConfig{}
	metadata, err := listen.Listen(ctx, "tcp", instance.MetadataAddress+":80")
	if err != nil {
		return nil, errors.Join(err, removeAddress())
	}
	s.serve(metadata, instance.NewMetadata(d.Arch, time.Now))

	local, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		s.close()
		return nil, err
	}
	s.address = local.Addr().String()
	routes := http.NewServeMux()
	routes.Handle("/repository.git/", s.repository)
	routes.Handle("/aws/", instance.API{Parameters: map[string]string{tokenParameter: s.token}})
	routes.HandleFunc("POST /step/"+s.secret, s.step)
	routes.HandleFunc("POST /signal/"+s.secret, s.signal)
	routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.api.ServeHTTP(w, r) })
	s.serve(local, routes)

	return s, nil
}

func (s *surroundings) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	s.servers = append(s.servers, server)
	go func() { _ = server.Serve(listener) }() // until close
}

func (s *surroundings) close() {
	for _, server := range s.servers {
		_ = server.Close() // who still asks has no answer to wait for
	}
	_ = removeAddress() // it goes with the machine, too
}

func (s *surroundings) url(path string) string { return "http://" + s.address + path }

// job makes the job whose command is this program.
func (s *surroundings) job(program string, images []string) {
	s.program = program
	command := []string{program, "guest", "step", "--report", s.url("/step/" + s.secret)}
	for _, image := range images {
		command = append(command, "--image", "'"+strings.ReplaceAll(image, "'", `'\''`)+"'")
	}

	env := map[string]string{
		"BUILDKITE": "true", "CI": "true", "BUILDKITE_COMMAND": strings.Join(command, " "), "BUILDKITE_JOB_ID": jobID,
		"BUILDKITE_AGENT_NAME": "first-job", "BUILDKITE_AGENT_ID": "01900000-0000-4000-8000-000000000002", "BUILDKITE_BUILD_ID": "01900000-0000-4000-8000-000000000003",
		"BUILDKITE_BUILD_NUMBER": "1", "BUILDKITE_BUILD_URL": s.url("/builds/1"), "BUILDKITE_ORGANIZATION_SLUG": "image-builder",
		"BUILDKITE_PIPELINE_SLUG": "first-job", "BUILDKITE_PIPELINE_PROVIDER": "git", "BUILDKITE_PULL_REQUEST": "false",
		"BUILDKITE_LABEL": "first job", "BUILDKITE_SOURCE": "api",
	}

	if s.mirror.url == "" {
		env["BUILDKITE_SKIP_CHECKOUT"] = "true"
		env["BUILDKITE_REPO"] = "git@example.com:acme/none.git" // an agent takes no job without one
		env["BUILDKITE_BRANCH"] = "main"
		env["BUILDKITE_COMMIT"] = "HEAD"
	} else {
		env["BUILDKITE_REPO"] = s.mirror.url
		env["BUILDKITE_BRANCH"] = s.mirror.branch
		env["BUILDKITE_COMMIT"] = s.mirror.commit
		// the repository's URL leads here, for git alone
		env["GIT_CONFIG_COUNT"] = "1"
		env["GIT_CONFIG_KEY_0"] = "url." + s.url("/repository.git") + ".insteadOf"
		env["GIT_CONFIG_VALUE_0"] = s.mirror.url
	}

	s.api = agentapi.New(s.token, agentapi.Job{ID: jobID, Env: env}, s.observe)
}

// observe passes on what the agent does.
func (s *surroundings) observe(e agentapi.Event) {
	s.lock.Lock()
	s.events = append(s.events, e)
	s.lock.Unlock()

	switch e.Kind {
	case agentapi.Registered:
		s.definition.Tell(Event{Kind: Registered})
	case agentapi.Finished:
		s.definition.Tell(Event{Kind: Finished})
		close(s.over)
	default: // it is not told
	}
}

// step takes the report of the job's command.
func (s *surroundings) step(w http.ResponseWriter, r *http.Request) {
	var reported step
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&reported); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}

	s.lock.Lock()
	first := len(s.steps) == 0
	s.steps = append(s.steps, reported)
	s.lock.Unlock()

	if first {
		s.definition.Tell(Event{Kind: CheckedOut})
	}
}

// signal takes what the boot script tells its stack.
func (s *surroundings) signal(w http.ResponseWriter, r *http.Request) {
	var told signal
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&told); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.lock.Lock()
	s.signals = append(s.signals, told)
	s.lock.Unlock()
}

// last is what the agent did last.
func (s *surroundings) last() agentapi.Kind {
	s.lock.Lock()
	defer s.lock.Unlock()
	if len(s.events) == 0 {
		return ""
	}
	return s.events[len(s.events)-1].Kind
}

// event returns what the agent did of a kind; nil if it did not.
func (s *surroundings) event(kind agentapi.Kind) *agentapi.Event {
	s.lock.Lock()
	defer s.lock.Unlock()
	at := slices.IndexFunc(s.events, func(e agentapi.Event) bool { return e.Kind == kind })
	if at < 0 {
		return nil
	}
	return &s.events[at]
}

func (s *surroundings) finished() *agentapi.Event { return s.event(agentapi.Finished) }
