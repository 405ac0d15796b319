package ebs

import (
	"time"

	"image-builder/internal/testbed/wire"
)

// quota is a token bucket that holds the tokens of one second.
type quota struct {
	tokens float64
	filled time.Time
}

func (q *quota) take(now time.Time, perSecond float64) bool {
	if q.filled.IsZero() {
		q.tokens = perSecond
	} else {
		q.tokens = min(perSecond, q.tokens+now.Sub(q.filled).Seconds()*perSecond)
	}

	q.filled = now
	if q.tokens < 1 {
		return false
	}
	q.tokens--

	return true
}

// delay waits as the service does, and throttles. https://docs.aws.amazon.com/general/latest/gr/ebs-service.html
func (e *Service) delay(call wire.Call) error {
	e.mu.Lock()
	latency := e.limits.Latency
	perSecond := 0.0
	key := call.Operation

	switch call.Operation {
	case "PutSnapshotBlock":
		perSecond = orDefault(e.limits.Puts, 1000)
		key += wire.Text(call.In, "SnapshotId")
	case "GetSnapshotBlock":
		perSecond = orDefault(e.limits.Gets, 1000)
		key += wire.Text(call.In, "SnapshotId")
	case "StartSnapshot", "CompleteSnapshot":
		perSecond = 10
	default:
		perSecond = orDefault(e.limits.Lists, 50)
	}

	if e.quotas[key] == nil {
		e.quotas[key] = &quota{}
	}

	fine := perSecond < 0 || e.quotas[key].take(time.Now(), perSecond)
	e.mu.Unlock()

	if latency > 0 {
		time.Sleep(latency)
	}

	if !fine {
		return wire.Reasoned{Fault: wire.Fault{Code: "RequestThrottledException", Message: "The number of API requests has exceeded the maximum allowed API request throttling limit for the snapshot."}, Reason: "RESOURCE_LEVEL_THROTTLE"}
	}
	return nil
}

func orDefault(value, otherwise float64) float64 {
	if value == 0 {
		return otherwise
	}
	return value
}
