package action_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/progress"
)

// TestEmptyChecksumIsNoted downloads with a checksum whose parameter is empty: the run says that nothing is verified.
func TestEmptyChecksumIsNoted(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("tool")) }))
	t.Cleanup(server.Close)

	document, found := component.Parse("tool.yml", []byte(`
schemaVersion: 1.0
parameters: [{Sum: {type: string, default: ""}}]
phases:
  - name: build
    steps:
      - name: Fetch
        action: WebDownload
        inputs: [{source: "`+server.URL+`/tool", destination: "`+filepath.Join(t.TempDir(), "tool")+`", checksum: "{{ Sum }}", algorithm: SHA256}]
`))
	if found.Errors() > 0 {
		t.Fatal(found)
	}

	var notes []string
	run := &component.Run{
		ID: "run", Documents: []component.Job{{Document: document}}, Modules: action.All(action.Ports{}), Now: time.Now,
		Report: func(e progress.Event) {
			if e.Kind == progress.Note {
				notes = append(notes, e.Text)
			}
		},
	}

	result, err := run.Execute(t.Context())
	if err != nil || result.Status != component.Success {
		t.Fatalf("status %s, %v", result.Status, err)
	}

	if got := strings.Join(notes, "\n"); got != "WebDownload: the checksum is empty: the download is not verified" {
		t.Errorf("notes are %q", got)
	}
}
