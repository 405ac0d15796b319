package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Normal converts an answer to the few types of Values; it leaves unknown types to the check.
func Normal(value any) any {
	switch v := value.(type) {
	case Values:
		values := Values{}
		for name, item := range v {
			if item := Normal(item); item != nil {
				values[name] = item
			}
		}
		return values

	case map[string]string:
		values := Values{}
		for name, item := range v {
			values[name] = item
		}
		return values

	case []any:
		return each(v)
	case []Values:
		return each(v)
	case []string:
		return each(v)

	case int:
		return int64(v)
	}

	return value
}

func each[T any](items []T) []any {
	list := []any{}
	for _, item := range items {
		list = append(list, Normal(item))
	}
	return list
}

// xmlEncoder writes answers of query and ec2. The values were checked.
type xmlEncoder struct {
	bytes.Buffer
	model *model
}

func (e *xmlEncoder) text(text string) {
	_ = xml.EscapeText(&e.Buffer, []byte(text)) // a Buffer takes everything
}

func (e *xmlEncoder) element(name string, s *shape, value any) {
	fmt.Fprintf(e, "<%s>", name)

	switch v := value.(type) {
	case Values:
		e.members(s, v)
	case []any:
		wire := s.Member.LocationName
		if wire == "" {
			wire = "member"
		}
		for _, item := range v {
			e.element(wire, e.model.Shapes[s.Member.Shape], item)
		}

	case float64:
		e.WriteString(strconv.FormatFloat(v, 'f', -1, 64))
	case time.Time:
		e.WriteString(v.UTC().Format("2006-01-02T15:04:05.000Z"))
	case []byte:
		e.WriteString(base64.StdEncoding.EncodeToString(v))

	default:
		e.text(fmt.Sprint(v))
	}

	fmt.Fprintf(e, "</%s>", name)
}

func (e *xmlEncoder) members(s *shape, values Values) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if s.Type == "map" {
			e.WriteString("<entry><key>")
			e.text(name)
			e.WriteString("</key>")
			e.element("value", e.model.Shapes[s.Value.Shape], values[name])
			e.WriteString("</entry>")
			continue
		}

		m := s.Members[name]
		wire := m.LocationName
		if wire == "" {
			wire = name
		}

		e.element(wire, e.model.Shapes[m.Shape], values[name])
	}
}

// answerXML writes the answer of an operation of query or ec2.
func (m *model) answerXML(op *operation, values Values, id string) []byte {
	e := &xmlEncoder{model: m}
	fmt.Fprintf(e, "<%sResponse xmlns=%q>", op.Name, m.Metadata.XMLNamespace)

	if m.Metadata.Protocol == "ec2" {
		fmt.Fprintf(e, "<requestId>%s</requestId>", id)
		e.members(m.output(op), values)
	} else {
		if op.Output != nil {
			e.element(op.Output.ResultWrapper, m.output(op), values)
		}
		fmt.Fprintf(e, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>", id)
	}

	fmt.Fprintf(e, "</%sResponse>", op.Name)
	return e.Bytes()
}

// answerJSON writes the answer of an operation of json or rest-json: times are seconds.
func answerJSON(values Values) ([]byte, error) {
	return json.Marshal(seconds(values))
}

func seconds(value any) any {
	switch v := value.(type) {
	case Values:
		values := Values{}
		for name, item := range v {
			values[name] = seconds(item)
		}
		return values

	case []any:
		list := []any{}
		for _, item := range v {
			list = append(list, seconds(item))
		}
		return list

	case time.Time:
		return float64(v.UnixMilli()) / 1000
	}

	return value
}

// refusal writes an error in the protocol's form.
func (m *model) refusal(f Fault, id string) []byte {
	e := &xmlEncoder{}

	switch m.Metadata.Protocol {
	case "ec2":
		fmt.Fprintf(e, "<Response><Errors><Error><Code>%s</Code><Message>", f.Code)
		e.text(f.Message)
		fmt.Fprintf(e, "</Message></Error></Errors><RequestID>%s</RequestID></Response>", id)
	case "query":
		fmt.Fprintf(e, "<ErrorResponse xmlns=%q><Error><Type>%s</Type><Code>%s</Code><Message>", m.Metadata.XMLNamespace, blamed(f), f.Code)
		e.text(f.Message)
		fmt.Fprintf(e, "</Message></Error><RequestId>%s</RequestId></ErrorResponse>", id)
	default:
		text, _ := json.Marshal(map[string]string{"__type": f.Code, "message": f.Message}) // two texts are always JSON
		return text
	}

	return e.Bytes()
}

// blamed says whose fault a refusal is.
func blamed(f Fault) string {
	if f.Status >= 500 {
		return "Receiver"
	}
	return "Sender"
}
