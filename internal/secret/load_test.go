package secret

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// tree makes a directory with the given files; a value that begins with "-> " is a link's target.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "secrets")
	for name, text := range files {
		name = filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(name), 0o700)
		if target, ok := strings.CutPrefix(text, "-> "); ok && err == nil {
			err = os.Symlink(target, name)
		} else if err == nil {
			err = os.WriteFile(name, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

func TestLoad(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files map[string]string
		start string
		want  []Secret
		wrong string
	}{
		"a directory": {
			files: map[string]string{"id_rsa": "key\n", "aws/token": "t", "empty": ""},
			want:  []Secret{{"aws/token", []byte("t")}, {"empty", []byte{}}, {"id_rsa", []byte("key\n")}},
		},
		"one file": {
			files: map[string]string{"a/token": "t", "other": "o"}, start: "a/token",
			want: []Secret{{"token", []byte("t")}},
		},
		"links inside, as Kubernetes makes them": {
			files: map[string]string{"..1/token": "t", "..data": "-> ..1", "token": "-> ..data/token"},
			want:  []Secret{{"..1/token", []byte("t")}, {"token", []byte("t")}},
		},
		"a link that leads out": {files: map[string]string{"passwd": "-> /etc/passwd"}, wrong: "passwd"},
		"a link to nowhere":     {files: map[string]string{"a": "-> b"}, wrong: "no such file"},
		"too much":              {files: map[string]string{"big": strings.Repeat("x", LoadLimit+1)}, wrong: "at most 8 MiB: keep big elsewhere"},
		"nothing there":         {start: "missing", wrong: "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Load(filepath.Join(tree(t, test.files), test.start))
			if (err != nil) != (test.wrong != "") || (err != nil && !strings.Contains(err.Error(), test.wrong)) {
				t.Fatalf("error is %v, want one that says %q", err, test.wrong)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("wrong secrets (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"token": "t"})
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "pipe is a p---------: a secret must be a regular file") {
		t.Errorf("error is %v", err)
	}
}
