package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/snapshot"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/wire"
)

// stored keeps an image whose disk has this many blocks, all of them different.
func (b builder) stored(blocks int) image.Image {
	b.t.Helper()
	store, err := local.Open(b.t.Context(), b.dir, time.Now)
	if err != nil {
		b.t.Fatal(err)
	}
	defer store.Close()
	run, err := store.NewRun(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer run.Close()

	disk, err := os.Create(filepath.Join(run.Dir, "disk.raw"))
	if err != nil {
		b.t.Fatal(err)
	}
	for index := range blocks {
		if _, err := disk.WriteAt(fmt.Appendf(nil, "block %d of %s", index, run.ID), int64(index)*blockSize); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := errors.Join(disk.Truncate(int64(blocks)*blockSize), disk.Close()); err != nil {
		b.t.Fatal(err)
	}

	img, err := run.Commit(b.t.Context(), image.Image{
		ID: run.ID, Name: "agent", Base: "debian:bookworm", Arch: image.X86_64, Firmware: []image.Firmware{image.BIOS}, Created: time.Now(),
		Disk: disk.Name(), Size: int64(blocks) * blockSize,
	})
	if err != nil {
		b.t.Fatal(err)
	}

	return img
}

// interrupter watches the blocks that the account gets, and signals a process at one of them.
type interrupter struct {
	mu      sync.Mutex
	signal  syscall.Signal
	process *os.Process // nil: none is signalled
	at      int         // the number of the block that interrupts
	puts    int
	held    map[int64]bool // blocks that the journal had when the process started
	twice   []int64
}

func (i *interrupter) weather(r *http.Request) wire.Disturbance {
	if r.Method != http.MethodPut {
		return wire.Calm
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.puts++
	if index, err := strconv.ParseInt(path.Base(r.URL.Path), 10, 64); err != nil || i.held[index] {
		i.twice = append(i.twice, index)
	}

	if i.process != nil && i.puts >= i.at {
		_ = i.process.Signal(i.signal)
		i.process = nil
	}
	return wire.Calm
}

// publish publishes, and interrupts that after some blocks; 0: it does not. It returns what it printed to stderr.
func (i *interrupter) publish(b builder, img image.Image, after int) (said string, code int) {
	b.t.Helper()
	cmd := b.command("publish", img.ID, "--no-parameter", "--poll", "20ms")
	var text bytes.Buffer
	cmd.Stderr = &text

	i.mu.Lock() // no block is answered before the process is known
	i.held = i.journal(b, img)
	err := cmd.Start()
	if after > 0 {
		i.process = cmd.Process
		i.at = i.puts + after
	}
	i.mu.Unlock()
	if err != nil {
		b.t.Fatal(err)
	}

	_ = cmd.Wait() // the status says how it ended
	return text.String(), cmd.ProcessState.ExitCode()
}

// journal returns the blocks that a publication's journal says the account has.
func (i *interrupter) journal(b builder, img image.Image) map[int64]bool {
	b.t.Helper()
	held := map[int64]bool{}
	sent, err := snapshot.OpenDigests(filepath.Join(b.dir, "publications", img.ID+"-"+wire.Region+".sent"))
	if err != nil {
		return held // nothing was sent yet
	}
	defer sent.Close()
	if err := sent.Each(func(index int64, _ snapshot.Digest) error { held[index] = true; return nil }); err != nil {
		b.t.Fatal(err)
	}
	return held
}

// A publication that Ctrl-C or kill -9 ended goes on with the same command. What the account has is not sent again, and
// there is one snapshot, equal to the disk.
func TestInterruptedPublicationGoesOn(t *testing.T) {
	t.Parallel()
	const blocks = 500
	const times = 3
	for name, test := range map[string]struct {
		signal syscall.Signal
		code   int
		says   string
	}{
		"Ctrl-C":  {syscall.SIGINT, 130, "hint: the same command continues, and sends no block twice"},
		"kill -9": {syscall.SIGKILL, -1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := emptyBuilder(t)
			cloud := testbed.Start(t)
			b.env = cloud.Env()
			img := b.stored(blocks)
			i := &interrupter{signal: test.signal}
			cloud.Disturb("ebs", i.weather)

			for range times {
				if said, code := i.publish(b, img, 100); code != test.code || !strings.Contains(said, test.says) {
					t.Fatalf("exit status %d: %s", code, said)
				}
				if kept := len(i.journal(b, img)); kept == 0 || kept == blocks {
					t.Fatalf("the journal has %d blocks: it was not interrupted halfway", kept)
				}
			}
			if said, code := i.publish(b, img, 0); code != 0 {
				t.Fatalf("exit status %d: %s", code, said)
			}

			if len(i.twice) > 0 || i.puts > blocks+times*snapshot.DefaultPace.Most {
				t.Errorf("%d blocks were sent, and there are %d; the journal had %v already", i.puts, blocks, i.twice)
			}
			made := cloud.EBS.Snapshots()
			if len(made) != 1 || len(cloud.EC2.AMIs()) != 1 {
				t.Fatalf("snapshots %v, AMIs %v", made, cloud.EC2.AMIs())
			}
			for index := range int64(blocks) {
				block, err := cloud.EBS.Block(made[0], index)
				if want := fmt.Sprintf("block %d of %s", index, img.ID); err != nil || !strings.HasPrefix(string(block), want+"\x00") {
					t.Errorf("block %d begins with %.40q: %v", index, block, err)
				}
			}
		})
	}
}

// The snapshot of an interrupted publication whose image was removed is deleted by the next one.
func TestAbandonedSnapshotIsDeleted(t *testing.T) {
	t.Parallel()
	b := emptyBuilder(t)
	cloud := testbed.Start(t)
	b.env = cloud.Env()
	i := &interrupter{signal: syscall.SIGKILL}
	cloud.Disturb("ebs", i.weather)

	abandoned := b.stored(100)
	i.publish(b, abandoned, 20)
	left := cloud.EBS.Snapshots()
	b.run("image", "remove", abandoned.ID)
	said, code := i.publish(b, b.stored(3), 0)
	if code != 0 || len(left) != 1 || !strings.Contains(said, "deleted "+left[0]) {
		t.Errorf("exit status %d, left %v: %s", code, left, said)
	}
	if _, there := cloud.EBS.Snapshot(left[0]); there {
		t.Errorf("%s is still there", left[0])
	}
	if files, err := filepath.Glob(filepath.Join(b.dir, "publications", "*")); err != nil || len(files) > 0 {
		t.Errorf("left over: %v, %v", files, err)
	}
}
