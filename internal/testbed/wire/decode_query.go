package wire

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// node is a parameter of the query protocol with its descendants: Tags.member.1.Key is four deep.
type node struct {
	text  string
	below map[string]*node
}

func tree(form url.Values) *node {
	root := &node{below: map[string]*node{}}
	for key, texts := range form {
		at := root
		for name := range strings.SplitSeq(key, ".") {
			if at.below[name] == nil {
				at.below[name] = &node{below: map[string]*node{}}
			}
			at = at.below[name]
		}
		at.text = texts[len(texts)-1]
	}

	return root
}

// queryDecoder reads the protocols query and ec2.
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html, https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html
type queryDecoder struct {
	model *model
	found []string // unreadable parts
}

func (d *queryDecoder) wrong(path, format string, args ...any) {
	d.found = append(d.found, path+" "+fmt.Sprintf(format, args...))
}

func (d *queryDecoder) ec2() bool { return d.model.Metadata.Protocol == "ec2" }

// name is a member's name in a request.
func (d *queryDecoder) name(name string, m *member) string {
	switch {
	case d.ec2() && m.QueryName != "":
		return m.QueryName
	case d.ec2() && m.LocationName != "":
		return strings.ToUpper(m.LocationName[:1]) + m.LocationName[1:]
	case m.LocationName != "":
		return m.LocationName
	}
	return name
}

func (d *queryDecoder) structure(s *shape, path string, n *node) Values {
	values := Values{}
	known := map[string]bool{}
	for name, m := range s.Members {
		wire := d.name(name, m)
		known[wire] = true
		if n.below[wire] != nil {
			values[name] = d.value(d.model.Shapes[m.Shape], path+wire, n.below[wire])
		}
	}

	for wire := range n.below {
		if !known[wire] {
			d.wrong(unknownParameter, "'%s'", path+wire)
		}
	}

	return values
}

func (d *queryDecoder) value(s *shape, path string, n *node) any {
	switch s.Type {
	case "structure":
		return d.structure(s, path+".", n)
	case "list":
		return d.list(s, path, n)
	case "map":
		return d.mapping(s, path, n)
	}

	if len(n.below) > 0 {
		d.wrong(unknownParameter, "below '%s', a %s", path, s.Type)
	}

	value, err := scalar(s, n.text)
	if err != nil {
		d.wrong("Malformed parameter", "'%s': %v", path, err)
	}

	return value
}

// list reads the entries 1, 2, …; an empty one is sent as the bare name.
func (d *queryDecoder) list(s *shape, path string, n *node) any {
	entries := n

	if !d.ec2() && len(n.below) > 0 {
		wire := "member"
		if s.Member.LocationName != "" {
			wire = s.Member.LocationName
		}
		entries = n.below[wire]
		if entries == nil || len(n.below) > 1 {
			d.wrong(unknownParameter, "below '%s': a list has %s.N only", path, wire)
			return []any{}
		}
	}

	list := []any{}
	for i := range entries.ordered(d, path) {
		list = append(list, d.value(d.model.Shapes[s.Member.Shape], fmt.Sprintf("%s.%d", path, i), entries.below[strconv.Itoa(i)]))
	}

	return list
}

// ordered yields the numbers 1, 2, … of the entries, and reports all other names.
func (n *node) ordered(d *queryDecoder, path string) func(func(int) bool) {
	var numbers []int
	for name := range n.below {
		number, err := strconv.Atoi(name)
		if err != nil || number < 1 || strconv.Itoa(number) != name {
			d.wrong("Malformed parameter", "'%s.%s': want a number from 1", path, name)
			continue
		}
		numbers = append(numbers, number)
	}

	slices.Sort(numbers)
	return func(yield func(int) bool) {
		for _, i := range numbers {
			if !yield(i) {
				return
			}
		}
	}
}

func (d *queryDecoder) mapping(s *shape, path string, n *node) any {
	values := Values{}
	entries := n.below["entry"]
	if entries == nil {
		return values
	}

	for i := range entries.ordered(d, path) {
		entry := entries.below[strconv.Itoa(i)]
		if entry.below["key"] == nil || entry.below["value"] == nil {
			d.wrong("Malformed parameter", "'%s.entry.%d': want key and value", path, i)
			continue
		}
		key := entry.below["key"].text
		values[key] = d.value(d.model.Shapes[s.Value.Shape], path+"."+key, entry.below["value"])
	}

	return values
}

// scalar reads a value written as text: in a form, a path, a query or a header.
func scalar(s *shape, text string) (any, error) {
	switch s.Type {
	case "boolean":
		return strconv.ParseBool(text)
	case "integer", "long":
		return strconv.ParseInt(text, 10, 64)
	case "float", "double":
		return strconv.ParseFloat(text, 64)
	case "timestamp":
		return time.Parse(time.RFC3339, text)
	case "blob":
		return base64.StdEncoding.DecodeString(text)
	}

	return text, nil
}
