// Package ecr is a test server's ECR: it gives out tokens, and its registry, Docker's own protocol over plain HTTP, takes
// no request without one. The registry's repositories are any handler's. It knows no permissions of repositories.
package ecr

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"image-builder/internal/testbed/wire"
)

// Service is ECR, as far as it lets clients log in.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
type Service struct {
	wire.Home

	mu     sync.Mutex
	tokens []string // passwords that were given out
}

// New makes an ECR that has given out no token.
func New(where wire.Home) *Service { return &Service{Home: where} }

// Model names the model.
func (s *Service) Model() string { return "ecr" }

// Operation returns what is served.
func (s *Service) Operation(name string) func(wire.Call) (wire.Values, error) {
	if name == "GetAuthorizationToken" {
		return s.getAuthorizationToken
	}
	return nil
}

// validity is how long the service's tokens are valid.
const validity = 12 * time.Hour

// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
func (s *Service) getAuthorizationToken(wire.Call) (wire.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	password := wire.UUID("eyJ-", fmt.Sprint(len(s.tokens)))
	s.tokens = append(s.tokens, password)

	return wire.Values{"authorizationData": []any{wire.Values{
		"authorizationToken": base64.StdEncoding.EncodeToString([]byte("AWS:" + password)),
		"expiresAt":          s.Now().Add(validity),
		"proxyEndpoint":      fmt.Sprintf("https://%s.dkr.ecr.%s.amazonaws.com", s.Number, s.Region),
	}}}, nil
}

// Tokens returns the passwords that were given out.
func (s *Service) Tokens() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tokens)
}

// Registry guards a registry: it refuses, in ECR's words, a request that has no token of this service.
func (s *Service) Registry(repositories http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		user, password, given := in.BasicAuth()
		if given && user == "AWS" && s.gave(password) {
			repositories.ServeHTTP(out, in)
			return
		}

		out.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		out.Header().Set("Www-Authenticate", fmt.Sprintf(`Basic realm="http://%s/",service="ecr.amazonaws.com"`, in.Host))
		out.Header().Set("Content-Type", "text/plain; charset=utf-8")
		out.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(out, "Not Authorized\n") // a client that is gone misses it
	})
}

func (s *Service) gave(password string) bool {
	return slices.ContainsFunc(s.Tokens(), func(token string) bool {
		return subtle.ConstantTimeCompare([]byte(token), []byte(password)) == 1
	})
}
