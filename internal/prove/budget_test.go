package prove

import (
	"strings"
	"testing"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/image"
)

// A job that takes longer than its budget is refused, and the message says where the time went.
func TestWithin(t *testing.T) {
	t.Parallel()
	at := func(seconds float64) image.Duration { return image.Duration(seconds * float64(time.Second)) }
	job := image.Job{Login: at(20), Registered: at(22.5), Checkout: at(55), Done: at(60)}
	for _, budget := range []time.Duration{0, time.Minute, time.Hour} {
		job.Budget = image.Duration(budget)
		if err := within(job); err != nil {
			t.Errorf("%s: %v", budget, err)
		}
	}

	job.Budget = at(59)
	err := within(job)
	if err == nil || fault.ClassOf(err) != fault.NotUsable || !strings.Contains(err.Error(),
		"its first job is done after 60.0 s, and the budget is 59s: login after 20.0 s, agent registered after 22.5 s, checkout after 55.0 s") {
		t.Errorf("%v", err)
	}
}
