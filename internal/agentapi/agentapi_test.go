package agentapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/agentapi"
	"image-builder/internal/testbed/venv"
)

const jobID = "01900000-0000-4000-8000-000000000001"

// Buildkite's own agent takes a job here from its registration to its last line, keeps a value, and leaves.
func TestRealAgent(t *testing.T) {
	t.Parallel()
	program := venv.Agent(t)
	var events []agentapi.Event
	api := agentapi.New("registration", agentapi.Job{ID: jobID, Env: map[string]string{
		"BUILDKITE_AGENT_ID": "01900000-0000-4000-8000-000000000002", "BUILDKITE_JOB_ID": jobID, "BUILDKITE_SKIP_CHECKOUT": "true", "BUILDKITE_REPO": "git@example.com:acme/none.git",
		"BUILDKITE_AGENT_NAME": "test", "BUILDKITE_BRANCH": "main", "BUILDKITE_COMMIT": "HEAD", "BUILDKITE_PIPELINE_PROVIDER": "git",
		"BUILDKITE_COMMAND":      "echo the job runs; buildkite-agent meta-data set color blue; buildkite-agent meta-data get color; buildkite-agent meta-data exists shape || exit 5",
		"BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_ORGANIZATION_SLUG": "o", "BUILDKITE_PIPELINE_SLUG": "p", "BUILDKITE_BUILD_NUMBER": "1",
	}}, func(e agentapi.Event) { events = append(events, e) })
	server := httptest.NewServer(api)
	defer server.Close()

	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	for _, name := range []string{bin, filepath.Join(dir, "builds"), filepath.Join(dir, "hooks")} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(program, filepath.Join(bin, "buildkite-agent")); err != nil {
		t.Fatal(err)
	}

	bounded, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	agent := exec.CommandContext(bounded, program, "start", "--token=registration", "--endpoint="+server.URL, "--name=test", "--tags=queue=first",
		"--build-path="+filepath.Join(dir, "builds"), "--hooks-path="+filepath.Join(dir, "hooks"), "--sockets-path="+dir)
	agent.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir}
	said, err := agent.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}

	want := []agentapi.Event{
		{Kind: agentapi.Registered, Version: venv.AgentVersion, Tags: []string{"queue=first"}},
		{Kind: agentapi.Connected},
		{Kind: agentapi.Accepted},
		{Kind: agentapi.Started},
		{Kind: agentapi.Finished, Status: "5"},
		{Kind: agentapi.Disconnected},
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("the agent did (-want +got):\n%s\n%s", diff, said)
	}
	if log := api.Log(); !strings.Contains(log, "the job runs") || !strings.Contains(log, "blue") {
		t.Errorf("the log is %q", log)
	}
	if value := api.Metadata("color"); value != "blue" {
		t.Errorf("the job kept %q", value)
	}
}

// What an agent would not ask, or not then, is refused as the real API refuses it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0).UTC().Format(time.RFC3339)
	for name, test := range map[string]struct {
		before []request
		last   request
		status int
		says   string
	}{
		"another token":              {nil, request{"POST", "/register", `{"version": "1"}`, "other"}, 401, "this token may not POST /register"},
		"no token":                   {nil, request{"POST", "/register", `{"version": "1"}`, ""}, 401, "this token"},
		"registration is not access": {nil, request{"GET", "/ping", "", "registration"}, 401, "this token may not GET /ping"},
		"no version":                 {nil, request{"POST", "/register", `{}`, "registration"}, 422, "does not say its version"},
		"no JSON":                    {nil, request{"POST", "/register", `{`, "registration"}, 400, "is not JSON"},
		"an unknown path":            {nil, request{"GET", "/builds", "", "registration"}, 404, "there is no GET /builds"},
		"registered twice":           {registered, request{"POST", "/register", `{"version": "1"}`, "registration"}, 422, "registered already"},
		"ping before connect":        {registered, request{"GET", "/ping", "", access}, 422, "not connected"},
		"another job":                {connected, request{"PUT", "/jobs/1/accept", "", access}, 404, "there is no job 1"},
		"start before accept":        {connected, request{"PUT", job + "start", `{"started_at": "` + now + `"}`, access}, 422, "cannot be started before it is accepted"},
		"no time":                    {accepted, request{"PUT", job + "start", `{"started_at": "now"}`, access}, 422, `started_at is "now", not a time`},
		"accepted twice":             {accepted, request{"PUT", job + "accept", "", access}, 422, "accepted already"},
		"no status":                  {accepted, request{"PUT", job + "finish", `{"finished_at": "` + now + `"}`, access}, 422, `exit_status is "", not a number`},
		"a piece too long":           {accepted, request{"POST", job + "chunks?sequence=1&offset=0&size=2", "abc", access}, 422, "has 3 bytes, not 2"},
		"a piece before the job":     {connected, request{"POST", job + "chunks?sequence=1&offset=0&size=3", "abc", access}, 422, "was not accepted"},
		"an unknown value":           {accepted, request{"POST", job + "data/get", `{"key": "a"}`, access}, 404, `no value "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := &client{t: t, api: agentapi.New("registration", agentapi.Job{ID: jobID}, func(agentapi.Event) {})}
			for _, r := range test.before {
				if status, said := client.do(r); status != http.StatusOK {
					t.Fatalf("%+v: %d %s", r, status, said)
				}
			}
			if status, said := client.do(test.last); status != test.status || !strings.Contains(said, test.says) {
				t.Errorf("%d %s, want %d %s", status, said, test.status, test.says)
			}
		})
	}
}

// Pieces of a log may arrive in any order.
func TestLog(t *testing.T) {
	t.Parallel()
	client := &client{t: t, api: agentapi.New("registration", agentapi.Job{ID: jobID}, func(agentapi.Event) {})}
	for _, r := range append(accepted[:3:3], request{"POST", job + "chunks?sequence=2&offset=3&size=3", "def", access}) {
		if status, said := client.do(r); status != http.StatusOK {
			t.Fatalf("%d %s", status, said)
		}
	}
	if log := client.api.Log(); log != "" {
		t.Errorf("with a gap, the log is %q", log)
	}
	if status, said := client.do(request{"POST", job + "chunks?sequence=1&offset=0&size=3", "abc", access}); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	if log := client.api.Log(); log != "abcdef" {
		t.Errorf("the log is %q", log)
	}
}

const (
	job    = "/jobs/" + jobID + "/"
	access = "ACCESS" // stands for the token of the registration's answer
)

type request struct{ method, path, body, token string }

var (
	registered = []request{{"POST", "/register", `{"version": "1"}`, "registration"}}
	connected  = append(registered[:1:1], request{"POST", "/connect", "", access})
	accepted   = append(connected[:2:2], request{"PUT", job + "accept", "", access})
)

type client struct {
	t      *testing.T
	api    *agentapi.Server
	access string
}

func (c *client) do(r request) (int, string) {
	c.t.Helper()
	body := bytes.NewBufferString(r.body)
	kind := "application/json"
	if strings.Contains(r.path, "/chunks") {
		kind = "text/plain"
		body.Reset()
		packed := gzip.NewWriter(body)
		fmt.Fprint(packed, r.body)
		if err := packed.Close(); err != nil {
			c.t.Fatal(err)
		}
	}

	asked := httptest.NewRequestWithContext(c.t.Context(), r.method, r.path, body)
	asked.Header.Set("Content-Type", kind)
	if kind == "text/plain" {
		asked.Header.Set("Content-Encoding", "gzip")
	}
	if token := strings.Replace(r.token, access, c.access, 1); token != "" {
		asked.Header.Set("Authorization", "Token "+token)
	}

	answer := httptest.NewRecorder()
	c.api.ServeHTTP(answer, asked)
	text := answer.Body.String()
	if _, after, found := strings.Cut(text, `"access_token":"`); found {
		c.access, _, _ = strings.Cut(after, `"`)
	}

	var refusal struct{ Message string }
	if json.Unmarshal([]byte(text), &refusal) == nil && refusal.Message != "" {
		text = refusal.Message
	}

	return answer.Code, text
}
