package snapshot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"image-builder/internal/progress"
)

// Upload makes a snapshot of a disk.
type Upload struct {
	Writer  Writer
	Catalog Catalog

	Disk    *os.File // not written to meanwhile
	Parent  *Parent  // nil: the snapshot has no parent
	Digests *Digests // receives the digests of the disk
	Known   bool     // Digests holds those of this very disk already

	// Name says in at most a few hundred characters which contents the disk has: an image's ID. With the parent, the
	// description and the tags it makes the client token, so that the same upload is recognised by the service too.
	Name        string
	Description string
	Tags        map[string]string // of the snapshot, at most 50
	// Journal is the path of a file that says what was sent, and at the end that the snapshot is completed. Forget removes
	// it.
	Journal string

	Pace   Pace
	Bounds Bounds
	Moved  func(Moved) // receives the progress of the upload a few times a second; may be nil
	Report progress.Func
}

// Uploaded is a snapshot that was made.
type Uploaded struct {
	Snapshot string
	Blocks   int64 // that the snapshot was given
	Zeroed   int64 // those of them that became zero
	Sent     int64 // blocks that this run sent; the others an earlier run had sent
	Read     int64 // bytes read of the disk and of its parent's
	Shared   int64 // bytes not read, because they are known to be the parent's
	Retries  int64
}

// outlive is how long the service keeps a snapshot that nothing is written to, in minutes: a night.
const outlive = 16 * 60

// cleanup bounds the deletion of a snapshot that came to nothing.
const cleanup = time.Minute

// Run uploads the disk and waits until the snapshot is completed. When it is interrupted, or the network is gone for
// longer than Bounds allow, the next Run continues. On an error after which it cannot continue, the snapshot is deleted.
func (u Upload) Run(ctx context.Context) (done Uploaded, err error) {
	info, err := u.Disk.Stat()
	if err != nil {
		return Uploaded{}, fmt.Errorf("upload disk: %w", err)
	}
	if VolumeSize(info.Size()) > MaxVolume {
		return Uploaded{}, fmt.Errorf("upload disk %s: it has %d GiB, and a volume at most %d", u.Disk.Name(), VolumeSize(info.Size()), MaxVolume)
	}

	journal, err := openJournal(u.Journal, info.Size())
	if err != nil {
		return Uploaded{}, fmt.Errorf("upload disk %s: %w", u.Disk.Name(), err)
	}
	defer func() { err = errors.Join(err, journal.close()) }()

	work := &uploading{
		Upload: u, journal: journal, volume: VolumeSize(info.Size()), buffers: newBuffers(u.Pace.Most + spare),
		caller:  &caller{bounds: u.Bounds, window: newWindow(u.Pace)},
		changed: newSet(blocksOf(info.Size())),
	}

	work.meter = newMeter(u.Moved, work.caller)
	done, err = work.run(ctx)
	if err != nil {
		return done, fmt.Errorf("upload disk %s: %w", u.Disk.Name(), err)
	}

	return done, nil
}

// spare is how many blocks may be compared, or wait for another attempt, besides the most that are sent at once.
const spare = 16

// uploading is an upload under way.
type uploading struct {
	Upload
	*buffers

	journal *journal
	volume  int64 // GiB
	caller  *caller
	meter   *meter
	changed *Set
	group   *errgroup.Group
	sending context.Context // of the group: sends outlast the comparison
	room    chan struct{}   // has an element for each block that is sent or waits for another attempt
	sent    atomic.Int64
}

func (u *uploading) run(ctx context.Context) (Uploaded, error) {
	state, err := u.begin(ctx)
	if err != nil {
		return Uploaded{}, err
	}
	if state == Completed { // by an earlier run
		return Uploaded{Snapshot: u.journal.Snapshot, Blocks: u.journal.Blocks}, nil
	}

	found, err := u.send(ctx)
	if err == nil {
		err = u.complete(ctx, found.Changed)
	}

	if err != nil {
		return Uploaded{}, errors.Join(err, u.giveUp(ctx, err))
	}

	end := u.journal.head
	end.Done = true
	end.Blocks = found.Changed.Len()
	if err := u.journal.write(end); err != nil {
		return Uploaded{}, err
	}

	return Uploaded{
		Snapshot: u.journal.Snapshot, Blocks: found.Changed.Len(), Zeroed: found.Zeroed, Sent: u.sent.Load(), Read: found.Read,
		Shared: found.Shared, Retries: u.caller.retries.Load(),
	}, nil
}

// seed is what the upload is by its parameters, in hexadecimal digits.
func (u *uploading) seed() (string, error) {
	parent := ""
	if u.Parent != nil {
		parent = u.Parent.Snapshot
	}
	text, err := json.Marshal([]any{u.Name, parent, u.volume, u.Description, u.Tags}) // maps are written in order
	if err != nil {
		return "", fmt.Errorf("name upload: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// token is the client token of an attempt: exactly as long as it may be.
func (h head) token() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", h.Seed, h.Attempt))
	return hex.EncodeToString(sum[:])
}

// send compares the disk and sends what changed and was not sent yet.
func (u *uploading) send(ctx context.Context) (Compared, error) {
	group, sending := errgroup.WithContext(ctx)
	u.group = group
	u.room = make(chan struct{}, u.Pace.Most+spare)
	u.sending = sending
	stop := u.meter.run()
	defer stop()

	found, err := Comparison{Disk: u.Disk, Parent: u.Parent, Digests: u.Digests, Known: u.Known}.run(sending, u)
	sendErr := group.Wait()
	if sendErr != nil {
		err = sendErr // it is why the comparison was stopped
	}

	if err != nil {
		return found, err
	}
	return found, u.unchanged(found.Changed)
}

// unchanged refuses a disk of which an earlier run sent blocks that it no longer has.
func (u *uploading) unchanged(changed *Set) error {
	return u.journal.sent.Each(func(index int64, _ Digest) error {
		if changed.Has(index) {
			return nil
		}
		return &ChangedError{Path: u.Disk.Name()}
	})
}

// take starts to send a block. It first waits until the block may be sent, so the comparison is never further ahead of the
// service than one block for each of its goroutines. A block is then sent while the CPU's caches still hold it, and a slow
// network keeps few blocks in memory.
func (u *uploading) take(_ context.Context, block changed) error {
	has, err := u.journal.has(block.index, block.digest.stated())
	if err != nil || has {
		u.release(block.bytes)
		return err
	}

	u.meter.expect()
	if err := u.admit(); err != nil {
		u.release(block.bytes)
		return err
	}
	u.group.Go(func() error {
		defer func() { <-u.room }()
		defer u.release(block.bytes)
		return u.put(u.sending, block)
	})

	return nil
}

// admit waits until another block may be sent: for room, and only then for the window. In the other order, a block in the
// window could wait for the room of blocks that are to be sent again, while these wait for the window.
func (u *uploading) admit() error {
	select {
	case u.room <- struct{}{}:
	case <-u.sending.Done():
		return fmt.Errorf("wait for a block to be moved: %w", context.Cause(u.sending))
	}

	err := u.caller.window.enter(u.sending)
	if err != nil {
		<-u.room
	}
	return err
}

// put sends a block that has entered the window.
func (u *uploading) put(ctx context.Context, block changed) error {
	bytes := block.bytes
	if bytes == nil {
		bytes = zeroes
	}

	digest := block.digest.stated()
	what := fmt.Sprintf("send block %d to %s", block.index, u.journal.Snapshot)
	err := u.caller.entered(ctx, what, func(ctx context.Context) error {
		return u.Writer.Put(ctx, u.journal.Snapshot, block.index, bytes, digest)
	})
	if err != nil {
		return err
	}

	u.sent.Add(1)
	u.meter.move()
	return u.journal.sent.Set(block.index, digest)
}

func (u *uploading) seen(done, total int64) { u.meter.compared(done, total) }
