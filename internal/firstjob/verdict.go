//go:build linux

package firstjob

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"image-builder/internal/agentapi"
)

// wrongHook is what bash says of a hook that it cannot parse.
var wrongHook = regexp.MustCompile(`(/\S*hooks/[^\s:]+): line [0-9]+: .*syntax error.*`)

// result judges a job that is finished.
func (s *surroundings) result() (Result, error) {
	result := Result{
		Agent: s.event(agentapi.Registered).Version, Repository: s.mirror.url, Crossed: s.repository.crossed.Load(),
	}
	log := timestamp.ReplaceAllString(s.api.Log(), "")
	if hook := wrongHook.FindStringSubmatch(log); hook != nil {
		return result, &Failure{What: "its first job fails in a hook: " + hook[0], Do: "correct it; bash -n " + hook[1] + " shows it, too"}
	}

	if len(s.steps) == 0 {
		return result, &Failure{
			What: fmt.Sprintf("its first job ends with status %s before its command", s.finished().Status),
			Do:   "see the end of the job's log", Last: lastLines(log),
		}
	}
	last := s.steps[len(s.steps)-1]
	if last.Missing != "" {
		return result, &Failure{
			What: fmt.Sprintf("Docker image %s is not there for the agent's Docker daemon, whose data are in %s: %s", last.Missing, last.DataRoot, last.Said),
			Do:   "see data-root and userns-remap in /etc/docker/daemon.json; bake images with docker-images: in the recipe",
		}
	}
	if status := s.finished().Status; status != "0" {
		return result, &Failure{What: "its first job ends with status " + status, Do: "see the end of the job's log", Last: lastLines(log)}
	}

	result.Images = last.Images
	return s.checkedOut(result, s.steps[0])
}

// checkedOut judges where the checkout came from.
func (s *surroundings) checkedOut(result Result, first step) (Result, error) {
	if s.mirror.url == "" {
		return result, nil
	}
	if first.Commit != s.mirror.commit {
		return result, &Failure{
			What: fmt.Sprintf("its first job has commit %q of %s, not %s", first.Commit, s.mirror.url, s.mirror.commit), Do: "see the end of the job's log",
			Last: lastLines(s.api.Log()),
		}
	}

	if s.mirror.dir != s.mirror.right() {
		return result, &Failure{
			What: fmt.Sprintf("the mirror in %s is not used: the agent looks for %s in %s, and fetched it again (%d bytes)", s.mirror.dir, s.mirror.url, s.mirror.right(), result.Crossed),
			Do:   fmt.Sprintf("mv %s %s", s.mirror.dir, s.mirror.right()),
		}
	}
	if !strings.HasPrefix(first.Alternates, filepath.Dir(s.mirror.dir)+string(os.PathSeparator)) {
		return result, &Failure{
			What: fmt.Sprintf("the mirror in %s is not used: the checkout fetched %s itself (%d bytes)", s.mirror.dir, s.mirror.url, result.Crossed),
			Do:   "see whether the agent's configuration or a hook changes git-mirrors-path", Last: lastLines(s.api.Log()),
		}
	}

	result.Mirror = s.mirror.dir
	return result, nil
}
