package instance

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The service answers a session's token only, for as long as it is good.
func TestMetadata(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	m := NewMetadata("arm64", func() time.Time { return now })
	ask := func(method, path string, header ...string) (int, string) {
		t.Helper()
		request := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		answer := httptest.NewRecorder()
		m.ServeHTTP(answer, request)
		return answer.Code, answer.Body.String()
	}

	for _, life := range []string{"", "0", "21601", "x"} {
		if status, _ := ask(http.MethodPut, "/latest/api/token", headerLife, life); status != http.StatusBadRequest {
			t.Errorf("a token for %q s: %d", life, status)
		}
	}
	if status, _ := ask(http.MethodPut, "/latest/api/token", headerLife, "60", "X-Forwarded-For", "10.0.0.1"); status != http.StatusBadRequest {
		t.Errorf("a token by a proxy: %d", status)
	}
	if status, _ := ask(http.MethodGet, "/latest/meta-data/instance-id"); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	_, token := ask(http.MethodPut, "/latest/api/token", headerLife, "60")

	for path, want := range map[string]string{
		"/latest/meta-data/instance-id":              "i-0123456789abcdef0",
		"/latest/meta-data/instance-type":            "t4g.large",
		"/latest/meta-data/placement/":               "availability-zone\nregion",
		"/latest/meta-data/placement/region":         "us-east-1",
		"/latest/dynamic/instance-identity":          "document",
		"/latest/dynamic/instance-identity/document": `"architecture":"arm64"`,
	} {
		if status, said := ask(http.MethodGet, path, headerToken, token); status != http.StatusOK || !strings.Contains(said, want) || (!strings.Contains(want, ":") && said != want) {
			t.Errorf("%s: %d %q, want %q", path, status, said, want)
		}
	}
	if status, _ := ask(http.MethodGet, "/latest/meta-data/no", headerToken, token); status != http.StatusNotFound {
		t.Errorf("a value that is not there: %d", status)
	}

	now = now.Add(time.Minute)
	if status, _ := ask(http.MethodGet, "/latest/meta-data/instance-id", headerToken, token); status != http.StatusUnauthorized {
		t.Errorf("with a token that is too old: %d", status)
	}
}
