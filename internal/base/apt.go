package base

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// aptArguments returns the end of mmdebstrap's command line: the suite, the tree, and the sources. If this machine
// has sources for the suite, the build uses the same ones, with the same proxy.
func (m Maker) aptArguments(ctx context.Context, d Distribution, v vendor) ([]string, error) {
	args := []string{d.Suite, m.path("tree")}
	keyringErr := v.checkKeyring()
	var sources []string

	if d.Mirror == "" {
		sources = hostSources(ctx, d.Suite)
	}

	switch {
	case d.Mirror != "" && keyringErr == nil:
		args = append(args, fmt.Sprintf("deb [signed-by=%s] %s %s %s", v.keyring, d.Mirror, d.Suite, v.components))
	case d.Mirror != "":
		// a mirror may be signed by a key that apt trusts here
		args = append(args, fmt.Sprintf("deb %s %s %s", d.Mirror, d.Suite, v.components))
	case len(sources) > 0:
		args = append(args, sources...)
	case keyringErr != nil:
		return nil, keyringErr
	default:
		args = append([]string{"--components=" + v.components}, args...)
	}

	options := hostOptions(ctx)
	if options == "" {
		return args, nil
	}
	config := m.path("apt.conf")
	if err := os.WriteFile(config, []byte(options), 0o600); err != nil {
		return nil, fmt.Errorf("build base: %w", err)
	}

	// the options serve this machine's network: they must not stay in the image
	return append([]string{"--aptopt=" + config, `--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"`}, args...), nil
}

// hostSources returns the lines of this machine's apt sources for a suite; none if it has none.
func hostSources(ctx context.Context, suite string) []string {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--no-release-info",
		"--format", "$(CREATED_BY)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)").Output()
	if err != nil {
		return nil
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if len(fields) != 5 || fields[0] != "Packages" || !belongs(fields[2], suite) || hasUser(fields[1]) {
			continue
		}
		source := fmt.Sprintf("deb %s %s %s", fields[1], fields[2], fields[3])
		if strings.HasPrefix(fields[4], "/") {
			source = fmt.Sprintf("deb [signed-by=%s] %s %s %s", fields[4], fields[1], fields[2], fields[3])
		}
		if !slices.Contains(lines, source) {
			lines = append(lines, source)
		}
	}

	// without the suite itself, its updates are of no use
	if !slices.ContainsFunc(lines, func(line string) bool { return slices.Contains(strings.Fields(line), suite) }) {
		return nil
	}
	return lines
}

// explainArchive adds to the error of a failed mmdebstrap what is wrong with the archive, and what to do.
func explainArchive(err error, v vendor) error {
	text := err.Error()
	has := func(signs ...string) bool {
		return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(text, sign) })
	}

	switch {
	case has("NO_PUBKEY", "is not signed"):
		return fmt.Errorf("the archive is not signed by a key that this machine knows: apt-get install %s, or put the mirror's key into /etc/apt/trusted.gpg.d: %w", v.source, err)
	case has("Could not connect", "Could not resolve", "Unable to connect", "Temporary failure resolving", "Connection failed", "Connection timed out"):
		return fmt.Errorf("the archive cannot be reached: check the network and apt's proxy, or name a mirror within reach with `base build --mirror URL`: %w", err)
	case has("does not have a Release file"):
		return fmt.Errorf("the archive does not have this suite: check its name, or name an archive that has it with `base build --mirror URL`: %w", err)
	}

	return err
}

// hasUser reports whether an address contains a user name, and so perhaps a password, which must not reach a command
// line or a base.
func hasUser(address string) bool {
	parsed, err := url.Parse(address)
	return err != nil || parsed.User != nil
}

// belongs reports whether a release is the suite, its updates or its security fixes.
func belongs(release, suite string) bool {
	return slices.Contains([]string{suite, suite + "-updates", suite + "-security", suite + "/updates"}, release)
}

// hostOptions returns this machine's apt options about reaching an archive: proxies, certificates, and whether to
// trust its dates.
func hostOptions(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "apt-config", "dump", "Acquire").Output()
	if err != nil {
		return ""
	}
	var kept strings.Builder
	for line := range strings.Lines(string(out)) {
		for _, prefix := range []string{"http", "https", "Check-", "Max-ValidTime", "Retries", "ForceIPv"} {
			if strings.HasPrefix(strings.ToLower(line), strings.ToLower("Acquire::"+prefix)) && !strings.HasSuffix(strings.TrimSpace(line), `"";`) {
				kept.WriteString(line)
				break
			}
		}
	}

	return kept.String()
}
