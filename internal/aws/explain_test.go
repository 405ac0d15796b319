package aws

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestExplain has a server that refuses each call in its own way, and one that is not there.
func TestExplain(t *testing.T) {
	for name, test := range map[string]struct {
		status  int
		code    string
		want    string
		passing bool
	}{
		"throttled":   {400, "Throttling", "look at stack s: no more of that (Throttling), 2 times: wait a minute, then run the same command again", true},
		"expired":     {403, "ExpiredToken", "look at stack s: no more of that (ExpiredToken): the credentials have expired: get new ones", false},
		"their own":   {503, "ServiceUnavailable", "look at stack s: no more of that (ServiceUnavailable), 2 times: AWS has trouble of its own: run the same command again in a while", true},
		"as they say": {400, "InsufficientCapabilitiesException", "look at stack s: no more of that (InsufficientCapabilitiesException)", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>no more of that</Message></Error></ErrorResponse>`, test.code)
			}))
			defer server.Close()
			t.Setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.URL)
			t.Setenv("AWS_MAX_ATTEMPTS", "2")
			_, err := (&CloudFormation{Session: &Session{}}).Stack(t.Context(), "s")
			var call *callError
			if !errors.As(err, &call) || err.Error() != test.want || call.Passing() != test.passing {
				t.Errorf("got %q, passing: %v; want %q", err, call.Passing(), test.want)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		server := httptest.NewServer(nil)
		server.Close()
		t.Setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.URL)
		t.Setenv("AWS_MAX_ATTEMPTS", "1")
		_, err := (&CloudFormation{Session: &Session{}}).Stack(t.Context(), "s")
		var call *callError
		if !errors.As(err, &call) || !call.Passing() || call.next != "check the connection, then run the same command again" {
			t.Errorf("got %v", err)
		}
	})
}
