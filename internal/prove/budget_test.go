package prove

import (
	"strings"
	"testing"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/bootmap"
	"image-builder/internal/fault"
	"image-builder/internal/image"
)

// A job that takes longer than its budget is refused, and the message says where the time went.
func TestWithin(t *testing.T) {
	t.Parallel()
	at := func(seconds float64) image.Duration { return image.Duration(seconds * float64(time.Second)) }
	nothing := func() string { return "" }
	job := image.Job{Login: at(20), Registered: at(22.5), Checkout: at(55), Done: at(60)}
	for _, budget := range []time.Duration{0, time.Minute, time.Hour} {
		job.Budget = image.Duration(budget)
		if err := within(job, nothing); err != nil {
			t.Errorf("%s: %v", budget, err)
		}
	}

	job.Budget = at(59)
	err := within(job, nothing)
	if err == nil || fault.ClassOf(err) != fault.NotUsable || !strings.Contains(err.Error(),
		"its first job is done after 60.0 s, and the budget is 59s: login after 20.0 s, agent registered after 22.5 s, checkout after 55.0 s") {
		t.Errorf("%v", err)
	}

	job.At = "5MiB/s"
	err = within(job, func() string { return "it waited 9.0s for storage, most for /a (3.0s)" })
	if err == nil || !strings.Contains(err.Error(), "done after 60.0 s at 5MiB/s, and the budget is 59s: ") || !strings.Contains(err.Error(), "; it waited 9.0s for storage, most for /a (3.0s)") {
		t.Errorf("%v", err)
	}
}

// Only a machine whose disk is shown to it can be slow, or be seen to read.
func TestContainerIsNeverSlow(t *testing.T) {
	t.Parallel()
	p := Prove{Machines: map[image.TestIn]Machine{image.TestContainer: {}}, Now: time.Now}
	for _, d := range []Definition{{Storage: blockserver.Storage{Delay: 1}}, {Seen: func(bootmap.Boot) {}}} {
		d.In = image.TestContainer
		if _, err := p.Run(t.Context(), d); err == nil || fault.ClassOf(err) != fault.BadInput || !strings.Contains(fault.HintOf(err), "--test vm+job") {
			t.Errorf("%v", err)
		}
	}
}
