package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"image-builder/internal/finding"
)

// whole is what a hazard may look at besides the script: the whole file, to see what it undoes or uses elsewhere.
type whole struct {
	text string
	// tmpfs and userns say that the text contains these words anywhere.
	tmpfs, userns bool
	// fetchesSecrets says that the file itself brings secrets to /tmp/secrets, without this program.
	fetchesSecrets bool
}

func newWhole(text string) whole {
	return whole{text: text, tmpfs: strings.Contains(text, "tmpfs"), userns: strings.Contains(text, "userns")}
}

// hazards looks for everything in a script that runs but goes wrong in a bake.
func hazards(sh *shell, w whole) finding.List {
	found := encodingHazard(sh.script)
	if sh.invalid != nil {
		return append(append(found, syntaxHazard(sh)...), revokedKey(sh.script)...)
	}

	if f, ok := hiddenFailure(sh); ok {
		found = append(found, f)
	}

	found = append(found, tracedSecret(sh)...)
	found = append(found, lostFiles(sh, w)...)
	found = append(found, secretFiles(sh, w)...)
	found = append(found, dockerPulls(sh, w)...)
	found = append(found, homes(sh)...)
	found = append(found, pipefailInSh(sh)...)

	return append(found, revokedKey(sh.script)...)
}

func syntaxHazard(sh *shell) finding.List {
	return finding.List{{
		Code: finding.ShellSyntax, Position: sh.script.place(sh.invalid.offset), Message: "bash cannot read this: " + sh.invalid.text, Right: "check the script with `bash -n`",
	}}
}

// encodingHazard warns of a script in another encoding: bash reads it, but what it writes is not what was meant.
func encodingHazard(s script) finding.List {
	if utf8.ValidString(s.text) {
		return nil
	}
	offset := strings.IndexFunc(s.text, func(r rune) bool { return r == utf8.RuneError })
	return finding.List{warning(finding.ShellSyntax, s.place(offset), "the script is not UTF-8: this byte is of another encoding, such as Latin-1", "save the file as UTF-8")}
}

// secretText is the text in a script that handles a secret: its path, or the variable that holds it.
var secretText = regexp.MustCompile(`/tmp/secrets|get-secret-value|--with-decryption|aws:ssm:|docker login|` +
	`(?i:\$\{?[a-z_]*(passw(or)?d|passphrase|api_?key|private_?key|secret|token)|\b[a-z_]*(passw(or)?d|passphrase|api_?key|private_?key|secret|token)=)`)

func tracedSecret(sh *shell) finding.List {
	if sh.tracing < 0 {
		return nil
	}
	secret := secretText.FindString(sh.script.text)
	if secret == "" {
		return nil
	}
	return finding.List{warning(finding.TracedSecret, sh.script.place(sh.tracing),
		fmt.Sprintf("set -x writes every command into the log, and this script handles secrets (%s)", secret),
		"remove set -x, or set +x around the commands that see a secret")}
}

var cachePath = regexp.MustCompile(`^/tmp/(.*[^a-z])?(cache|mirror)`)

// lostFiles warns of files that are made where nothing reaches the image and that the file never mentions again.
func lostFiles(sh *shell, w whole) finding.List {
	for _, made := range sh.made() {
		temporary := strings.HasPrefix(made.path, "/var/tmp/")
		cache := cachePath.MatchString(made.path)
		if (!temporary && !cache) || strings.Contains(made.path, "$") || strings.Count(w.text, strings.TrimRight(made.path, "/")) > 1 {
			continue
		}
		at := sh.script.place(made.offset)

		if temporary {
			return finding.List{warning(finding.VarTmp, at, made.path+" does not reach the image: Image Builder empties /var/tmp",
				"keep it elsewhere, like /opt or /var/lib")}
		}

		return finding.List{warning(finding.TmpCache, at, made.path+" does not reach the image: /tmp is emptied, or memory",
			"keep caches elsewhere, like /var/cache or /var/lib")}
	}

	return nil
}

// made lists the files that the script writes: redirections, copies, downloads, clones.
func (sh *shell) made() []target {
	made := slices.Clone(sh.writes)
	for _, c := range sh.calls {
		var path string

		switch c.name {
		case "cp", "mv", "install", "mkdir", "touch", "rsync":
			path = lastWord(c.args)
		case "git":
			if firstWord(c.args) == "clone" {
				path = lastWord(c.args)
			}
		case "curl", "wget", "docker":
			path = optionValue(c.args, "-o", "--output", "-O", "--output-document")
		}

		if path != "" {
			made = append(made, target{path, c.offset})
		}
	}

	return made
}

func lastWord(args []string) string {
	if len(args) == 0 || strings.HasPrefix(args[len(args)-1], "-") {
		return ""
	}
	return args[len(args)-1]
}

func optionValue(args []string, names ...string) string {
	for i, arg := range args {
		if name, value, found := strings.Cut(arg, "="); found && slices.Contains(names, name) {
			return value
		}
		if i == 0 || strings.HasPrefix(arg, "-") {
			continue
		}
		last := args[i-1]
		if slices.Contains(names, last) || (isFlag(last, 'o') && strings.HasSuffix(last, "o")) {
			return arg
		}
	}

	return ""
}

const secretsDir = "/tmp/secrets"

var (
	secretPath = regexp.MustCompile(`(?i)(^|/)(id_(rsa|ed25519|ecdsa|dsa)|\.netrc|\.npmrc|\.git-credentials|git-credentials|credentials|private_ssh_key)$|` +
		`(secret|password|passwd|token|api_?key|private_?key)[^/]*$|\.(pem|key|p12|pfx)$`)
	publicPath = regexp.MustCompile(`(?i)\.pub$|(cert|ca|chain|bundle|public)[^/]*\.(pem|key)$|gpg[^/]*\.key$|rpm-gpg|keyrings?/`)
	somewhere  = regexp.MustCompile(`^\$[^/]*$`) // a variable may well point into memory
	inMemory   = regexp.MustCompile(`^(/dev/shm|/run|/dev)(/|$)`)
)

func isSecret(path string) bool {
	return !strings.HasPrefix(path, "/etc/passwd") && secretPath.MatchString(path) && !publicPath.MatchString(path)
}

// secretFiles warns of secrets that stay on the disk: deleted from it, or copied from memory onto it.
func secretFiles(sh *shell, w whole) finding.List {
	var found finding.List
	for _, c := range sh.calls {
		switch c.name {
		case "rm", "shred", "srm", "wipe", "unlink":
			found = append(found, removedSecret(sh, w, c)...)
		case "cp", "mv", "install", "rsync":
			found = append(found, copiedSecret(sh, c)...)
		}
	}
	return found
}

func removedSecret(sh *shell, w whole, c call) finding.List {
	if w.tmpfs {
		return nil
	}

	for _, path := range c.args {
		inSecrets := strings.HasPrefix(path, secretsDir)
		switch {
		case strings.HasPrefix(path, "-") || inMemory.MatchString(path) || (inSecrets && !w.fetchesSecrets):
		case inSecrets || isSecret(path):
			return finding.List{warning(finding.RemovedSecret, sh.script.place(c.offset),
				fmt.Sprintf("%s was on the disk; after %s its blocks are still in the snapshot", path, c.name),
				"keep secrets in memory: mount a tmpfs there first, or use "+secretsDir)}
		}
	}

	return nil
}

func copiedSecret(sh *shell, c call) finding.List {
	to := lastWord(c.args)
	if len(c.args) < 2 || to == "" || strings.HasPrefix(to, secretsDir) || inMemory.MatchString(to) || somewhere.MatchString(to) {
		return nil
	}

	for _, from := range c.args[:len(c.args)-1] {
		if strings.HasPrefix(from, secretsDir) {
			return finding.List{warning(finding.CopiedSecret, sh.script.place(c.offset),
				fmt.Sprintf("%s is copied to %s and stays in the image, even if it is deleted there", from, to),
				fmt.Sprintf("use it where it is, as in GIT_SSH_COMMAND='ssh -i %s'", from))}
		}
	}

	return nil
}

func dockerPulls(sh *shell, w whole) finding.List {
	if w.userns {
		return nil
	}

	for _, c := range sh.calls {
		compose := c.name == "docker-compose" || (c.name == "docker" && slices.Contains(c.args, "compose"))
		if (c.name == "docker" || compose) && slices.Contains(c.args, "pull") {
			return finding.List{warning(finding.DockerPull, sh.script.place(c.offset),
				"an Elastic CI Stack's Docker daemon remaps user namespaces by default and does not see images pulled without it",
				"list the image under docker-images in the recipe, or pull with the same userns-remap")}
		}
	}

	return nil
}

// revoked is the beginning of GitHub's RSA host key, replaced on 24 March 2023.
// https://github.blog/2023-03-23-we-updated-our-rsa-ssh-host-key/
const revoked = "AAAAB3NzaC1yc2EAAAABIwAAAQEAq2A7hRGmdnm9tUDbO9IDSwBK6TbQa"

func revokedKey(s script) finding.List {
	offset := strings.Index(s.text, revoked)
	if offset < 0 {
		return nil
	}
	return finding.List{warning(finding.RevokedKey, s.place(offset), "this is GitHub's RSA host key that was revoked in March 2023; ssh refuses it",
		"take the keys of https://api.github.com/meta, or the ed25519 one alone")}
}
