package lint

import (
	"fmt"
	"strings"
	"testing"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/finding"
)

func linter() *Linter {
	return &Linter{Modules: component.Modules(action.All(action.Ports{}))}
}

// documentOf makes a document of a script, which starts on line 9.
func documentOf(script string) string {
	return "schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: Step\n        action: ExecuteBash\n        inputs:\n          commands:\n            - |\n" +
		indent(script, 14)
}

func indent(text string, by int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.Repeat(" ", by) + line)
	}
	return out.String() + "\n"
}

// places says which codes were found where, relative to the script: "2:3 IB401".
func places(found finding.List, lines, columns int) string {
	var out []string
	for _, f := range found {
		out = append(out, fmt.Sprintf("%d:%d %s", f.Line-lines, f.Column-columns, f.Code))
	}
	return strings.Join(out, ", ")
}

func TestHazardsInCommands(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, script, want string }{
		{"one command", "yum install -y jq", ""},
		{"hidden by the next", "yum install -y jq\necho done", "1:1 IB401"},
		{"hidden only once", "yum install -y jq\nyum install -y git\necho done", "1:1 IB401"},
		{"the last one counts", "echo start\nyum install -y jq", ""},
		{"set -e", "set -e\nyum install -y jq\necho done", ""},
		{"set -euo pipefail", "set -euo pipefail\nyum install -y jq\necho done", ""},
		{"set -o errexit", "set -o errexit\nyum install -y jq\necho done", ""},
		{"set -e too late", "yum install -y jq\nset -e\necho done", "1:1 IB401"},
		{"bash -e", "bash -e /opt/x.sh", ""},
		{"trap ERR", "trap 'exit 1' ERR\nyum install -y jq\necho done", ""},
		{"and list", "yum install -y jq && echo done\necho more", ""},
		{"or exit", "yum install -y jq || exit 1\necho done", ""},
		{"status is read", "yum install -y jq\nif [ $? -ne 0 ]; then exit 1; fi\necho done", ""},
		{"status is kept", "yum install -y jq\nrc=$?\nexit $rc", ""},
		{"in an if body", "if true; then\n  yum install -y jq\nfi\necho done", "2:3 IB401"},
		{"in a condition", "if yum install -y jq; then\n  echo yes\nfi\necho done", ""},
		{"last of a loop", "for p in a b; do\n  yum install -y $p\ndone", ""},
		{"in the middle of a loop", "for p in a b; do\n  yum install -y $p\n  echo $p\ndone", "2:3 IB401"},
		{"in a function body", "f() {\n  yum install -y jq\n  echo done\n}\nf", ""},
		{"sudo and path", "sudo -E /usr/bin/yum install -y jq\necho done", "1:1 IB401"},
		{"harmless ones", "echo a\nmkdir -p /opt/x\nrm -f /opt/y\nexport A=b\ncd /opt\nyum install -y jq", ""},
		{"the last of a pipe", "curl -fsSL https://x/y | bash\necho done", "1:26 IB401"},
		{"#! does not count", "#!/bin/bash -e\nyum install -y jq\necho done", "2:1 IB401"},
		{"a reference as command", "{{ build.Other.outputs.stdout }}\necho done", "1:1 IB203"},
		{"bash cannot read it", "if true; then\n  echo yes\n", "1:1 IB400"},

		{"trace beside a secret", "set -x\naws secretsmanager get-secret-value --secret-id x", "1:1 IB402"},
		{"trace beside a token", "set -ex\ncurl -H \"Authorization: $API_TOKEN\" https://x", "1:1 IB402"},
		{"trace without", "set -ex\nadduser --disabled-password x", ""},
		{"no trace", "set -e\necho $API_TOKEN | docker login --password-stdin", ""},

		{"left in /var/tmp", "curl -fsSo /var/tmp/tool.tgz https://x", "1:1 IB403"},
		{"used from /var/tmp", "set -e\ncurl -fsSo /var/tmp/tool.tgz https://x\ntar -xf /var/tmp/tool.tgz", ""},
		{"redirected to /var/tmp", "date > /var/tmp/built", "1:8 IB403"},
		{"cache below /tmp", "git clone --mirror https://x /tmp/mirrors/x", "1:1 IB404"},
		{"file below /tmp", "curl -fsSo /tmp/tool.tgz https://x", ""},

		{"key deleted from disk", "rm -f /root/.ssh/id_rsa", "1:1 IB405"},
		{"key shredded", "shred -u /opt/private_key.pem", "1:1 IB405"},
		{"public key deleted", "rm -f /etc/apt/keyrings/docker.key /x/id_rsa.pub /etc/ssl/server-cert.pem", ""},
		{"key in memory", "rm -f /dev/shm/id_rsa", ""},
		{"secrets on a tmpfs", "set -e\nmount -t tmpfs none /mnt/s\nrm /mnt/s/id_rsa", ""},
		{"secrets of the bake", "rm -rf /tmp/secrets", ""},
		{"secret copied", "cp /tmp/secrets/id_rsa /root/.ssh/id_rsa", "1:1 IB409"},
		{"secret copied to who knows where", "key=$(mktemp -p /dev/shm)\ncp /tmp/secrets/id_rsa \"$key\"", ""},
		{"secret copied in memory", "cp /tmp/secrets/id_rsa /dev/shm/", ""},

		{"docker pull", "docker pull node:22", "1:1 IB406"},
		{"docker compose pull", "docker compose -f x.yml pull", "1:1 IB406"},
		{"docker pull, remapped", "dockerd --userns-remap=buildkite-agent &\ndocker pull node:22", ""},
		{"git pull", "git pull", ""},
		{"revoked key", "echo 'github.com ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEAq2A7hRGmdnm9tUDbO9IDSwBK6TbQa+' >> /etc/ssh/ssh_known_hosts", "1:26 IB407"},

		{"HOME", "ls \"$HOME\"", "1:5 IB408"},
		{"HOME is set", "export HOME=/root\nls $HOME", ""},
		{"HOME with default", "ls ${HOME:-/root}", ""},
		{"HOME quoted", "echo '$HOME'", ""},
		{"HOME in a quoted heredoc", "cat > /etc/x <<'EOF'\n$HOME\nEOF", ""},
		{"tilde", "ls ~/.ssh", "1:4 IB408"},
		{"tilde in a redirection", "echo x >> ~/.ssh/known_hosts", "1:11 IB408"},
		{"tilde, HOME is set", "export HOME=/root\nls ~/.ssh", ""},
		{"tilde of a user", "ls ~ec2-user/.ssh", ""},
		{"tilde quoted", "ls '~/.ssh'", ""},
		{"pipefail is bash's", "#!/bin/sh\nset -eo pipefail\nls", ""},
		{"git config --global", "git config --global user.name x", "1:1 IB408"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			result, err := linter().Text("x.yml", []byte(documentOf(test.script)))
			if err != nil {
				t.Fatal(err)
			}
			if got := places(result.Findings, 9, 14); got != test.want {
				t.Errorf("got %q, want %q\n%v", got, test.want, result.Findings)
			}
		})
	}
}

func TestHazardsInScripts(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, script, want string }{
		{"hidden", "#!/bin/bash\nyum install -y jq\necho done\n", "2:1 IB401"},
		{"-e on the #! line", "#!/bin/bash -e\nyum install -y jq\necho done\n", ""},
		{"HOME is set for scripts of their own", "#!/bin/bash\nls $HOME\n", ""},
		{"~ in scripts of their own", "#!/bin/sh\nmkdir -p ~/.ssh\n", ""},
		{"pipefail under sh", "#!/bin/sh\nset -xeo pipefail\necho\n", "2:1 IB412"},
		{"pipefail under sh by env", "#!/usr/bin/env sh\nset -e -o pipefail\necho\n", "2:1 IB412"},
		{"pipefail under bash", "#!/bin/bash\nset -xeo pipefail\necho\n", ""},
		{"another language", "#!/usr/bin/env -S python3 -u\nimport os\nif os: print('x')\n", ""},
		{"no #! line", "yum install -y jq\necho done\n", "1:1 IB401"},
		{"env", "#!/usr/bin/env bash\nyum install -y jq\necho done\n", "2:1 IB401"},
		{"silenced", "#!/bin/bash\n# lint:ignore IB401 best effort\nyum install -y jq\necho done\n", ""},
		{"wide runes before", "#!/bin/bash\necho 日本; yum install jq; echo done\n", "2:10 IB401"},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			result, err := linter().Text("x.sh", []byte(test.script))
			if err != nil {
				t.Fatal(err)
			}
			if got := places(result.Findings, 0, 0); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestBrokenURLs(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"s3://{{ loop.value }}/x": "9:26 IB206", "s3:/{{ loop.value }}/x": "9:21 IB111, 9:25 IB206", "S3//bucket/x": "9:21 IB111", "s3:bucket/x": "9:21 IB111", "s3://bucket/x": "",
	}

	for source, want := range tests {
		text := "schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: Step\n        action: S3Download\n        inputs:\n          -\n            source: " + source + "\n            destination: /opt/x\n"
		result, err := linter().Text("x.yml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := places(result.Findings, 0, 0); got != want {
			t.Errorf("%s: got %q, want %q: %v", source, got, want, result.Findings)
		}
	}
}

func TestHomeWithoutShell(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"action: ExecuteBinary\n        inputs: {path: /bin/mkdir, arguments: [~/.ssh]}":       "7:48 IB408",
		"action: ExecuteBinary\n        inputs: {path: /bin/mkdir, arguments: [/root/.ssh]}":   "",
		"action: ExecuteBinary\n        inputs: {path: /bin/echo, arguments: ['about $HOME']}": "",
		"action: CreateFolder\n        inputs: [{path: $HOME/.ssh}]":                           "7:25 IB408",
	}

	for step, want := range tests {
		text := "schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: Step\n        " + step + "\n"
		result, err := linter().Text("x.yml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := places(result.Findings, 0, 0); got != want {
			t.Errorf("%s: got %q, want %q: %v", step, got, want, result.Findings)
		}
	}
}

func TestCommandsAreOneScript(t *testing.T) {
	t.Parallel()
	text := `schemaVersion: 1.0
phases:
  - name: build
    steps:
      - name: Step
        action: ExecuteBash
        inputs:
          commands:
            - echo "first"
            - yum install -y jq
            - 'echo "last"'
`

	result, err := linter().Text("x.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := places(result.Findings, 0, 0); got != "10:15 IB401" {
		t.Fatalf("got %q: %v", got, result.Findings)
	}
}

func TestIgnore(t *testing.T) {
	t.Parallel()
	body := strings.TrimPrefix(documentOf("yum install -y jq\necho done"), "schemaVersion: 1.0\n")
	const head = "schemaVersion: 1.0\n"
	inStep := func(comment string) string {
		return head + strings.Replace(body, "      - name: Step", "      "+comment+"\n      - name: Step", 1)
	}

	tests := []struct{ name, text, want string }{
		{"at the top", "# lint:ignore IB401 we know\n" + head + body, ""},
		{"after a licence", "# Licence\n\n# lint:ignore IB401\n" + head + body, ""},
		{"not at the top", head + "# lint:ignore IB401\n" + body, "2:1 IB410, 11:15 IB401"},
		{"before the step", inStep("# lint:ignore IB401, IB403 reason"), ""},
		{"at the step", head + strings.Replace(body, "name: Step", "name: Step # lint:ignore IB401", 1), ""},
		{"on the line before", head + strings.Replace(body, "yum", "# lint:ignore IB401\n              yum", 1), ""},
		{"on the line", head + strings.Replace(body, "yum install -y jq", "yum install -y jq # lint:ignore IB401 fine", 1), ""},
		{"another code", inStep("# lint:ignore IB402 reason"), "5:7 IB410, 11:15 IB401"},
		{"no code", inStep("# lint:ignore all of it"), "5:7 IB410, 11:15 IB401"},
		{"an error stays", "# lint:ignore IB107\n" + head + strings.Replace(strings.Replace(body, "ExecuteBash", "ExecuteBsh", 1), "yum install -y jq", "", 1), "1:1 IB410, 7:17 IB107"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			result, err := linter().Text("x.yml", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := places(result.Findings, 0, 0); got != test.want {
				t.Errorf("got %q, want %q\n%s%v", got, test.want, test.text, result.Findings)
			}
		})
	}
}
