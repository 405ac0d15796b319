package nspawn

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"image-builder/internal/sandbox"
)

// commandPath is where the machine's shell finds what to run.
const commandPath = "/run/.machine-command"

// inherited are the variables that nspawn and the shell set on their own.
const inherited = "container container_uuid container_host_id container_host_version_id container_host_build_id " +
	"container_host_variant_id NOTIFY_SOCKET CREDENTIALS_DIRECTORY HOME LOGNAME USER TERM LANG PATH PWD OLDPWD SHLVL"

// searchPath is the PATH for finding a command whose own environment has none.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// script is the command as POSIX shell text, read from commandPath in memory, so that neither its environment nor its
// arguments show in any argv of this machine. It is one compound command: the shell has read it all when it empties
// the file, which also shows that nspawn got that far. The shell stays, so that a command killed by signal N ends
// with status 128+N, as in any script.
func script(command sandbox.Command) (string, error) {
	if len(command.Args) == 0 {
		return "", errors.New("no command given")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "{ : >%s\nunset %s\nPATH=%s\n", commandPath, inherited, searchPath)

	for _, entry := range command.Env {
		name, value, found := strings.Cut(entry, "=")
		if !found || !variable.MatchString(name) {
			// the entry itself may be secret
			return "", fmt.Errorf("set variable %q: a name is letters, digits and _, then = and the value", name)
		}
		if strings.ContainsRune(value, 0) {
			return "", fmt.Errorf("set variable %s: its value has a zero byte", name)
		}
		fmt.Fprintf(&b, "export %s=%s\n", name, quote(value))
	}

	for _, arg := range command.Args {
		b.WriteString(quote(arg) + " ")
	}

	b.WriteString("\nexit\n}\n")
	return b.String(), nil
}

// quote turns any text into one shell word.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// write puts the command into the machine's memory.
func (m *memory) write(command sandbox.Command) error {
	text, err := script(command)
	if err != nil {
		return err
	}
	if err := m.forget(); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(m.command(), []byte(text), 0o600), m.give(m.command()))
}

// began reports whether the machine's shell took the command.
func (m *memory) began() bool {
	info, err := os.Lstat(m.command())
	return err != nil || info.Size() == 0
}

// forget removes the command from memory.
func (m *memory) forget() error { return os.RemoveAll(m.command()) }
