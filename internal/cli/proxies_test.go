package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/secret"
)

func TestPasswordOfAProxyIsASecret(t *testing.T) {
	t.Parallel()
	set := map[string]string{
		"http_proxy":  "http://ci:correct%2Dhorse-battery@proxy.example.com:3128",
		"HTTPS_PROXY": "http://proxy.example.com:3128",
		"no_proxy":    "localhost,.example.com",
	}

	env, secrets := proxyEnvironment(func(name string) (string, bool) {
		value, ok := set[name]
		return value, ok
	})

	want := []string{"http_proxy=" + set["http_proxy"], "no_proxy=" + set["no_proxy"], "HTTPS_PROXY=" + set["HTTPS_PROXY"]}
	if diff := cmp.Diff(want, env); diff != "" {
		t.Errorf("wrong environment (-want +got):\n%s", diff)
	}

	for line, masked := range map[string]string{
		"Proxy " + set["http_proxy"]: "Proxy ***",
		"correct-horse-battery":      "***",
		set["HTTPS_PROXY"]:           set["HTTPS_PROXY"],
	} {
		if got := secret.NewSet(secrets).Mask(line); got != masked {
			t.Errorf("%q is masked as %q, want %q", line, got, masked)
		}
	}
}
