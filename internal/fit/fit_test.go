package fit_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/fit"
	"image-builder/internal/image"
)

// template has the shape of an Elastic CI Stack's: Windows and Linux user data behind Fn::If, and Fn::Sub with a map.
const template = `
Description: "Buildkite stack v6.2.0"
Parameters:
  InstanceTypes: {Type: String, Default: "t3.large"}
  LinuxDistribution: {Type: String, Default: amazonlinux2023}
  RootVolumeSize: {Type: Number, Default: 250}
  RootVolumeName: {Type: String, Default: ""}
  EnableInstanceStorage: {Type: String, Default: "false"}
  EnableDockerUserNamespaceRemap: {Type: String, Default: "true"}
  BuildkiteAgentEnableGitMirrors: {Type: String, Default: "false"}
  BuildkiteAgentRelease: {Type: String, Default: stable}
  Queue: {Type: String}
Resources:
  Template:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateData:
        UserData:
          Fn::Base64: !If
            - UseWindowsAgents
            - !Sub |
              <powershell>
              $Env:QUEUE="${Queue}"
              </powershell>
            - !Sub
              - |
                Content-Type: multipart/mixed; boundary="==BOUNDARY=="
                --==BOUNDARY==
                Content-Type: text/cloud-config; charset="us-ascii"
                #cloud-config
                --==BOUNDARY==
                Content-Type: text/x-shellscript; charset="us-ascii"
                #!/bin/bash -v
                EnableStorage="${EnableInstanceStorage}" \
                  /usr/local/bin/storage.sh
                --==BOUNDARY==
                Content-Type: text/x-shellscript; charset="us-ascii"
                #!/bin/bash -v
                QUEUE="${Local}" VERSION="%v" NAME="${!HOME}" \
                  /usr/local/bin/install.sh
                --==BOUNDARY==--
              - {Local: !Ref Queue}
`

const storage = "#!/bin/bash\nset -u\necho $EnableStorage\n"

func script(body string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("#!/usr/bin/env bash\nset -euo pipefail\n" + body)}
}

func tree(install string) fstest.MapFS {
	return fstest.MapFS{
		"usr/local/bin/storage.sh": {Data: []byte(storage)},
		"usr/local/bin/install.sh": script(install),
		"etc/os-release":           {Data: []byte("NAME=\"Amazon Linux\"\nID=\"amzn\"\n")},
	}
}

func check(t *testing.T, img fit.Image, settings map[string]string) fit.Verdict {
	t.Helper()
	parsed, err := fit.ParseTemplate([]byte(template))
	if err != nil {
		t.Fatal(err)
	}
	verdict, err := fit.Check(img, parsed, settings)
	if err != nil {
		t.Fatal(err)
	}

	if verdict.Stack != "v6.2.0" || verdict.Fits != (len(verdict.Breaks) == 0) {
		t.Errorf("verdict is %+v", verdict)
	}
	return verdict
}

func TestImageThatFits(t *testing.T) {
	t.Parallel()
	img := fit.Image{Tree: tree("echo $QUEUE $VERSION $NAME ${TAGS:-}\n"), Arch: image.X86_64, Size: 10 << 30}
	if verdict := check(t, img, nil); !verdict.Fits || len(verdict.Warnings) > 0 {
		t.Errorf("verdict is %+v", verdict)
	}
}

func TestVariableThatTheTemplateNoLongerSets(t *testing.T) {
	t.Parallel()
	verdict := check(t, fit.Image{Tree: tree("echo $QUEUE\necho $BEHAVIOR\n")}, nil)
	if len(verdict.Breaks) != 1 {
		t.Fatalf("verdict is %+v", verdict)
	}
	want := "/usr/local/bin/install.sh, line 4 needs BEHAVIOR, which the template v6.2.0 does not set: the instances will terminate in a loop, with nothing in the CloudFormation events to explain it"
	if diff := cmp.Diff(want, verdict.Breaks[0].Text); diff != "" {
		t.Error(diff)
	}

	if !strings.Contains(verdict.Breaks[0].Hint, "image-builder base resolve --release v6.2.0") {
		t.Errorf("next is %q", verdict.Breaks[0].Hint)
	}
}

// A known setting decides a condition; an unknown one leaves both branches.
func TestSettingsDecideConditions(t *testing.T) {
	t.Parallel()
	img := fit.Image{Tree: tree(`[[ "$QUEUE" == special ]] && echo $TOKEN` + "\n")}
	for value, breaks := range map[string]int{"special": 1, "default": 0} {
		if verdict := check(t, img, map[string]string{"Local": value}); len(verdict.Breaks) != breaks {
			t.Errorf("%s: verdict is %+v", value, verdict)
		}
	}

	verdict := check(t, img, nil)
	if len(verdict.Breaks) != 1 || !strings.Contains(verdict.Breaks[0].Text, "on the boots that come by that line") {
		t.Errorf("verdict is %+v", verdict)
	}
}

func TestBootScriptThatIsNotThere(t *testing.T) {
	t.Parallel()
	files := tree("")
	delete(files, "usr/local/bin/storage.sh")
	verdict := check(t, fit.Image{Tree: files}, nil)
	if len(verdict.Breaks) != 1 || !strings.Contains(verdict.Breaks[0].Text, "calls /usr/local/bin/storage.sh, which is not in the image") {
		t.Errorf("verdict is %+v", verdict)
	}
}

// An image may hold anything: a link that leads out of the tree is not followed.
func TestLinksDoNotLeadOutOfTheImage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()

	outside := filepath.Join(t.TempDir(), "secret.sh")
	if err := os.WriteFile(outside, []byte("#!/bin/bash\nset -u\necho $OUTSIDE\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "usr/local/bin"), 0o700); err != nil {
		t.Fatal(err)
	}

	for _, name := range []string{"storage.sh", "install.sh"} {
		if err := os.Symlink(outside, filepath.Join(dir, "usr/local/bin", name)); err != nil {
			t.Fatal(err)
		}
	}

	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()

	for _, b := range check(t, fit.Image{Tree: root.FS()}, nil).Breaks {
		if strings.Contains(b.Text, "OUTSIDE") {
			t.Errorf("a link was followed out of the image: %s", b.Text)
		}
	}
}

func TestSettingsOfTheStack(t *testing.T) {
	t.Parallel()
	const object = "/image/overlay2/imagedb/content/sha256/0abc"
	for name, test := range map[string]struct {
		settings map[string]string
		files    []string
		arch     image.Arch
		size     int64
		want     string // names of breaks, then of warnings
	}{
		"architecture":           {settings: map[string]string{"InstanceTypes": "m7gd.large, t3.large"}, arch: image.X86_64, want: "architecture"},
		"architecture, arm":      {arch: image.ARM64, want: "architecture"},
		"architecture, agrees":   {settings: map[string]string{"InstanceTypes": "c6gn.large"}, arch: image.ARM64},
		"g is a family, too":     {settings: map[string]string{"InstanceTypes": "g5.xlarge"}, arch: image.X86_64},
		"root volume":            {settings: map[string]string{"RootVolumeSize": "10"}, size: 10<<30 + 1, want: "root volume"},
		"root volume, fits":      {settings: map[string]string{"RootVolumeSize": "10"}, size: 10 << 30},
		"root device":            {settings: map[string]string{"LinuxDistribution": "ubuntu2404"}, want: "root device"},
		"root device, named":     {settings: map[string]string{"LinuxDistribution": "ubuntu2404", "RootVolumeName": "/dev/xvda"}},
		"mirrors unused":         {files: []string{"var/lib/buildkite-agent/git-mirrors/a/HEAD"}, want: "git mirrors"},
		"mirrors used":           {files: []string{"var/lib/buildkite-agent/git-mirrors/a/HEAD"}, settings: map[string]string{"BuildkiteAgentEnableGitMirrors": "true"}},
		"hidden by storage":      {files: []string{"var/lib/docker/2000.992" + object}, settings: map[string]string{"EnableInstanceStorage": "true"}, want: "instance storage"},
		"no user namespaces":     {files: []string{"var/lib/docker" + object}, want: "docker images"},
		"user namespaces":        {files: []string{"var/lib/docker/2000.992" + object}},
		"user namespaces, off":   {files: []string{"var/lib/docker/2000.992" + object}, settings: map[string]string{"EnableDockerUserNamespaceRemap": "false"}, want: "docker images"},
		"both data roots":        {files: []string{"var/lib/docker" + object, "var/lib/docker/2000.992" + object}},
		"storage, nothing baked": {settings: map[string]string{"EnableInstanceStorage": "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := tree("")
			for _, file := range test.files {
				files[file] = &fstest.MapFile{}
			}

			verdict := check(t, fit.Image{Tree: files, Arch: test.arch, Size: test.size}, test.settings)

			var names []string
			for _, b := range append(verdict.Breaks, verdict.Warnings...) {
				names = append(names, b.Name)
				if b.Hint == "" {
					t.Errorf("%s does not say what to do", b.Name)
				}
			}

			if got := strings.Join(names, " "); got != test.want {
				t.Errorf("got %q, want %q: %+v", got, test.want, verdict)
			}
		})
	}
}

// The agent's major version is in the build information of its binary.
func TestAgentOfAnotherMajorVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module github.com/buildkite/agent/v4\n\ngo 1.25\n",
		"main.go": "package main\n\nfunc main() {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	build := exec.CommandContext(t.Context(), "go", "build", "-o", "agent", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.MkdirAll(filepath.Join(dir, "usr/bin"), 0o700); err != nil {
		t.Fatal(err)
	}

	if err := os.Rename(filepath.Join(dir, "agent"), filepath.Join(dir, "usr/bin/buildkite-agent-stable")); err != nil {
		t.Fatal(err)
	}

	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()

	found := false
	for _, b := range check(t, fit.Image{Tree: root.FS()}, nil).Breaks {
		found = found || (b.Name == "agent" && strings.Contains(b.Text, "made for agent v3"))
	}

	if !found {
		t.Error("an agent v4 under a template v6 is not reported")
	}
}

func TestTextsThatAreNotSuchATemplate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"not yaml":  {"a: [", "parse template"},
		"empty":     {"", "no documents in stream"},
		"unrelated": {"Resources: {Topic: {Type: AWS::SNS::Topic}}", "name the template of an Elastic CI Stack"},
		"windows":   {"Resources: {T: {Type: AWS::EC2::LaunchTemplate, Properties: {LaunchTemplateData: {UserData: <powershell>}}}}", "no launch template"},
	} {
		if _, err := fit.ParseTemplate([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func ExampleCheck() {
	stack, err := fit.ParseTemplate([]byte(template))
	if err != nil {
		panic(err)
	}
	verdict, err := fit.Check(fit.Image{Tree: tree("echo $QUEUE $BEHAVIOR\n")}, stack, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(verdict.Fits, verdict.Breaks[0].Text)
	// Output: false /usr/local/bin/install.sh, line 3 needs BEHAVIOR, which the template v6.2.0 does not set: the instances will terminate in a loop, with nothing in the CloudFormation events to explain it
}
