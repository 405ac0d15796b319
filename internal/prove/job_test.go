package prove

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"image-builder/internal/base/basetest"
	"image-builder/internal/bootmap"
	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/nspawn"
	"image-builder/internal/testbed/programtest"
	"image-builder/internal/testbed/venv"
)

const (
	repositoryURL = "git@github.com:acme/monorepo.git"
	mirrorDir     = "var/lib/buildkite-agent/git-mirrors/git-github-com-acme-monorepo-git"
	// repositorySize is how much of the repository cannot be compressed, in bytes.
	repositorySize = 1 << 20
)

// agentUnit is that of Buildkite's package for Debian, as far as it matters here.
const agentUnit = `[Service]
User=buildkite-agent
Environment=HOME=/var/lib/buildkite-agent
ExecStart=/usr/bin/buildkite-agent start
Restart=on-failure
RestartSec=5
[Install]
WantedBy=multi-user.target
`

// The real agent runs a first job from the baked mirror; what breaks it is told apart.
func TestFirstJob(t *testing.T) {
	t.Parallel()
	agent := venv.Agent(t)
	base := agentBase(t, agent)
	program := programtest.Path(t)
	hook := "etc/buildkite-agent/hooks/environment"

	for name, test := range map[string]struct {
		change func(root string) error
		images string // Docker images that were baked
		want   []string
	}{
		"it runs":                 {},
		"a boot script starts it": {change: bootScript("")},
		"a boot script fails": {
			change: bootScript(`cat /no-such-file`),
			want: []string{
				"its boot script /usr/local/bin/bk-install-elastic-stack.sh fails: exit status 1; it signals status 1 to its stack: Error on line 5; the last lines:",
				"/no-such-file: No such file", "image check --stack",
			},
		},
		"the mirror is renamed": {
			change: func(root string) error {
				return os.Rename(filepath.Join(root, mirrorDir), filepath.Join(root, filepath.Dir(mirrorDir), "monorepo"))
			},
			want: []string{
				"the mirror in /var/lib/buildkite-agent/git-mirrors/monorepo is not used: the agent looks for " + repositoryURL + " in /" + mirrorDir + ", and fetched it again (",
				"mv /var/lib/buildkite-agent/git-mirrors/monorepo /" + mirrorDir,
			},
		},
		"a hook has a syntax error": {
			change: func(root string) error {
				return os.WriteFile(filepath.Join(root, hook), []byte("#!/bin/bash\nif true; then\n"), 0o755)
			},
			want: []string{"its first job fails in a hook: /" + hook + ": line ", "syntax error: unexpected end of file", "bash -n /" + hook},
		},
		"the agent's user is missing": {
			change: func(root string) error { return dropLine(filepath.Join(root, "etc/passwd"), "buildkite-agent:") },
			want:   []string{"its agent's user buildkite-agent does not exist: buildkite-agent.service cannot start", "useradd --uid 2000"},
		},
		"the agent is missing": {
			change: func(root string) error {
				return os.Remove(filepath.Join(root, "etc/systemd/system/buildkite-agent.service"))
			},
			want: []string{"its agent has no unit buildkite-agent.service (not-found)"},
		},
		"Docker's data root is wrong": {
			change: func(root string) error {
				// What Docker's client says where its daemon reads other data; a daemon needs networks that a container has not.
				client := "#!/bin/sh\ncase $1 in info) echo /mnt/docker;; *) echo 'Error response from daemon: No such image: '$4 >&2; exit 1;; esac\n"
				return os.WriteFile(filepath.Join(root, "usr/bin/docker"), []byte(client), 0o755)
			},
			images: "acme/tool:1.0",
			want:   []string{"Docker image acme/tool:1.0 is not there for the agent's Docker daemon, whose data are in /mnt/docker: Error response from daemon: No such image: acme/tool:1.0", "see data-root"},
		},
		"its command fails": {
			change: func(root string) error {
				return os.WriteFile(filepath.Join(root, "etc/buildkite-agent/hooks/pre-command"), []byte("#!/bin/bash\necho no quota; exit 7\n"), 0o755)
			},
			want: []string{"its first job ends with status 7 before its command; the last lines:", "no quota"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proof, err := firstJob(t, base, program, Machine{Start: container(program), Writes: true}, test.images, test.change, nil)
			if len(test.want) == 0 {
				checkJob(t, proof, err)
				return
			}
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error()+fault.HintOf(err), want) || fault.ClassOf(err) != fault.NotUsable {
					t.Errorf("%v (%s)\ndoes not say %q", err, fault.HintOf(err), want)
				}
			}
		})
	}
}

func checkJob(t *testing.T, proof image.Proof, err error) {
	t.Helper()
	job := proof.Job
	if err != nil || job == nil {
		t.Fatalf("%v, %+v", err, job)
	}
	if !strings.HasPrefix(job.Agent, venv.AgentVersion) || job.Repository != repositoryURL || job.Mirror != "/"+mirrorDir {
		t.Errorf("%+v", job)
	}
	if job.Crossed == 0 || job.Crossed > repositorySize/10 {
		t.Errorf("%d bytes crossed, although the mirror was used", job.Crossed)
	}
	times := []image.Duration{proof.Boot, job.Login, job.Registered, job.Checkout, job.Done, proof.Elapsed}
	if !slices.IsSorted(times) || job.Registered == 0 || job.Checkout == job.Registered {
		t.Errorf("boot %v, elapsed %v, job %+v", proof.Boot, proof.Elapsed, job)
	}
}

func firstJob(t *testing.T, base, program string, machine Machine, images string, change func(root string) error, seen func(bootmap.Boot)) (image.Proof, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "disk.raw")
	if err := disk.Clone(t.Context(), path, base, nil); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		basetest.Change(t, path, change)
	}
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}

	var baked []image.Test
	if images != "" {
		baked = []image.Test{{Name: dockerDocument, Document: testless, Parameters: []byte(`[{"name": "Images", "value": "` + images + `"}]`)}}
	}
	prove := Prove{Machines: map[image.TestIn]Machine{image.TestVM: machine}, Binary: program, Now: time.Now}
	proof, err := prove.Run(t.Context(), Definition{
		Image: image.Image{ID: "img-1", Disk: path, Tests: baked}, In: image.TestVM, Dir: work, Logs: filepath.Join(dir, "logs"), Job: true,
		Seen: seen,
		Env:  []string{searchPath}, // without it nothing waits for the boot: systemctl is not found
	})
	nothingLeft(t, dir, work)

	return proof, err
}

// testless is a document without a test phase.
const testless = "schemaVersion: 1.0\nphases:\n  - {name: build, steps: [{name: A, action: ExecuteBash, inputs: {commands: ['true']}}]}\n"

func container(program string) func(context.Context, string, string, []sandbox.Share) (sandbox.Machine, error) {
	return func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		m, err := nspawn.Boot(ctx, nspawn.BootConfig{
			Config: nspawn.Config{Disk: disk, WorkDir: workDir, Shares: shares}, Program: program, Timeout: bootLimit,
		})
		if err != nil {
			return nil, err
		}
		return m, nil
	}
}

// bootScript gives an image a boot script that does with the services of an instance what that of Buildkite's AMI does, and
// something before.
func bootScript(before string) func(root string) error {
	text := `#!/bin/bash
set -Eeuo pipefail
trap 'cfn-signal --region "$AWS_REGION" --stack "$BUILDKITE_STACK_NAME" --reason "Error on line $LINENO" --resource AgentAutoScaleGroup --exit-code 1; exit 1' ERR
: "$OF_A_LATER_RELEASE"
` + before + `
session=$(curl -fsS -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" http://169.254.169.254/latest/api/token)
instance=$(curl -fsS -H "X-aws-ec2-metadata-token: $session" http://169.254.169.254/latest/meta-data/instance-id)
token=$(curl -fsS -H "X-Amz-Target: AmazonSSM.GetParameter" -d "{\"Name\": \"$BUILDKITE_AGENT_TOKEN_PATH\", \"WithDecryption\": true}" "$AWS_ENDPOINT_URL" | jq -r .Parameter.Value)
ln -sf "/usr/bin/buildkite-agent-$BUILDKITE_AGENT_RELEASE" /usr/bin/buildkite-agent
mirrors=
[ "$BUILDKITE_AGENT_ENABLE_GIT_MIRRORS" != true ] || mirrors=/var/lib/buildkite-agent/git-mirrors
cat <<EOF >/etc/buildkite-agent/buildkite-agent.cfg
name="$BUILDKITE_STACK_NAME-$instance-%spawn"
token="$token"
endpoint="$BUILDKITE_AGENT_ENDPOINT"
tags-from-ec2-meta-data=true
hooks-path=/etc/buildkite-agent/hooks
build-path=/var/lib/buildkite-agent/builds
plugins-path=/var/lib/buildkite-agent/plugins
git-mirrors-path="$mirrors"
EOF
systemctl enable --now buildkite-agent
cfn-signal --region "$AWS_REGION" --stack "$BUILDKITE_STACK_NAME" --resource AgentAutoScaleGroup --exit-code 0
`
	return func(root string) error {
		return errors.Join(
			os.Rename(filepath.Join(root, "usr/bin/buildkite-agent"), filepath.Join(root, "usr/bin/buildkite-agent-stable")),
			os.WriteFile(filepath.Join(root, "usr/local/bin/bk-install-elastic-stack.sh"), []byte(text), 0o755))
	}
}

// agentBase is a Debian disk with the agent and a mirror, as a bake leaves it.
func agentBase(t *testing.T, agent string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.raw")
	if err := disk.Clone(t.Context(), path, basetest.Debian(t).Disk, nil); err != nil {
		t.Fatal(err)
	}
	source := repository(t)

	basetest.Change(t, path, func(root string) error {
		program, err := os.ReadFile(agent)
		if err != nil {
			return err
		}
		mirror := filepath.Join(root, mirrorDir)
		return errors.Join(
			os.WriteFile(filepath.Join(root, "etc/cloud/cloud-init.disabled"), nil, 0o644), // half of a container's boot
			os.WriteFile(filepath.Join(root, "usr/bin/buildkite-agent"), program, 0o755),
			os.WriteFile(filepath.Join(root, "etc/systemd/system/buildkite-agent.service"), []byte(agentUnit), 0o644),
			git(t, "clone", "--quiet", "--mirror", source, mirror),
			git(t, "--git-dir", mirror, "remote", "set-url", "origin", repositoryURL),
			filepath.WalkDir(mirror, func(name string, _ fs.DirEntry, err error) error {
				return errors.Join(err, os.Lchown(name, 2000, 2000))
			}))
	})

	return path
}

// repository is one with a file that cannot be compressed.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	content := make([]byte, repositorySize)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	err := errors.Join(
		git(t, "init", "--quiet", "--initial-branch=main", dir),
		os.WriteFile(filepath.Join(dir, "data"), content, 0o644),
		git(t, "-C", dir, "add", "data"),
		git(t, "-C", dir, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message=First"))
	if err != nil {
		t.Fatal(err)
	}

	return dir
}

func git(t *testing.T, args ...string) error {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput()
	if err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	return nil
}

func dropLine(path, prefix string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	rest := ""
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, prefix) {
			rest += line
		}
	}
	return os.WriteFile(path, []byte(rest), 0o644)
}
