package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// endpoint speaks the wire protocol of one service.
type endpoint struct {
	server  *Server
	service Service
}

// mostBody bounds a request's body, in bytes; every service here takes less.
const mostBody = 16 << 20

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m, err := LoadModel(e.server.data, e.service.Model())
	if err != nil {
		e.server.Violate("%v", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}

	body, err := readBody(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	a := &answering{endpoint: e, model: m, id: uuid.NewString()}
	out, err := a.answer(r, body)
	a.write(w, out, err)
}

// readBody reads a body into a buffer of its stated length, if it has one.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	bounded := http.MaxBytesReader(w, r.Body, mostBody)
	if r.ContentLength < 0 || r.ContentLength > mostBody {
		return io.ReadAll(bounded)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(bounded, body)
	return body, err
}

// answering is the work on one request.
type answering struct {
	*endpoint
	model *model
	op    *operation
	id    string

	region  string
	serving Service // the region's
}

func (a *answering) answer(r *http.Request, body []byte) (Values, error) {
	a.region, a.serving = a.server.in(SignedRegion(r), a.service)
	if why := unauthorized(r, scope{a.model.scope(), a.region}, body); why != "" {
		return nil, Denial(a.model.Metadata.Protocol, why)
	}
	in, found := a.decode(r, body)

	if a.op == nil {
		a.server.Violate("%s: %s %s: no such operation", a.service.Model(), r.Method, r.URL.Path)
		return nil, Fault{Code: "InvalidAction", Message: "testbed: no such operation"}
	}
	planned, due := a.server.Due(a.service.Model(), a.op.Name)
	if due && !planned.Late {
		return nil, planned
	}

	found = append(found, a.model.check(a.model.input(a.op), in)...)
	found = slices.DeleteFunc(found, a.server.overlooks)
	if len(found) > 0 {
		return nil, a.invalid(found)
	}
	out, err := a.carryOut(in)

	if due {
		return nil, planned
	}
	return out, err
}

// decode finds the operation and reads its input; it returns unreadable parts separately.
func (a *answering) decode(r *http.Request, body []byte) (Values, []string) {
	switch a.model.Metadata.Protocol {
	case "query", "ec2":
		form, err := url.ParseQuery(string(body))
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/" {
			return nil, nil
		}
		a.op = a.model.Operations[form.Get("Action")]
		if a.op == nil {
			return nil, nil
		}
		form.Del("Action")
		form.Del("Version")
		d := &queryDecoder{model: a.model}
		in := d.structure(a.model.input(a.op), "", tree(form))
		return in, d.found

	case "json":
		_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), a.model.Metadata.TargetPrefix+".")
		a.op = a.model.Operations[name]
		if a.op == nil {
			return nil, nil
		}
		d := &jsonDecoder{model: a.model}
		in := d.body(a.model.input(a.op), body)
		return in, d.found

	default:
		a.op = a.model.route(r)
		if a.op == nil {
			return nil, nil
		}
		d := &jsonDecoder{model: a.model}
		in := d.rest(a.op, r, body)
		return in, d.found
	}
}

// invalid describes a request's faults in words.
func (a *answering) invalid(found []string) Fault {
	a.server.Violate("%s.%s: request: %s", a.service.Model(), a.op.Name, strings.Join(found, "; "))
	noun := "errors"

	if len(found) == 1 {
		noun = "error"
	}

	message := fmt.Sprintf("%d validation %s detected: %s", len(found), noun, strings.Join(found, "; "))

	switch a.model.Metadata.Protocol {
	case "query":
		return Fault{Code: "ValidationError", Message: message}
	case "ec2":
		return Fault{Code: "InvalidParameterValue", Message: message}
	}

	return Fault{Code: "ValidationException", Message: message}
}

// carryOut lets the service act, and checks its answer.
func (a *answering) carryOut(in Values) (Values, error) {
	a.server.Count(a.service.Model(), a.op.Name)
	do := a.serving.Operation(a.op.Name)
	if do == nil {
		a.server.Violate("%s.%s is not served", a.service.Model(), a.op.Name)
		return nil, Fault{Code: "NotServed", Message: "testbed: this operation is not served", Status: http.StatusNotImplemented}
	}

	out, err := do(Call{Account: Account, Region: a.region, Operation: a.op.Name, In: in})
	if err != nil {
		return nil, err
	}

	if out == nil {
		out = Values{}
	}

	out = Normal(out).(Values)
	if found := a.model.checkAnswer(a.model.output(a.op), out); len(found) > 0 {
		return nil, fmt.Errorf("%s: answer: %s", a.op.Name, strings.Join(found, "; "))
	}

	return out, nil
}

func (a *answering) write(w http.ResponseWriter, out Values, err error) {
	var f Fault
	var reasoned Reasoned
	switch {
	case err == nil:
		a.writeAnswer(w, out)
		return
	case errors.As(err, &reasoned):
		a.writeReasoned(w, reasoned)
		return

	case !errors.As(err, &f):
		a.server.Violate("%s.%v", a.service.Model(), err)
		f = Fault{Code: "InternalFailure", Message: err.Error(), Status: http.StatusInternalServerError}
	case f.Cut:
		Reset(w)
		return
	}

	if f.Status == 0 {
		f.Status = a.model.status(f.Code)
	}

	if a.model.Metadata.Protocol == "rest-json" {
		w.Header().Set("X-Amzn-Errortype", f.Code)
	}

	a.send(w, f.Status, a.model.refusal(f, a.id))
}

func (a *answering) writeAnswer(w http.ResponseWriter, out Values) {
	status := http.StatusOK
	if a.op.HTTP.ResponseCode != 0 {
		status = a.op.HTTP.ResponseCode
	}

	if p := a.model.Metadata.Protocol; p == "query" || p == "ec2" {
		a.send(w, status, a.model.answerXML(a.op, out, a.id))
		return
	}
	body, err := a.answerRest(w, out)
	if err != nil {
		a.server.Violate("%s.%s: answer: %v", a.service.Model(), a.op.Name, err)
		status = http.StatusInternalServerError
	}

	a.send(w, status, body)
}

var contentTypes = map[string]string{"query": "text/xml", "ec2": "text/xml;charset=UTF-8", "json": "application/x-amz-json-1.1", "rest-json": "application/json"}

func (a *answering) send(w http.ResponseWriter, status int, body []byte) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", contentTypes[a.model.Metadata.Protocol])
	}
	w.Header().Set("X-Amzn-Requestid", a.id)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}
