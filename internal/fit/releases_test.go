//go:build elasticstack

package fit_test

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/fit"
)

// TestReleases checks each release of the Elastic CI Stack against its own template and the next release's. It wants a
// checkout with tags:
//
//	ELASTIC_CI_STACK=~/elastic-ci-stack-for-aws go test -tags elasticstack -run TestReleases -v ./internal/fit
func TestReleases(t *testing.T) {
	t.Parallel()
	checkout := os.Getenv("ELASTIC_CI_STACK")
	if checkout == "" {
		t.Fatal("ELASTIC_CI_STACK must name a checkout of the Elastic CI Stack")
	}

	var breaks []string
	pairs := 0

	before := ""
	for _, tag := range strings.Fields(git(t, checkout, "tag", "--list", "v[56].*", "--sort=version:refname")) {
		template, err := fit.ParseTemplate([]byte(git(t, checkout, "show", tag+":templates/aws-stack.yml")))
		if strings.Contains(tag, "-") || err != nil {
			continue // a beta, or a release before user data had its shape of today
		}

		for _, release := range []string{before, tag} {
			if release == "" {
				continue
			}
			verdict, err := fit.Check(fit.Image{Tree: bootScripts(t, checkout, release)}, template, nil)
			if err != nil {
				t.Fatal(err)
			}
			pairs++
			for _, b := range verdict.Breaks {
				breaks = append(breaks, fmt.Sprintf("image %s, template %s: %s", release, tag, strings.Fields(b.Text)[4]))
			}
		}

		before = tag
	}

	t.Logf("%d pairs", pairs)
	want := []string{
		"image v5.21.0, template v5.22.0: BUILDKITE_AGENT_ENABLE_GIT_MIRRORS_EXPERIMENT,",
		"image v6.42.0, template v6.43.0: BUILDKITE_AGENT_SIGNING_FAILURE_BEHAVIOR,",
	}
	if diff := cmp.Diff(want, breaks); diff != "" {
		t.Error(diff)
	}
}

// bootScripts are the scripts in /usr/local/bin of a release's AMI.
func bootScripts(t *testing.T, checkout, tag string) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	for _, name := range strings.Fields(git(t, checkout, "ls-tree", "-r", "--name-only", tag)) {
		if strings.HasPrefix(name, "packer/linux/") && strings.Contains(name, "conf/bin/") {
			tree["usr/local/bin/"+path.Base(name)] = &fstest.MapFile{Data: []byte(git(t, checkout, "show", tag+":"+name))}
		}
	}
	return tree
}

func git(t *testing.T, checkout string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", checkout}, args...)...).Output()
	if err != nil {
		t.Fatalf("git %s: %v", args, err)
	}
	return string(out)
}
