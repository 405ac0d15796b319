package snapshot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"image-builder/internal/patience"
)

// most is how many snapshots are started in turn when each fails.
const most = 5

// begin finds the snapshot that an earlier run started, or starts one. It returns the snapshot's state.
func (u *uploading) begin(ctx context.Context) (string, error) {
	seed, err := u.seed()
	if err != nil {
		return "", err
	}

	if u.journal.Seed != seed {
		if err := u.abandon(ctx); err != nil {
			return "", err
		}
		if err := u.journal.restart(head{Seed: seed}); err != nil {
			return "", err
		}
	}

	for range most {
		state, err := u.start(ctx)
		switch {
		case errors.Is(err, ErrConflict), err == nil && state != Pending && state != Completed:
			// the token is used up: by other parameters, or by a snapshot that failed
		default:
			return state, err
		}

		if err := u.abandon(ctx); err != nil {
			return "", err
		}
		if err := u.journal.restart(head{Seed: seed, Attempt: u.journal.Attempt + 1}); err != nil {
			return "", err
		}
	}

	return "", fmt.Errorf("begin snapshot: %d in a row came to nothing: run the same command again in a while", most)
}

// start starts the journal's snapshot, or finds it by its token, and reads its state.
func (u *uploading) start(ctx context.Context) (string, error) {
	request := Request{
		VolumeSize: u.volume, Description: u.Description, Tags: u.Tags, Token: u.journal.token(), Timeout: outlive,
	}

	if u.Parent != nil {
		request.Parent = u.Parent.Snapshot
	}

	var started Started
	err := u.caller.call(ctx, "begin snapshot", func(ctx context.Context) (err error) {
		started, err = u.Writer.Start(ctx, request)
		return err
	})
	if err != nil {
		return "", err
	}
	if started.BlockSize != BlockSize {
		return "", fmt.Errorf("begin snapshot: the service has blocks of %d bytes, and this program knows %d only", started.BlockSize, BlockSize)
	}

	if u.journal.Snapshot == started.ID {
		u.caller.began = u.journal.Begun
		return u.state(ctx)
	}
	next := head{Seed: u.journal.Seed, Attempt: u.journal.Attempt, Snapshot: started.ID, Begun: time.Now()}
	u.caller.began = next.Begun
	if err := u.journal.restart(next); err != nil {
		return "", err
	}

	if started.State == Pending {
		return Pending, nil
	}
	return u.state(ctx)
}

// state reads the state of the journal's snapshot. A missing one counts as Failed.
func (u *uploading) state(ctx context.Context) (string, error) {
	var found Snapshot
	err := u.caller.call(ctx, "look at "+u.journal.Snapshot, func(ctx context.Context) (err error) {
		found, err = u.Catalog.Snapshot(ctx, u.journal.Snapshot)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return Failed, nil
	}
	return found.State, err
}

// complete tells the service that all blocks are sent, and waits until the snapshot is completed.
func (u *uploading) complete(ctx context.Context, changed *Set) error {
	sum, err := u.sum(changed)
	if err != nil {
		return err
	}
	repeated := u.journal.Completing // by an earlier run, perhaps
	next := u.journal.head
	next.Completing = true
	if err := u.journal.write(next); err != nil {
		return err
	}

	id := u.journal.Snapshot
	err = u.caller.call(ctx, "complete "+id, func(ctx context.Context) error {
		err := u.Writer.Complete(ctx, id, changed.Len(), sum)
		if repeated && errors.Is(err, ErrInvalid) {
			return nil // the previous attempt succeeded but its answer was lost: the wait decides
		}
		repeated = true
		return err
	})
	if err != nil {
		return err
	}

	return u.settle(ctx)
}

// sum is the digest of the digests of the changed blocks, in order (LINEAR).
func (u *uploading) sum(changed *Set) (Digest, error) {
	all := sha256.New()
	for index := range changed.All() {
		digest, err := u.Digests.At(index)
		if err != nil {
			return Digest{}, err
		}
		stated := digest.stated()
		all.Write(stated[:])
	}
	return Digest(all.Sum(nil)), nil
}

// settle waits until the snapshot is completed.
func (u *uploading) settle(ctx context.Context) error {
	id := u.journal.Snapshot
	wait := patience.Wait{
		For: "snapshot " + id + " to be completed", Limit: u.Bounds.Settle, Pace: u.Bounds.Most, First: u.Bounds.Soon, Report: u.Report,
	}

	return wait.Until(ctx, func(ctx context.Context) (patience.Answer, error) {
		state, err := u.state(ctx)
		if err == nil && state != Pending && state != Completed {
			err = fmt.Errorf("complete %s: %w: its state is %s", id, errLost, state)
		}
		return patience.Answer{Done: state == Completed, State: state}, err
	})
}

// errLost says that a snapshot failed.
var errLost = errors.New("the snapshot came to nothing: run the same command again; it starts from scratch")

// giveUp deletes the snapshot after an error that no later run could continue from.
func (u *uploading) giveUp(ctx context.Context, cause error) error {
	var changed *ChangedError
	final := errors.As(cause, &changed) || errors.Is(cause, errLost) || errors.Is(cause, ErrInvalid) || errors.Is(cause, ErrNotFound)
	if !final {
		return nil
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	if err := u.abandon(ctx); err != nil {
		return err
	}

	return u.journal.restart(head{Seed: u.journal.Seed, Attempt: u.journal.Attempt + 1})
}

// abandon deletes the journal's snapshot, if there is one.
func (u *uploading) abandon(ctx context.Context) error {
	if u.journal.Snapshot == "" {
		return nil
	}
	return u.caller.call(ctx, "delete abandoned "+u.journal.Snapshot, func(ctx context.Context) error {
		return u.Catalog.DeleteSnapshot(ctx, u.journal.Snapshot)
	})
}
