package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// jsonDecoder reads bodies of the protocols json and rest-json.
// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html, https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
type jsonDecoder struct {
	model *model
	found []string // unreadable parts
}

func (d *jsonDecoder) wrong(format string, args ...any) {
	d.found = append(d.found, fmt.Sprintf(format, args...))
}

// body reads a structure; an empty body is an empty one.
func (d *jsonDecoder) body(s *shape, text []byte) Values {
	if len(text) == 0 {
		return Values{}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()

	var value any
	if err := decoder.Decode(&value); err != nil {
		d.wrong("Malformed body: %v", err)
		return Values{}
	}

	if _, err := decoder.Token(); err != io.EOF {
		d.wrong("Malformed body: something follows it")
	}

	values, ok := d.value(s, "", value).(Values)
	if !ok {
		return Values{}
	}

	return values
}

func (d *jsonDecoder) value(s *shape, path string, value any) any {
	switch v := value.(type) {
	case nil:
		return nil
	case map[string]any:
		return d.object(s, path, v)
	case []any:
		if s.Type != "list" {
			break
		}
		list := []any{}
		for i, item := range v {
			list = append(list, d.value(d.model.Shapes[s.Member.Shape], fmt.Sprintf("%s.%d.member", path, i+1), item))
		}
		return list

	case string:
		if s.Type != "blob" {
			return v
		}
		if data, err := base64.StdEncoding.DecodeString(v); err == nil {
			return data
		}

	case bool:
		return v
	case json.Number:
		if number, ok := numeric(s, v); ok {
			return number
		}
	}

	d.wrong("Malformed value at '%s': %v is no %s", path, value, s.Type)
	return nil
}

func (d *jsonDecoder) object(s *shape, path string, object map[string]any) any {
	values := Values{}
	for name, item := range object {
		m := s.Members[name]
		switch {
		case s.Type == "map":
			values[name] = d.value(d.model.Shapes[s.Value.Shape], path+"."+name, item)
		case m == nil || m.Location != "":
			d.wrong("Unknown parameter '%s'", below(path, name))
		default:
			values[name] = d.value(d.model.Shapes[m.Shape], below(path, name), item)
		}
	}

	return values
}

// numeric reads a number as its shape wants it: times are seconds.
func numeric(s *shape, number json.Number) (any, bool) {
	if s.Type == "integer" || s.Type == "long" {
		n, err := number.Int64()
		return n, err == nil
	}
	f, err := number.Float64()
	if s.Type == "timestamp" {
		seconds, fraction := math.Modf(f)
		return time.Unix(int64(seconds), int64(fraction*1e9)).UTC(), err == nil
	}
	return f, err == nil
}

// rest reads a request of rest-json: members outside the body are in the path or the query.
func (d *jsonDecoder) rest(op *operation, r *http.Request, body []byte) Values {
	s := d.model.input(op)
	values := d.restBody(s, body)
	labels := matched(op.HTTP.RequestURI, r.URL.EscapedPath())

	query := r.URL.Query()
	for name, m := range s.Members {
		var text string
		var given bool

		switch m.Location {
		case "uri":
			text, given = labels[m.LocationName]
		case "querystring":
			text = query.Get(m.LocationName)
			given = query.Has(m.LocationName)
		case "header":
			text = r.Header.Get(m.LocationName)
			given = text != ""
		}

		if given {
			d.located(s, values, name, text, query)
		}

		delete(query, m.LocationName)
	}

	for name := range query {
		d.wrong("Unknown parameter '%s' in the query", name)
	}

	return values
}

// located stores a member that is not part of the body.
func (d *jsonDecoder) located(s *shape, values Values, name, text string, query url.Values) {
	m := s.Members[name]
	member := d.model.Shapes[m.Shape]
	if member.Type == "list" {
		list := []any{}
		for _, item := range query[m.LocationName] {
			list = append(list, item)
		}
		values[name] = list
		return
	}

	value, err := scalar(member, text)
	if err != nil {
		d.wrong("Malformed parameter '%s': %v", name, err)
		return
	}
	values[name] = value
}

// route finds the operation of a request of rest-json.
func (m *model) route(r *http.Request) *operation {
	for _, op := range m.Operations {
		if op.HTTP.Method == r.Method && matched(op.HTTP.RequestURI, r.URL.EscapedPath()) != nil {
			return op
		}
	}
	return nil
}

// matched returns the labels of a path, or nil if the path does not match this template, like /tags/{resourceArn}.
func matched(template, path string) map[string]string {
	template, _, _ = strings.Cut(template, "?")
	want := strings.Split(template, "/")

	got := strings.Split(path, "/")
	if len(want) != len(got) {
		return nil
	}
	labels := map[string]string{}
	for i, segment := range want {
		if !strings.HasPrefix(segment, "{") {
			if segment != got[i] {
				return nil
			}
			continue
		}
		text, err := url.PathUnescape(got[i])
		if err != nil || text == "" {
			return nil
		}
		labels[strings.Trim(segment, "{}")] = text
	}

	return labels
}
