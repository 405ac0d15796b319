package wire

import (
	"cmp"
	"net"
	"net/http"
)

// Fault is a refusal in a service's words.
type Fault struct {
	Code, Message string
	Status        int  // of HTTP; 0: what the model says, else 400
	Cut           bool // close the connection without an answer, before anything is done
	Late          bool // with Cut: after it is done; only the answer is lost
}

// Error is the message with its code.
func (f Fault) Error() string { return f.Code + ": " + f.Message }

// Faults that every service may have.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
var (
	Throttled    = Fault{Code: "Throttling", Message: "Rate exceeded", Status: http.StatusBadRequest}
	ExpiredToken = Fault{Code: "ExpiredToken", Message: "The security token included in the request is expired", Status: http.StatusForbidden}
	Cut          = Fault{Cut: true}
	CutLate      = Fault{Cut: true, Late: true}
)

// planned is a fault that waits for calls.
type planned struct {
	service, operation string
	fault              Fault
	after              int // calls that are let through first
	times              int
}

// Fail refuses the next calls of an operation in this way, before they are carried out. The service is the model's
// name, or s3; the operation "" is any.
func (c *Server) Fail(service, operation string, f Fault, times int) {
	c.FailAfter(0, service, operation, f, times)
}

// FailAfter is Fail, but lets this many calls of the operation through first. The service "" is any.
func (c *Server) FailAfter(calls int, service, operation string, f Fault, times int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, &planned{service: service, operation: operation, fault: f, after: calls, times: times})
}

// Due returns the planned fault for this call, and uses it up.
func (c *Server) Due(service, operation string) (Fault, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.faults {
		if p.times == 0 || cmp.Or(p.service, service) != service || cmp.Or(p.operation, operation) != operation {
			continue
		}
		if p.after > 0 {
			p.after--
			continue
		}
		p.times--
		return p.fault, true
	}
	return Fault{}, false
}

// Reset ends the connection like a broken line: the client gets a reset.
func Reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset, where the system can do it
	}
	_ = conn.Close()
}
