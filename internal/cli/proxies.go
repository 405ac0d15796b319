package cli

import (
	"net/url"

	"image-builder/internal/secret"
)

// proxyEnvironment returns this machine's proxy variables, as NAME=value. A proxy URL with a password is a secret as
// well.
func proxyEnvironment(lookup func(name string) (string, bool)) (env []string, secrets []secret.Secret) {
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} {
		value, ok := lookup(name)
		if !ok {
			continue
		}
		env = append(env, name+"="+value)

		proxy, err := url.Parse(value)
		if err != nil || proxy.User == nil {
			continue
		}

		if password, ok := proxy.User.Password(); ok && password != "" {
			secrets = append(secrets,
				secret.Secret{Name: name, Value: []byte(value)},
				secret.Secret{Name: name, Value: []byte(password)})
		}
	}

	return env, secrets
}
