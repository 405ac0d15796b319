package agentcheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"image-builder/internal/fault"
)

const (
	// wholeFsck is how large the packs of a mirror may be for each object in them to be read, in bytes: some 20 s. Of a larger
	// one, git looks only whether every object that a reference needs is there.
	wholeFsck = 256 << 20
	// fsckPatience bounds one mirror.
	fsckPatience = 20 * time.Minute
	// mostPacks bounds the files of a mirror that are looked at.
	mostPacks = 1000
	nobody    = 65534
)

// fsck lets git look whether the mirrors are whole. A mirror that is not packed, borrows objects from another one or
// leaves some out is not looked at: git-mirrors says so of the first, and the others need more than their own files.
func fsck(ctx context.Context, t tree) ([]Finding, error) {
	var found []Finding
	for _, entry := range t.names(mirrorsDir) {
		name := path.Join(mirrorsDir, entry.Name())
		if !entry.IsDir() || !t.selfContained(name) {
			continue
		}
		said, err := t.fsckMirror(ctx, name)
		if err != nil {
			return nil, err
		}
		if said != "" {
			found = append(found, Finding{
				Text: fmt.Sprintf("/%s is damaged: git fsck says %s: checkouts from it fail", name, said),
				Hint: "bake the mirror again, from scratch if the base has it: rm -r /" + name,
			})
		}
	}

	return found, nil
}

func (t tree) selfContained(name string) bool {
	if !t.has(name+"/objects/pack") || t.has(name+"/objects/info/alternates") || t.has(name+"/shallow") {
		return false
	}
	for _, entry := range t.names(name + "/objects/pack") {
		if strings.HasSuffix(entry.Name(), ".promisor") {
			return false
		}
	}
	loose, _ := t.loose(name)
	return !loose
}

// fsckMirror returns what git says of a mirror; "" if it is whole. git gets a repository of our own, whose objects and
// references are the mirror's: nothing in the image configures it.
func (t tree) fsckMirror(ctx context.Context, name string) (said string, err error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return "", fault.New(fault.BadMachine, errors.New("git is not installed"), "apt-get install git, or leave the check out: --skip-check git-fsck")
	}
	dir, err := os.MkdirTemp("", "image-builder-fsck-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	m := &mirrorCopy{tree: t, dir: dir}
	defer m.close()
	if err := m.make(name); err != nil {
		return "", err
	}

	ctx, cancel := context.WithTimeout(ctx, fsckPatience)
	defer cancel()
	var out bytes.Buffer
	git := m.command(ctx, program)
	git.Stdout = &out
	git.Stderr = &out

	runtime.LockOSThread() // which Pdeathsig is about
	err = git.Run()
	runtime.UnlockOSThread()

	if cause := context.Cause(ctx); cause != nil {
		return "", fmt.Errorf("run git fsck: %w", cause)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return firstLine(out.String()), nil
	}
	if err != nil {
		return "", fmt.Errorf("run git fsck: %w", err)
	}

	return "", nil
}

// firstLine returns the first line that says what is wrong.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "notice: ") {
			return line
		}
	}
	return "no reason"
}

// mirrorCopy is a repository that shares the packs of a mirror.
type mirrorCopy struct {
	tree tree
	dir  string
	open []*os.File // for git, as its descriptors 3 and up
	size int64      // of the packs
}

// command is git fsck, without any configuration but the copy's, without a network and, if this is root, as nobody.
func (m *mirrorCopy) command(ctx context.Context, program string) *exec.Cmd {
	args := []string{"--git-dir=" + m.dir, "fsck", "--no-dangling", "--no-progress"}
	if m.size > wholeFsck {
		args = append(args, "--connectivity-only")
	}

	git := exec.CommandContext(ctx, program, args...)
	git.Dir = "/"
	git.Env = []string{
		"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}
	git.ExtraFiles = m.open
	git.WaitDelay = 5 * time.Second
	git.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		git.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		git.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC
	}

	return git
}

func (m *mirrorCopy) close() {
	for _, file := range m.open {
		_ = file.Close() // it was only read
	}
}

// make makes the repository of the mirror called name.
func (m *mirrorCopy) make(name string) error {
	if err := m.empty(name); err != nil {
		return err
	}
	if m.tree.has(name + "/packed-refs") {
		if err := m.add(name+"/packed-refs", "packed-refs"); err != nil {
			return err
		}
	}

	for i, entry := range m.tree.names(name + "/objects/pack") {
		if ext := path.Ext(entry.Name()); i > mostPacks || (ext != ".pack" && ext != ".idx") {
			continue
		}
		if err := m.add(name+"/objects/pack/"+entry.Name(), "objects/pack/"+entry.Name()); err != nil {
			return err
		}
	}

	return nil
}

// empty makes a repository without objects. Of the mirror's configuration it takes the format of object names.
func (m *mirrorCopy) empty(name string) error {
	config := "[core]\n\tbare = true\n"
	if strings.Contains(strings.ToLower(m.tree.text(name+"/config")), "objectformat = sha256") {
		config += "\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n"
	}

	return errors.Join(
		os.Chmod(m.dir, 0o755),
		os.MkdirAll(filepath.Join(m.dir, "objects", "pack"), 0o755),
		os.Mkdir(filepath.Join(m.dir, "refs"), 0o755),
		os.WriteFile(filepath.Join(m.dir, "HEAD"), []byte("ref: refs/heads/main\n"), 0o644),
		os.WriteFile(filepath.Join(m.dir, "config"), []byte(config), 0o644),
	)
}

// add shows a file of the image to git: by its descriptor, if everybody may read it, else as a copy.
func (m *mirrorCopy) add(name, as string) error {
	file, err := m.tree.Open(name)
	if err != nil {
		return nil //nolint:nilerr // a link out of the image, or damage: git misses what is in it
	}

	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, file.Close())
	}
	m.size += info.Size()
	path := filepath.Join(m.dir, as)

	if opened, isFile := file.(*os.File); isFile && info.Mode()&0o004 != 0 {
		m.open = append(m.open, opened)
		return os.Symlink(fmt.Sprintf("/proc/self/fd/%d", 2+len(m.open)), path)
	}

	return errors.Join(copyTo(path, file), file.Close())
}

func copyTo(path string, file fs.File) error {
	copied, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(copied, file)
	return errors.Join(err, copied.Close())
}
