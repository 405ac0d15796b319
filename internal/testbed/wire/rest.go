package wire

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// Reasoned is a refusal with a reason from the service's own list.
type Reasoned struct {
	Fault
	Reason string
}

// writeReasoned writes a refusal with its reason, in rest-json.
func (a *answering) writeReasoned(w http.ResponseWriter, f Reasoned) {
	if f.Status == 0 {
		f.Status = a.model.status(f.Code)
	}
	w.Header().Set("X-Amzn-Errortype", f.Code)
	text, _ := json.Marshal(map[string]string{"Message": f.Message, "Reason": f.Reason}) // two texts are always JSON
	a.send(w, f.Status, text)
}

// restBody reads the body of a request of rest-json: a structure, or one member.
func (d *jsonDecoder) restBody(s *shape, body []byte) Values {
	if s.Payload == "" {
		return d.body(s, body)
	}
	if d.model.Shapes[s.Members[s.Payload].Shape].Type == "blob" {
		return Values{s.Payload: body}
	}
	return Values{s.Payload: d.body(d.model.Shapes[s.Members[s.Payload].Shape], body)}
}

// answerRest writes the headers' members, and returns the body.
func (a *answering) answerRest(w http.ResponseWriter, out Values) ([]byte, error) {
	s := a.model.output(a.op)
	body := Values{}
	for name, value := range out {
		m := s.Members[name]
		if m == nil || m.Location != "header" {
			body[name] = value
			continue
		}

		switch v := value.(type) {
		case string:
			w.Header().Set(m.LocationName, v)
		case int64:
			w.Header().Set(m.LocationName, strconv.FormatInt(v, 10))
		default:
			return nil, fmt.Errorf("%s is a %T, which is not written into a header", name, value)
		}
	}

	if raw, ok := body[s.Payload].([]byte); ok {
		w.Header().Set("Content-Type", "application/octet-stream")
		return raw, nil
	}

	return answerJSON(body)
}
