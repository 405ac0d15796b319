package terminal

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"image-builder/internal/progress"
)

// redrawEvery is how often the live display changes: often enough to look alive, rarely enough to cost nothing.
const redrawEvery = 100 * time.Millisecond

// live redraws running activities in place. Each drawing is one write, which terminals show at once.
type live struct {
	mutex    sync.Mutex
	out      io.Writer
	screen   *screen
	size     func() (columns, rows int)
	finished []string // lines to scroll away with the next drawing
	drawn    []string // lines drawn above the cursor
	stop     chan struct{}
	stopped  sync.WaitGroup
	once     sync.Once
}

func newLive(out io.Writer, screen *screen, size func() (columns, rows int)) *live {
	l := &live{out: out, screen: screen, size: size, stop: make(chan struct{})}
	l.stopped.Go(l.redraw)
	return l
}

func (l *live) Report(e progress.Event) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.finished = append(l.finished, l.screen.apply(e)...)
}

// Close draws finished lines, removes the rest from the screen and shows the cursor again.
func (l *live) Close() {
	l.once.Do(func() {
		close(l.stop)
		l.stopped.Wait()
		l.mutex.Lock()
		defer l.mutex.Unlock()
		l.draw(nil, ansi.ShowCursor)
	})
}

func (l *live) redraw() {
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
			l.mutex.Lock()
			l.draw(l.screen.frame(l.size()), ansi.HideCursor)
			l.mutex.Unlock()
		}
	}
}

// draw replaces its last drawing by the finished lines, which stay, and the frame, which will be replaced.
func (l *live) draw(frame []string, cursor string) {
	columns, _ := l.size()
	var text strings.Builder
	text.WriteString(ansi.SetModeSynchronizedOutput + cursor)

	if rows := occupied(l.drawn, columns); rows > 0 {
		text.WriteString("\r" + ansi.CursorUp(rows))
	}

	// New lines overwrite old ones, so that nothing blinks on terminals that do not draw a write at once.
	for _, line := range slices.Concat(l.finished, frame) {
		text.WriteString(line + ansi.EraseLineRight + "\n")
	}

	text.WriteString(ansi.EraseScreenBelow + ansi.ResetModeSynchronizedOutput)
	l.finished = nil
	l.drawn = frame
	_, _ = io.WriteString(l.out, text.String()) // a terminal that is gone must not fail the bake
}

// occupied counts the rows that lines take now: a narrower window wraps them.
func occupied(lines []string, columns int) int {
	rows := 0
	for _, line := range lines {
		rows += max(1, (ansi.StringWidth(line)+columns-1)/columns)
	}
	return rows
}
