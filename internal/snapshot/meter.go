package snapshot

import (
	"sync/atomic"
	"time"
)

// Moved is the progress of a transfer.
type Moved struct {
	Done    int64         // bytes moved by this run
	Total   int64         // bytes to move, as far as known; 0: not known
	Rate    float64       // bytes a second, over the last few seconds
	Retries int64         // retried calls
	Calls   int           // calls at once
	Left    time.Duration // until the end at the present rate; 0: not known
	// Compared and ToCompare are bytes of the local disk: compared so far, and in all.
	Compared, ToCompare int64
}

// meter measures a transfer and reports it a few times a second.
type meter struct {
	moved  func(Moved)
	caller *caller

	done, expected       atomic.Int64 // blocks
	comparedTo, compareN atomic.Int64 // bytes
}

func newMeter(moved func(Moved), c *caller) *meter { return &meter{moved: moved, caller: c} }

func (m *meter) move()   { m.done.Add(1) }
func (m *meter) expect() { m.expected.Add(1) }

func (m *meter) compared(done, total int64) {
	m.comparedTo.Store(done)
	m.compareN.Store(total)
}

// tick is the time between reports; the rate covers the last ticks.
const (
	tick  = 250 * time.Millisecond
	ticks = 20
)

// run reports until the caller calls the returned function, which makes the last report.
func (m *meter) run() (stop func()) {
	if m.moved == nil {
		return func() {}
	}

	ended := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()

		last := []sample{{time.Now(), 0}}
		for {
			select {
			case <-ticker.C:
			case <-ended:
				m.report(last)
				return
			}
			last = append(last, sample{time.Now(), m.done.Load()})
			last = last[max(0, len(last)-ticks):]
			m.report(last)
		}
	}()

	return func() {
		close(ended)
		<-finished
	}
}

// sample is how many blocks were moved at a time.
type sample struct {
	at     time.Time
	blocks int64
}

func (m *meter) report(last []sample) {
	state := Moved{
		Done: m.done.Load() * BlockSize, Total: m.expected.Load() * BlockSize, Retries: m.caller.retries.Load(), Calls: m.caller.window.size(),
		Compared: m.comparedTo.Load(), ToCompare: m.compareN.Load(),
	}

	if span := time.Since(last[0].at).Seconds(); span > 0 {
		state.Rate = float64(state.Done-last[0].blocks*BlockSize) / span
	}

	// The rest of the disk is assumed to change as densely as the part before.
	total := float64(state.Total)
	if state.Compared > 0 && state.Compared < state.ToCompare {
		total *= float64(state.ToCompare) / float64(state.Compared)
	}

	if state.Rate > 0 {
		state.Left = time.Duration((total - float64(state.Done)) / state.Rate * float64(time.Second)).Round(time.Second)
	}

	m.moved(state)
}
