//go:build linux

package firstjob

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	unit = "buildkite-agent.service"
	// dropIn is in memory: it is gone with the machine.
	dropIn = "/run/systemd/system/" + unit + ".d"
	// stopPatience bounds how long the agent may take to end when it is told to.
	stopPatience = time.Minute
)

// agent is the image's buildkite-agent.
type agent struct{ home string }

// findAgent looks for the image's agent: its unit, and the user that the unit runs as.
func findAgent(ctx context.Context) (agent, error) {
	out, err := systemctl(ctx, "show", "--property=LoadState,User", unit)
	if err != nil {
		return agent{}, err
	}
	property := map[string]string{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		property[name] = value
	}

	if property["LoadState"] != "loaded" {
		return agent{}, &Failure{
			What: "its agent has no unit " + unit + " (" + property["LoadState"] + ")",
			Do:   "install buildkite-agent from its package, or bake from Buildkite's AMI: image-builder base resolve",
		}
	}

	name := property["User"]
	if name == "" {
		name = "root"
	}
	found, err := user.Lookup(name)
	if errors.As(err, new(user.UnknownUserError)) {
		return agent{}, &Failure{
			What: "its agent's user " + name + " does not exist: " + unit + " cannot start",
			Do:   "useradd --uid 2000 --user-group " + name + "; or bake from Buildkite's AMI: image-builder base resolve",
		}
	}
	if err != nil {
		return agent{}, err
	}

	return agent{found.HomeDir}, nil
}

func (a agent) mirrors() string { return filepath.Join(a.home, "git-mirrors") }

// start starts the agent: by the image's boot script, if it has one, else by its unit, configured as such a script would.
// ended receives what systemd says when the agent is no more.
func (a agent) start(ctx context.Context, s *surroundings) (ended <-chan error, err error) {
	byScript := hasBootScript()
	if err := a.configure(ctx, s, byScript); err != nil {
		return nil, errors.Join(err, a.stop(ctx))
	}
	if byScript {
		if err := s.bootAsInstance(ctx); err != nil {
			return nil, errors.Join(err, a.stop(ctx))
		}
	}

	end := make(chan error, 1)
	select {
	case <-s.over: // the script took so long: the agent must not be started again
		return end, nil
	default:
	}

	if _, err := systemctl(ctx, "start", unit); err != nil {
		return nil, errors.Join(a.refused(s.came(), err), a.stop(ctx))
	}
	go func() { end <- await(ctx) }()

	return end, nil
}

// await waits until the agent's unit is no more active, without D-Bus, which not every image has.
func await(ctx context.Context) error {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		out, err := systemctl(ctx, "show", "--property=ActiveState,Result", unit)
		state := strings.Join(strings.Fields(out), ", ")
		switch {
		case err != nil:
			return err
		case strings.Contains(state, "ActiveState=failed"):
			return errors.New(state)
		case strings.Contains(state, "ActiveState=inactive"):
			return nil
		}

		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
		}
	}
}

// configure stops an agent that began in the boot, and says in memory how the unit runs here: once, with its output kept and
// without what an instance does at its end.
func (a agent) configure(ctx context.Context, s *surroundings, byScript bool) error {
	if err := os.MkdirAll(dropIn, 0o755); err != nil {
		return err
	}
	text := "[Service]\nRestart=no\nExecStopPost=\nStandardOutput=append:" + agentLog + "\nStandardError=append:" + agentLog + "\n"
	if !byScript {
		text += a.environment(s)
	}

	if err := os.WriteFile(filepath.Join(dropIn, "first-job.conf"), []byte(text), 0o600); err != nil {
		return err
	}
	if _, err := systemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	_, err := systemctl(ctx, "stop", unit)

	return err
}

// environment is what a boot script would write into the agent's configuration.
func (a agent) environment(s *surroundings) string {
	text := ""
	for name, value := range map[string]string{
		"BUILDKITE_AGENT_TOKEN": s.token, "BUILDKITE_AGENT_ENDPOINT": s.url("/"), "BUILDKITE_AGENT_NAME": "first-job",
		"BUILDKITE_HOOKS_PATH": "/etc/buildkite-agent/hooks", "BUILDKITE_BUILD_PATH": a.home + "/builds",
		"BUILDKITE_PLUGINS_PATH": a.home + "/plugins", "BUILDKITE_GIT_MIRRORS_PATH": a.mirrors(),
		"BUILDKITE_AGENT_TAGS_FROM_EC2_META_DATA": "true", "BUILDKITE_NO_SSH_KEYSCAN": "true",
	} {
		text += fmt.Sprintf("Environment=%q\n", name+"="+value)
	}
	return text
}

// stop ends the agent, and takes its configuration back.
func (a agent) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	_, stopErr := systemctl(ctx, "stop", unit)
	removeErr := os.RemoveAll(dropIn)
	_, reloadErr := systemctl(ctx, "daemon-reload")
	return errors.Join(stopErr, removeErr, reloadErr)
}

// log is what the agent said.
func (a agent) log() string {
	text, _ := os.ReadFile(agentLog) // an agent that did not start has none
	return string(text)
}

// refused says why the agent ended before its job did.
func (a agent) refused(came string, err error) *Failure {
	failure := &Failure{What: "its agent ended: " + came, Do: "see what it says: journalctl --unit=" + unit, Last: lastLines(a.log())}
	if err != nil {
		failure.What += ": " + err.Error()
	}
	return failure
}

// systemctl runs systemctl, whose words an error has.
func systemctl(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "systemctl", args...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("systemctl %s: %w: %s", args[0], err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("systemctl %s: %w", args[0], err)
	}
	return string(out), nil
}

// timestamp is how the agent marks a line of a log with its time.
var timestamp = regexp.MustCompile("\x1b_bk;t=[0-9]+\a")

// lastLines are the end of a log.
func lastLines(log string) []string {
	const shown = 15
	lines := strings.Split(strings.TrimSpace(timestamp.ReplaceAllString(log, "")), "\n")
	return lines[max(0, len(lines)-shown):]
}
