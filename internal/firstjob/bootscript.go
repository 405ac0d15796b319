//go:build linux

package firstjob

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"image-builder/internal/bootscript"
)

// bootScripts are what the user data of an Elastic CI Stack calls, in this order. The last one starts the agent.
var bootScripts = []string{
	"/usr/local/bin/bk-mount-instance-storage.sh", "/usr/local/bin/bk-configure-docker.sh", "/usr/local/bin/bk-install-elastic-stack.sh",
}

const (
	// tokenParameter is the name of the agent's token in the Parameter Store.
	tokenParameter = "/first-job/agent-token"
	// commands is the directory of the programs that stand for an instance's.
	commands = place + "/bin"
	bootLog  = place + "/boot.log"
)

// hasBootScript reports whether the image is of an Elastic CI Stack: its boot script configures and starts the agent.
func hasBootScript() bool {
	_, err := os.Stat(bootScripts[len(bootScripts)-1])
	return err == nil
}

// bootAsInstance runs the image's boot scripts with what a stack's user data sets.
func (s *surroundings) bootAsInstance(ctx context.Context) error {
	if err := s.makeCommands(); err != nil {
		return err
	}
	for _, script := range bootScripts {
		if _, err := os.Stat(script); err != nil {
			continue // an older release has fewer
		}
		if err := s.runBootScript(ctx, script); err != nil {
			return err
		}
	}
	return nil
}

func (s *surroundings) runBootScript(ctx context.Context, script string) error {
	log, err := os.OpenFile(bootLog, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // it is read again below

	command := exec.CommandContext(ctx, script)
	command.Env = append(unknownVariables(script), s.userData()...) // the last one counts
	command.Dir = "/"
	command.Stdout = log
	command.Stderr = log
	runErr := command.Run()
	if runErr == nil && s.signalled() == nil {
		return nil
	}

	said, _ := os.ReadFile(bootLog) // without it the failure says less
	what := fmt.Sprintf("its boot script %s fails", script)
	if runErr != nil {
		what += ": " + runErr.Error()
	}
	if signal := s.signalled(); signal != nil {
		what += fmt.Sprintf("; it signals status %s to its stack: %s", signal.Status, signal.Reason)
	}

	return &Failure{What: what, Do: "image-builder image check --stack says whether the image fits a release of the stack", Last: lastLines(string(said))}
}

// signalled is the signal of a boot that failed; nil if there is none.
func (s *surroundings) signalled() *signal {
	s.lock.Lock()
	defer s.lock.Unlock()
	for i := range s.signals {
		if s.signals[i].Status != "0" {
			return &s.signals[i]
		}
	}
	return nil
}

// makeCommands puts cfn-signal where the scripts find it first: the instance's own would ask CloudFormation.
func (s *surroundings) makeCommands() error {
	if err := os.MkdirAll(commands, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf("#!/bin/sh\nexec %s guest signal --report %s -- \"$@\"\n", s.program, s.url("/signal/"+s.secret))
	return os.WriteFile(commands+"/cfn-signal", []byte(text), 0o755)
}

// userData are the variables that a stack of default settings sets for its boot scripts, with git mirrors.
func (s *surroundings) userData() []string {
	return []string{
		"PATH=" + commands + ":" + searchPath, "HOME=/root", "LANG=C.UTF-8",
		"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ENDPOINT_URL=" + s.url("/aws/"), "AWS_ACCESS_KEY_ID=first-job", "AWS_SECRET_ACCESS_KEY=first-job",
		"BUILDKITE_STACK_NAME=first-job", "BUILDKITE_STACK_DEPLOYED_BY=cloudformation", "BUILDKITE_AGENT_TOKEN_PATH=" + tokenParameter,
		"BUILDKITE_AGENT_ENDPOINT=" + s.url("/"), "BUILDKITE_AGENT_RELEASE=stable", "BUILDKITE_AGENTS_PER_INSTANCE=1",
		"BUILDKITE_AGENT_ENABLE_GIT_MIRRORS=true", "BUILDKITE_AGENT_TIMESTAMP_LINES=false", "BUILDKITE_AGENT_CANCEL_GRACE_PERIOD=60",
		"BUILDKITE_AGENT_SIGNAL_GRACE_PERIOD_SECONDS=-1", "BUILDKITE_AGENT_DISCONNECT_AFTER_UPTIME=0", "BUILDKITE_QUEUE=default",
		"BUILDKITE_AGENT_JOB_VERIFICATION_NO_SIGNATURE_BEHAVIOR=warn", "BUILDKITE_SCALE_IN_IDLE_PERIOD=600",
		"BUILDKITE_TERMINATE_INSTANCE_AFTER_JOB=false", "BUILDKITE_TERMINATE_INSTANCE_ON_DISK_FULL=false", "BUILDKITE_PURGE_BUILDS_ON_DISK_FULL=false",
		"BUILDKITE_ENABLE_INSTANCE_STORAGE=false", "BUILDKITE_MOUNT_TMPFS_AT_TMP=false", // what is shared with the machine is in /tmp
		"SECRETS_PLUGIN_ENABLED=false", "ECR_PLUGIN_ENABLED=false", "ECR_CREDENTIAL_HELPER_ENABLED=false", "DOCKER_LOGIN_PLUGIN_ENABLED=false",
		"DOCKER_USERNS_REMAP=true", "DOCKER_EXPERIMENTAL=false", "DOCKER_PRUNE_UNTIL=4h", "DOCKER_BUILDER_PRUNE_ENABLED=true", "ENABLE_PRE_EXIT_DISK_CLEANUP=false",
		"DOCKER_NETWORKING_PROTOCOL=ipv4", "DOCKER_IPV4_ADDRESS_POOL_1=172.17.0.0/12", "DOCKER_IPV4_ADDRESS_POOL_2=192.168.0.0/16",
		"DOCKER_IPV6_ADDRESS_POOL=2001:db8:2::/104", "ENABLE_EC2_LOG_RETENTION_POLICY=false",
	}
}

// unknownVariables gives the variables that a script needs and userData does not set an empty value, as a stack of default
// settings gives most. Whether the stack of a release sets them is for the check of an image against it.
func unknownVariables(script string) []string {
	root, err := os.OpenRoot("/")
	if err != nil {
		return nil
	}
	defer func() { _ = root.Close() }() // it was only read

	found, _ := bootscript.Boot{Files: root.FS()}.Run("user data", script)
	var empty []string
	for _, problem := range found {
		if problem.Kind == bootscript.Unset {
			empty = append(empty, problem.Variable+"=")
		}
	}

	return empty
}

// signal is what a boot tells the stack.
type signal struct {
	Status string `json:"status"`
	Reason string `json:"reason"`
}

// Signal stands for cfn-signal: it reports what that program would tell CloudFormation to a URL.
func Signal(ctx context.Context, url string, args []string) error {
	return report(ctx, url, parseSignal(args))
}

// parseSignal reads the arguments of cfn-signal.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/cfn-signal.html
func parseSignal(args []string) signal {
	s := signal{Status: "0"}
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}

		switch name {
		case "-e", "--exit-code":
			s.Status = value
		case "-r", "--reason":
			s.Reason = value
		case "-s", "--success":
			if value == "false" {
				s.Status = "1"
			}
		}
	}
	return s
}
