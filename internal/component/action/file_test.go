package action

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/component"
)

// tree describes a folder: "path" → content of a file, "path/" → "" for a folder, "path" → "-> target" for a link.
type tree map[string]string

func (want tree) write(t *testing.T, dir string) {
	t.Helper()
	for name, content := range want {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		target, link := strings.CutPrefix(content, "-> ")

		var err error
		switch {
		case link:
			err = os.Symlink(target, path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		default:
			err = os.WriteFile(path, []byte(content), 0o644)
		}

		if err != nil {
			t.Fatal(err)
		}
	}
}

// read describes dir; it lists folders only if they are empty.
func read(t *testing.T, dir string) tree {
	t.Helper()
	got := tree{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case entry.IsDir():
			if entries, err := os.ReadDir(path); err != nil || len(entries) == 0 {
				got[name+"/"] = ""
			}
		case entry.Type()&os.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			got[name] = "-> " + strings.TrimPrefix(target, dir+"/")
		default:
			text, err := os.ReadFile(path)
			got[name] = string(text)
			return err
		}

		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	return got
}

func TestFileModules(t *testing.T) {
	t.Parallel()
	all := All(Ports{})
	type in = component.Inputs

	for _, test := range []struct {
		name, action  string
		before, after tree
		inputs        []in
		err           string
		outputs       component.Outputs
	}{
		{name: "append", action: "AppendFile", before: tree{"a": "1\n"}, inputs: []in{{"path": "a", "content": "2\n"}, {"path": "a", "content": "3\n"}}, after: tree{"a": "1\n2\n3\n"}},
		{name: "append to nothing", action: "AppendFile", inputs: []in{{"path": "a", "content": "2"}}, err: "no such file"},
		{name: "append encoded", action: "AppendFile", before: tree{"a": ""}, inputs: []in{{"path": "a", "content": "hé", "encoding": "UTF-16-BE"}}, after: tree{"a": "\x00h\x00\xe9"}},
		{name: "create with parents", action: "CreateFile", inputs: []in{{"path": "x/y/a", "content": "1"}}, after: tree{"x/y/a": "1"}},
		{name: "create over", action: "CreateFile", before: tree{"a": "longer"}, inputs: []in{{"path": "a", "content": "1"}}, after: tree{"a": "1"}},
		{name: "create empty", action: "CreateFile", inputs: []in{{"path": "a"}}, after: tree{"a": ""}},
		{name: "create not over", action: "CreateFile", before: tree{"a": "1"}, inputs: []in{{"path": "a", "overwrite": false}}, after: tree{"a": "1"}, err: "exists and overwrite is false"},
		{name: "create for an unknown user", action: "CreateFile", inputs: []in{{"path": "a", "owner": "no-such-user"}}, after: tree{"a": ""}, err: "find user no-such-user in /etc/passwd: not found"},
		{name: "create utf-32", action: "CreateFile", inputs: []in{{"path": "a", "content": "é", "encoding": "utf32"}}, after: tree{"a": "\xe9\x00\x00\x00"}},
		{name: "read", action: "ReadFile", before: tree{"a": "one\ntwo\n"}, inputs: []in{{"path": "a"}}, outputs: component.Outputs{"content": "one\ntwo\n"}, after: tree{"a": "one\ntwo\n"}},
		{name: "read through a link", action: "ReadFile", before: tree{"a": "1", "b": "-> a"}, inputs: []in{{"path": "b"}}, outputs: component.Outputs{"content": "1"}},
		{name: "read utf-16", action: "ReadFile", before: tree{"a": "\xff\xfeh\x00\xe9\x00"}, inputs: []in{{"path": "a", "encoding": "utf16-LE"}}, outputs: component.Outputs{"content": "hé"}},
		{name: "read binary", action: "ReadFile", before: tree{"a": "\xff\x00"}, inputs: []in{{"path": "a"}}, err: "it is not text in this encoding"},
		{name: "read missing", action: "ReadFile", inputs: []in{{"path": "a"}}, err: "find file"},
		{name: "read folder", action: "ReadFile", before: tree{"a/": ""}, inputs: []in{{"path": "a"}}, err: "is a folder"},
		{name: "set encoding", action: "SetFileEncoding", before: tree{"a": "hé"}, inputs: []in{{"path": "a", "encoding": "utf-16"}}, after: tree{"a": "h\x00\xe9\x00"}},
		{name: "list", action: "ListFiles", before: tree{"d/b": "", "d/a": "", "d/c/x": ""}, inputs: []in{{"path": "d"}}, outputs: component.Outputs{"files": "DIR/d/a,DIR/d/b"}},
		{name: "list recursively by pattern", action: "ListFiles", before: tree{"d/a.txt": "", "d/b": "", "d/c/x.txt": ""}, inputs: []in{{"path": "d/", "fileNamePattern": "*.txt", "recursive": true}}, outputs: component.Outputs{"files": "DIR/d/a.txt,DIR/d/c/x.txt"}},
		{name: "list nothing", action: "ListFiles", before: tree{"d/": ""}, inputs: []in{{"path": "d"}}, outputs: component.Outputs{"files": ""}},
		{name: "list missing", action: "ListFiles", inputs: []in{{"path": "d"}}, err: "find folder"},
		{name: "folder", action: "CreateFolder", inputs: []in{{"path": "a/b/"}}, after: tree{"a/b/": ""}},
		{name: "folder keeps its contents", action: "CreateFolder", before: tree{"a/b": "1"}, inputs: []in{{"path": "a"}}, after: tree{"a/b": "1"}},
		{name: "folder not over", action: "CreateFolder", before: tree{"a/": ""}, inputs: []in{{"path": "a", "overwrite": false}}, err: "overwrite is false"},
		{name: "folder over a file", action: "CreateFolder", before: tree{"a": ""}, inputs: []in{{"path": "a"}}, err: "create folder"},
		{name: "link", action: "CreateSymlink", before: tree{"a": ""}, inputs: []in{{"path": "x/l", "target": "a"}}, after: tree{"a": "", "x/l": "-> a"}},
		{name: "link to nothing", action: "CreateSymlink", inputs: []in{{"path": "l", "target": "a"}}, err: "find target"},
		{name: "link over a link", action: "CreateSymlink", before: tree{"a": "", "b": "", "l": "-> b"}, inputs: []in{{"path": "l", "target": "a"}}, err: "force is false"},
		{name: "link over a link by force", action: "CreateSymlink", before: tree{"a": "", "b": "", "l": "-> b"}, inputs: []in{{"path": "l", "target": "a", "force": true}}, after: tree{"a": "", "b": "", "l": "-> a"}},
		{name: "link over a file by force", action: "CreateSymlink", before: tree{"a": "", "l": ""}, inputs: []in{{"path": "l", "target": "a", "force": true}}, err: "is not a symbolic link"},
		{name: "copy to a name", action: "CopyFile", before: tree{"a": "1"}, inputs: []in{{"source": "a", "destination": "x/b"}}, after: tree{"a": "1", "x/b": "1"}},
		{name: "copy to a folder", action: "CopyFile", before: tree{"a": "1"}, inputs: []in{{"source": "a", "destination": "x/"}}, after: tree{"a": "1", "x/a": "1"}},
		{name: "copy by pattern", action: "CopyFile", before: tree{"s/a.txt": "1", "s/b.txt": "2", "s/c": "", "s/d.txt/e": ""}, inputs: []in{{"source": "s/*.txt", "destination": "x/"}}, after: tree{"s/a.txt": "1", "s/b.txt": "2", "s/c": "", "s/d.txt/e": "", "x/a.txt": "1", "x/b.txt": "2"}},
		{name: "copy one file by pattern to a name", action: "CopyFile", before: tree{"s/a.txt": "1"}, inputs: []in{{"source": "s/*.txt", "destination": "x"}}, after: tree{"s/a.txt": "1", "x": "1"}},
		{name: "copy two files by pattern to a name", action: "CopyFile", before: tree{"s/a.txt": "1", "s/b.txt": "2"}, inputs: []in{{"source": "s/*.txt", "destination": "x"}}, after: tree{"s/a.txt": "1", "s/b.txt": "2"}, err: "2 sources match"},
		{name: "copy nothing by pattern", action: "CopyFile", before: tree{"s/": ""}, inputs: []in{{"source": "s/*", "destination": "x/"}}, err: "nothing matches"},
		{name: "copy missing", action: "CopyFile", inputs: []in{{"source": "a", "destination": "b"}}, err: "find file"},
		{name: "copy not over", action: "CopyFile", before: tree{"a": "1", "b": "2"}, inputs: []in{{"source": "a", "destination": "b", "overwrite": false}}, after: tree{"a": "1", "b": "2"}, err: "overwrite is false"},
		{name: "copy over", action: "CopyFile", before: tree{"a": "1", "b": "2"}, inputs: []in{{"source": "a", "destination": "b"}}, after: tree{"a": "1", "b": "1"}},
		{name: "copy to itself", action: "CopyFile", before: tree{"a": "1"}, inputs: []in{{"source": "a", "destination": "a"}}, after: tree{"a": "1"}, err: "it lies in its source"},
		{name: "copy a folder as file", action: "CopyFile", before: tree{"a/": ""}, inputs: []in{{"source": "a", "destination": "b"}}, err: "is a folder"},
		{name: "copy folder", action: "CopyFolder", before: tree{"a/b/c": "1", "a/l": "-> b/c", "a/e/": ""}, inputs: []in{{"source": "a", "destination": "x/y"}}, after: tree{"a/b/c": "1", "a/l": "-> b/c", "a/e/": "", "x/y/b/c": "1", "x/y/l": "-> b/c", "x/y/e/": ""}},
		{name: "copy folder merges", action: "CopyFolder", before: tree{"a/1": "new", "x/a/1": "old", "x/a/2": "stays"}, inputs: []in{{"source": "a/", "destination": "x/"}}, after: tree{"a/1": "new", "x/a/1": "new", "x/a/2": "stays"}},
		{name: "copy folders by pattern", action: "CopyFolder", before: tree{"s/a/1": "", "s/b/2": "", "s/f": ""}, inputs: []in{{"source": "s/*", "destination": "x/"}}, after: tree{"s/a/1": "", "s/b/2": "", "s/f": "", "x/a/1": "", "x/b/2": ""}},
		{name: "copy folder into itself", action: "CopyFolder", before: tree{"a/1": ""}, inputs: []in{{"source": "a", "destination": "a/b/c"}}, after: tree{"a/1": ""}, err: "it lies in its source"},
		{name: "move", action: "MoveFile", before: tree{"a": "1", "x/b": "2"}, inputs: []in{{"source": "a", "destination": "x/b"}}, after: tree{"x/b": "1"}},
		{name: "move not over", action: "MoveFile", before: tree{"a": "1", "b": "2"}, inputs: []in{{"source": "a", "destination": "b", "overwrite": false}}, after: tree{"a": "1", "b": "2"}, err: "overwrite is false"},
		{name: "move folder", action: "MoveFolder", before: tree{"a/1": "1"}, inputs: []in{{"source": "a", "destination": "x/y/"}}, after: tree{"x/y/a/1": "1"}},
		{name: "move folder merges", action: "MoveFolder", before: tree{"a/1": "1", "x/a/2": "2"}, inputs: []in{{"source": "a", "destination": "x/"}}, after: tree{"x/a/1": "1", "x/a/2": "2"}},
		{name: "delete", action: "DeleteFile", before: tree{"a": "", "b": ""}, inputs: []in{{"path": "a"}}, after: tree{"b": ""}},
		{name: "delete by pattern", action: "DeleteFile", before: tree{"a1": "", "a2": "", "b": "", "a3/x": ""}, inputs: []in{{"path": "a*"}}, after: tree{"b": "", "a3/x": ""}},
		{name: "delete missing", action: "DeleteFile", inputs: []in{{"path": "none/a"}, {"path": "none/*"}}},
		{name: "delete a dangling link", action: "DeleteFile", before: tree{"l": "-> none"}, inputs: []in{{"path": "l"}}, after: tree{}},
		{name: "delete folder as file", action: "DeleteFile", before: tree{"a/": ""}, inputs: []in{{"path": "a"}}, after: tree{"a/": ""}, err: "use DeleteFolder"},
		{name: "delete empty folder", action: "DeleteFolder", before: tree{"a/": ""}, inputs: []in{{"path": "a"}}, after: tree{}},
		{name: "delete full folder", action: "DeleteFolder", before: tree{"a/1": ""}, inputs: []in{{"path": "a"}}, after: tree{"a/1": ""}, err: "set force"},
		{name: "delete full folder by force", action: "DeleteFolder", before: tree{"a/1/2": "", "b": ""}, inputs: []in{{"path": "a/", "force": true}}, after: tree{"b": ""}},
		{name: "delete folder that is a link", action: "DeleteFolder", before: tree{"a/1": "", "l": "-> a"}, inputs: []in{{"path": "l", "force": true}}, after: tree{"a/1": ""}},
		{name: "delete missing folder", action: "DeleteFolder", inputs: []in{{"path": "a"}}},
		{name: "the second element fails", action: "CreateFolder", before: tree{"f": ""}, inputs: []in{{"path": "a"}, {"path": "f/x"}, {"path": "b"}}, after: tree{"f": "", "a/": ""}, err: "inputs[1]: create folder"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := all[test.action]
			call, _ := newCall(t, m, test.inputs...)
			test.before.write(t, call.Dir)

			out, err := m.Run(t.Context(), call)
			if (err == nil) != (test.err == "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error is %v, want %q", err, test.err)
			}

			if test.after != nil {
				if diff := cmp.Diff(test.after, read(t, call.Dir)); diff != "" {
					t.Error(diff)
				}
			}

			for name, want := range test.outputs {
				want = strings.ReplaceAll(want, "DIR", call.Dir)
				if out[name] != want {
					t.Errorf("output %s is %q, want %q", name, out[name], want)
				}
			}
		})
	}
}

func TestPermissionsAndOwners(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("changing owners needs root")
	}
	all := All(Ports{})
	type in = component.Inputs

	for _, test := range []struct {
		name, action string
		in           in
		want         []string // stat -c "%a %u:%g %n"
		err          string
	}{
		{name: "create file by default", action: "CreateFile", in: in{"path": "new"}, want: []string{"644 0:0 new"}},
		{name: "create file", action: "CreateFile", in: in{"path": "new", "permissions": "0755", "owner": "daemon"}, want: []string{"755 1:1 new"}},
		{name: "the umask counts", action: "CreateFile", in: in{"path": "new", "permissions": "777", "group": "bin"}, want: []string{"755 0:2 new"}},
		{name: "IDs", action: "CreateFile", in: in{"path": "new", "owner": "1234", "group": "4321"}, want: []string{"644 1234:4321 new"}},
		{name: "set-ID", action: "SetFilePermissions", in: in{"path": "d/f", "permissions": "4711"}, want: []string{"4711 0:0 d/f"}},
		{name: "create over keeps permissions", action: "CreateFile", in: in{"path": "d/f"}, want: []string{"640 0:0 d/f"}},
		{name: "create folder over keeps permissions", action: "CreateFolder", in: in{"path": "d"}, want: []string{"750 0:0 d"}},
		{name: "create folder", action: "CreateFolder", in: in{"path": "d", "permissions": "0700", "owner": "daemon"}, want: []string{"700 1:1 d", "640 0:0 d/f"}},
		{name: "set file owner", action: "SetFileOwner", in: in{"path": "l", "owner": "daemon"}, want: []string{"640 1:1 d/f"}},
		{name: "set file owner and group", action: "SetFileOwner", in: in{"path": "d/f", "owner": "daemon", "group": "bin"}, want: []string{"640 1:2 d/f"}},
		{name: "unknown group", action: "SetFileOwner", in: in{"path": "d/f", "owner": "daemon", "group": "no-such"}, err: "find group no-such in /etc/group: not found"},
		{name: "set folder owner", action: "SetFolderOwner", in: in{"path": "d", "owner": "daemon"}, want: []string{"750 1:1 d", "640 1:1 d/f", "755 1:1 d/s"}},
		{name: "set folder owner alone", action: "SetFolderOwner", in: in{"path": "d", "owner": "daemon", "recursive": false}, want: []string{"750 1:1 d", "640 0:0 d/f"}},
		{name: "set folder owner of a file", action: "SetFolderOwner", in: in{"path": "d/f", "owner": "daemon"}, err: "is not a folder"},
		{name: "set file permissions", action: "SetFilePermissions", in: in{"path": "d/f", "permissions": "0777"}, want: []string{"777 0:0 d/f"}},
		{name: "set folder permissions", action: "SetFolderPermissions", in: in{"path": "d", "permissions": "0600"}, want: []string{"600 0:0 d", "600 0:0 d/f", "600 0:0 d/s"}},
		{name: "set folder permissions alone", action: "SetFolderPermissions", in: in{"path": "d", "permissions": "1777", "recursive": false}, want: []string{"1777 0:0 d", "640 0:0 d/f"}},
		{name: "of a missing file", action: "SetFilePermissions", in: in{"path": "none", "permissions": "0600"}, err: "find file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := all[test.action]
			call, _ := newCall(t, m, test.in)
			tree{"d/f": "", "d/s/": "", "l": "-> d/f"}.write(t, call.Dir)

			for name, mode := range map[string]os.FileMode{"d": 0o750, "d/f": 0o640} {
				if err := os.Chmod(filepath.Join(call.Dir, name), mode); err != nil {
					t.Fatal(err)
				}
			}

			_, err := m.Run(t.Context(), call)
			if (err == nil) != (test.err == "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error is %v, want %q", err, test.err)
			}

			for _, want := range test.want {
				name := want[strings.LastIndexByte(want, ' ')+1:]
				stat, c, b := bash(t, `stat -c "%a %u:%g %n" `+name)
				stat.Dir = call.Dir
				if _, err := b.Run(t.Context(), stat); err != nil || strings.TrimSpace(c.stdout.String()) != want {
					t.Errorf("got %s, %v; want %s", c.stdout.String(), err, want)
				}
			}
		})
	}
}

func TestReadFilePrintsOnlyIfAsked(t *testing.T) {
	t.Parallel()
	for _, asked := range []bool{true, false} {
		m := readFile()
		call, c := newCall(t, m, component.Inputs{"path": "a", "printFileContent": asked})
		tree{"a": "text"}.write(t, call.Dir)
		if _, err := m.Run(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(c.stdout.String(), "text"); got != asked {
			t.Errorf("asked %t, printed %q", asked, c.stdout.String())
		}
	}
}

func TestWildcard(t *testing.T) {
	t.Parallel()
	names := []string{"", "a", "ab", "aab", "abc", "a.b", "[a]"}

	for pattern, want := range map[string][]string{
		"*": names, "a*": {"a", "ab", "aab", "abc", "a.b"}, "*b": {"ab", "aab", "a.b"}, "a*b": {"ab", "aab", "a.b"},
		"*a*a*": {"aab"}, "a?": nil, "[a]": {"[a]"}, "ab*ab": nil, "**c": {"abc"},
	} {
		var got []string
		for _, name := range names {
			if wildcard(pattern, name) {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s matches %q, want %q", pattern, got, want)
		}
	}
}
