package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/progress"
)

// storeCommands are the commands that need nothing but a data directory.
type storeCommands struct {
	JSON      bool
	Image     ImageCmd     `cmd:""`
	Parameter ParameterCmd `cmd:""`
	Events    EventsCmd    `cmd:""`
}

// said is a command's output and exit status.
type said struct {
	out, err string
	code     int
}

// try runs a command line.
func try(ctx context.Context, t *testing.T, dataDir string, args ...string) said {
	t.Helper()
	var commands storeCommands
	var out, complaints bytes.Buffer

	parser, err := kong.New(&commands, kong.Name("image-builder"), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		code := fail(ctx, &complaints, usageError(err))
		return said{err: complaints.String(), code: code}
	}

	env := &Env{Stdout: &out, Stderr: &complaints, DataDir: dataDir, JSON: commands.JSON, Now: noon}
	parsed.BindTo(ctx, (*context.Context)(nil))
	code := 0

	if err := parsed.Run(env); err != nil {
		code = fail(ctx, &complaints, err)
	}

	return said{out.String(), complaints.String(), code}
}

// bakeLike commits an image as a bake would: 4 MiB, of which the first 4 KiB are data.
func bakeLike(t *testing.T, dataDir string, change func(*image.Image)) image.Image {
	t.Helper()
	store, err := local.Open(t.Context(), dataDir, noon)
	if err != nil {
		t.Fatal(err)
	}
	run, err := store.NewRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	img := image.Image{
		ID: run.ID, Name: "agent-linux", Base: "debian:bookworm", BaseSHA256: strings.Repeat("ab", 32), RecipeDigest: strings.Repeat("cd", 32),
		Arch: image.X86_64, Firmware: []image.Firmware{image.UEFI, image.BIOS}, Size: 4 << 20, Data: 4 << 10,
		Disk: filepath.Join(run.Dir, "disk.raw"), Parameter: "/out", Created: noon().Add(-2 * time.Hour), Elapsed: image.Duration(83 * time.Second),
		Steps: []image.Step{{
			Step:   progress.Step{Document: "bootstrap.yml", Phase: "build", Name: "Run", Attempt: 1, Iteration: -1},
			Status: progress.Success, Elapsed: image.Duration(1200 * time.Millisecond), Log: filepath.Join(store.Logs(run.ID), "01-Run.log"),
		}},
		Searched: &image.Search{Patterns: 7, Bytes: 4 << 10, Elapsed: image.Duration(300 * time.Millisecond)},
	}

	if change != nil {
		change(&img)
	}

	err = os.WriteFile(img.Disk, []byte(strings.Repeat("x", 4<<10)), 0o600)
	err = errors.Join(err, os.Truncate(img.Disk, img.Size), os.Chmod(img.Disk, 0o400))
	if err != nil {
		t.Fatal(err)
	}
	img, err = run.Commit(t.Context(), img)
	if err := errors.Join(err, run.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}

	return img
}

func TestImageList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got := try(t.Context(), t, dir, "image", "list"); got.out != "" || got.code != 0 || !strings.Contains(got.err, "no images yet") {
		t.Errorf("an empty store: %+v", got)
	}
	old := bakeLike(t, dir, nil)
	failed := bakeLike(t, dir, func(i *image.Image) { i.Failed = "exit status 1" })
	current := bakeLike(t, dir, nil)
	want := "ID                     NAME         BASE             SIZE     DATA     BAKED        STATE    AMI\n" +
		old.ID + "  agent-linux  debian:bookworm  4.0 MiB  4.0 KiB  2 hours ago  -        -\n" +
		failed.ID + "  agent-linux  debian:bookworm  4.0 MiB  4.0 KiB  2 hours ago  failed   -\n" +
		current.ID + "  agent-linux  debian:bookworm  4.0 MiB  4.0 KiB  2 hours ago  current  -\n"
	if diff := cmp.Diff(said{out: want}, try(t.Context(), t, dir, "image", "list"), cmp.AllowUnexported(said{})); diff != "" {
		t.Error(diff)
	}

	var listed struct{ Images []image.Image }
	if err := json.Unmarshal([]byte(try(t.Context(), t, dir, "image", "list", "--json").out), &listed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]image.Image{old, failed, current}, listed.Images); diff != "" {
		t.Error(diff)
	}
}

func TestImageShow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := bakeLike(t, dir, nil)
	img := bakeLike(t, dir, nil)
	got := try(t.Context(), t, dir, "image", "show", "latest")

	owner := ownerName(t, img.Disk)
	for _, want := range []string{
		"image     " + img.ID + "\n", "baked     2026-03-04T10:00:00Z, in 1m23s\n", "base      debian:bookworm (sha256 abab",
		"recipe    sha256 cdcd", "size      4.0 MiB, of which 4.0 KiB are data\n", "boots on  x86_64 machines with UEFI or BIOS\n",
		"who may   " + owner + " only (the disk belongs to " + owner + ", mode 0400)\n",
		"secrets   none on the disk: 4.0 KiB searched for 7 patterns in 0.3s\n",
		"output    parameter /out, of which it is the current value\n", "bootstrap/build/Run  success  1.2s  " + img.Steps[0].Log,
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("image show lacks %q:\n%s", want, got.out)
		}
	}

	if got := try(t.Context(), t, dir, "image", "show", old.ID); !strings.Contains(got.out, "which names another image by now") {
		t.Errorf("image show of an old image: %+v", got)
	}
	var seen shown
	if err := json.Unmarshal([]byte(try(t.Context(), t, dir, "image", "show", img.ID[:12], "--json").out), &seen); err != nil {
		t.Fatal(err)
	}

	want := shown{Image: img, Access: access{Owner: owner, Mode: "0400", Who: owner + " only"}, Current: []string{"/out"}}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

func ownerName(t *testing.T, file string) string {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return ownerOf(info)
}

func TestDiskAccess(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		above, file os.FileMode
		want        string
	}{
		"private":              {0o700, 0o400, " only"},
		"a directory closes":   {0o700, 0o444, " only"},
		"a group":              {0o750, 0o444, " and the file's group"},
		"everybody":            {0o755, 0o444, "everybody on this machine"},
		"the file closes":      {0o755, 0o400, " only"},
		"others but no groups": {0o705, 0o444, "everybody on this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "disk.raw")
			if err := errors.Join(os.WriteFile(file, nil, test.file), os.Chmod(file, test.file), os.Chmod(dir, test.above)); err != nil {
				t.Fatal(err)
			}
			if got, err := diskAccess(file, dir); err != nil || !strings.HasSuffix(got.Who, test.want) {
				t.Errorf("diskAccess: %+v, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestImageRemove(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := bakeLike(t, dir, nil)
	current := bakeLike(t, dir, nil)
	got := try(t.Context(), t, dir, "image", "remove", old.ID, current.ID)

	want := said{
		out: old.ID + "\n", code: int(fault.NotUsable),
		err: "image-builder: error: remove image " + current.ID + ": it is the current value of parameter /out\n" +
			"image-builder: hint: bake a newer image into that parameter first, or remove it all the same with --force\n",
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(said{})); diff != "" {
		t.Error(diff)
	}
	if got := try(t.Context(), t, dir, "image", "remove", "--force", "--json", current.ID); got.code != 0 || !strings.Contains(got.out, current.ID) {
		t.Errorf("image remove --force: %+v", got)
	}

	if got := try(t.Context(), t, dir, "image", "show", current.ID); got.code != int(fault.NotUsable) {
		t.Errorf("image show of what was removed: %+v", got)
	}
}

func TestImageExport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := t.TempDir()
	img := bakeLike(t, dir, nil)
	file := filepath.Join(files, "agent.raw")
	got := try(t.Context(), t, dir, "image", "export", img.ID, file)
	if got.code != 0 || got.out != file+"\n" {
		t.Fatalf("image export: %+v", got)
	}

	before, err := os.ReadFile(img.Disk)
	after, err2 := os.ReadFile(file)
	if err != nil || err2 != nil || !bytes.Equal(before, after) {
		t.Errorf("the copy differs: %v, %v", err, err2)
	}
	if data, err := disk.Data(file); err != nil || data > 64<<10 {
		t.Errorf("the copy has %d bytes of data, %v; the disk has %d", data, err, img.Data)
	}

	got = try(t.Context(), t, dir, "image", "export", img.ID, file)
	if got.code != int(fault.BadInput) || !strings.Contains(got.err, "it exists") || !strings.Contains(got.err, "--force") {
		t.Errorf("image export over a file: %+v", got)
	}
	got = try(t.Context(), t, dir, "image", "export", "--force", "--format", "qcow2", img.ID, file)
	if text, err := os.ReadFile(file); got.code != 0 || err != nil || !bytes.HasPrefix(text, []byte("QFI\xfb")) {
		t.Errorf("image export as qcow2: %+v, %v", got, err)
	}
	if got := try(t.Context(), t, dir, "image", "export", img.ID, files); got.code != int(fault.BadInput) {
		t.Errorf("image export to a directory: %+v", got)
	}

	if left, err := os.ReadDir(files); len(left) != 1 || err != nil {
		t.Errorf("beside the file lies %v, %v", left, err)
	}
}

func TestParameterCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()

	for _, test := range []struct {
		args []string
		want said
	}{
		{[]string{"put", "/a", "one"}, said{out: "1\n"}},
		{[]string{"put", "/a", "two"}, said{out: "2\n"}},
		{[]string{"get", "/a"}, said{out: "two\n"}},
		{[]string{"get", "/a", "--json"}, said{out: `{"name":"/a","value":"two","version":2,"changed":"2026-03-04T12:00:00Z"}` + "\n"}},
		{[]string{"list"}, said{out: "NAME  VALUE  VERSION  CHANGED\n/a    two    2        2026-03-04T12:00:00Z\n"}},
		{[]string{"get", "/b"}, said{code: 4, err: "image-builder: error: find parameter /b: not found\nimage-builder: hint: image-builder parameter put /b VALUE\n"}},
		{[]string{"put", "a b", "x"}, said{code: 2, err: "image-builder: error: check parameter: \"a b\" is not a parameter name: only letters, digits and _ . - / are allowed: write a name like /buildkite/agent-ami\n"}},
		{[]string{"put", "/a"}, said{code: 2, err: "image-builder: error: expected \"<value>\"\nimage-builder: hint: image-builder parameter put --help\n"}},
	} {
		got := try(t.Context(), t, dir, append([]string{"parameter"}, test.args...)...)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(said{})); diff != "" {
			t.Errorf("parameter %v: %s", test.args, diff)
		}
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := bakeLike(t, dir, nil)
	two := bakeLike(t, dir, nil)
	first := `{"event": "NewImage", "NewImage": {"ami": "` + one.ID + `"}}`

	second := `{"event": "NewImage", "NewImage": {"ami": "` + two.ID + `"}}`
	if got := try(t.Context(), t, dir, "events"); got.out != first+"\n"+second+"\n" || got.code != 0 {
		t.Errorf("events: %+v", got)
	}
	if got := try(t.Context(), t, dir, "events", "--after", "1"); got.out != second+"\n" {
		t.Errorf("events --after: %+v", got)
	}

	var listed struct{ Events []local.Event }
	if err := json.Unmarshal([]byte(try(t.Context(), t, dir, "events", "--json").out), &listed); err != nil {
		t.Fatal(err)
	}
	want := []local.Event{{Number: 1, Created: noon(), Message: first}, {Number: 2, Created: noon(), Message: second}}
	if diff := cmp.Diff(want, listed.Events); diff != "" {
		t.Error(diff)
	}
}

// heard is a reader of a command's output that reports when something came.
type heard struct{ lines chan string }

func (h heard) Write(text []byte) (int, error) {
	h.lines <- string(text)
	return len(text), nil
}

func TestEventsFollow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := bakeLike(t, dir, nil)
	ctx, interrupt := context.WithCancel(t.Context())
	out := heard{make(chan string)}
	ended := make(chan error)
	go func() { ended <- (&EventsCmd{Follow: true}).Run(ctx, &Env{Stdout: out, DataDir: dir, Now: noon}) }()
	if line := <-out.lines; !strings.Contains(line, first.ID) {
		t.Errorf("events --follow begins with %s", line)
	}

	second := bakeLike(t, dir, nil)
	if line := <-out.lines; line != `{"event": "NewImage", "NewImage": {"ami": "`+second.ID+`"}}`+"\n" {
		t.Errorf("events --follow goes on with %s", line)
	}
	interrupt()

	if err := <-ended; err != nil {
		t.Errorf("interrupting events --follow is a failure: %v", err)
	}
}
