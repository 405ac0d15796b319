package component

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"image-builder/internal/finding"
)

var (
	loopKeys   = []string{"name", "for", "forEach"}
	forKeys    = []string{"start", "end", "updateBy"}
	eachKeys   = []string{"list", "delimiter"}
	delimiters = []string{".", ",", ";", ":", "\n", "\t", " ", "-", "_"}
)

// loop reads a step's loop; nil if it cannot run.
func (p *parser) loop(entry Entry) *Loop {
	v := entry.Value
	if v.Shape != Map {
		p.fault(finding.WrongType, v, "loop is "+v.Shape.String()+", not a map", "write for: or forEach: below loop")
		return nil
	}
	before := len(p.findings)
	keys := p.keys(v, "a loop", finding.UnknownKey, loopKeys)
	strange := len(p.findings) > before // it may be what stands for one of the two
	loop := &Loop{At: entry.Key.At}
	loop.Name, _ = p.text(keys["name"], "the name of the loop")

	counted := keys["for"]
	each := keys["forEach"]
	switch {
	case counted.Key == nil && each.Key == nil && strange:
	case counted.Key == nil && each.Key == nil:
		p.fault(finding.BadLoop, entry.Key, "the loop has neither for nor forEach", "add one of the two")
	case counted.Key != nil && each.Key != nil:
		p.fault(finding.BadLoop, each.Key, "the loop has both for and forEach", "keep one of the two")
	case counted.Key != nil:
		loop.For = p.counted(counted)
	default:
		p.each(loop, each)
	}

	return loop
}

func (p *parser) counted(entry Entry) *For {
	if entry.Value.Shape != Map {
		p.fault(finding.WrongType, entry.Value, "for is "+entry.Value.Shape.String()+", not a map", "write start, end and updateBy below it")
		return nil
	}
	keys := p.keys(entry.Value, "for", finding.UnknownKey, forKeys, forKeys...)

	bounds := make(map[string]int64, 3)
	for _, name := range forKeys {
		bound := keys[name]
		if bound.Key == nil {
			p.fault(finding.BadLoop, entry.Key, "for has no "+name, "add "+name)
			continue
		}
		text, ok := p.text(bound, name)
		if !ok {
			continue
		}

		n, err := strconv.ParseInt(text.Value, 10, 64)
		if err != nil {
			p.fault(finding.BadLoop, place(text), fmt.Sprintf("%s is %q, not a whole number", name, text.Value), "write digits; references are not expanded here")
			continue
		}
		bounds[name] = n
	}

	if len(bounds) < len(forKeys) {
		return nil
	}
	count := &For{Start: bounds["start"], End: bounds["end"], UpdateBy: bounds["updateBy"]}
	switch {
	case count.UpdateBy == 0:
		p.fault(finding.BadLoop, keys["updateBy"].Value, "updateBy is 0: the loop never ends", "write 1, or -1 to count down")
	case count.Start < count.End && count.UpdateBy < 0, count.Start > count.End && count.UpdateBy > 0:
		p.fault(finding.BadLoop, keys["updateBy"].Value,
			fmt.Sprintf("counting from %d by %d never reaches %d", count.Start, count.UpdateBy, count.End), "change the sign of updateBy")
	}

	return count
}

func (p *parser) each(loop *Loop, entry Entry) {
	v := entry.Value
	switch v.Shape {
	case List:
		for _, item := range v.Items {
			if item.Shape > Scalar {
				p.notText(item, "an item of forEach")
			}
		}
		if len(v.Items) == 0 {
			p.warn(finding.BadLoop, entry.Key, "forEach is empty: the step never runs", "add items")
		}
		loop.Each = v.Items

	case Map:
		if holdsBraces(v) {
			p.notText(v, "forEach")
			return
		}
		p.delimited(loop, entry)

	default:
		p.fault(finding.BadLoop, entry.Key, "forEach is "+v.Shape.String()+", not a list", "write a list, or list: and delimiter: below it")
	}
}

func (p *parser) delimited(loop *Loop, entry Entry) {
	keys := p.keys(entry.Value, "forEach", finding.UnknownKey, eachKeys, "list")
	loop.Delimiter = ","

	if delimiter := keys["delimiter"]; delimiter.Key != nil {
		text, ok := p.text(delimiter, "delimiter")
		if ok && !slices.Contains(delimiters, text.Value) {
			p.fault(finding.BadLoop, delimiter.Key, fmt.Sprintf("the delimiter is %q", text.Value),
				`write one of . , ; : - _ or "\n", "\t", " "`)
		}
		loop.Delimiter = text.Value
	}

	list := keys["list"]
	if list.Key == nil {
		p.fault(finding.BadLoop, entry.Key, "forEach has no list", "add list")
		return
	}

	if text, ok := p.text(list, "list"); ok {
		loop.List = place(text)
		loop.List.Shape = Scalar
		loop.List.Style = list.Value.Style
	}
}

// count is how many times a for loop runs its step. If that number does not fit, it is one less.
func (f For) count() uint64 {
	if f.UpdateBy == 0 || (f.Start < f.End && f.UpdateBy < 0) || (f.Start > f.End && f.UpdateBy > 0) {
		return 0
	}
	steps := (uint64(f.End) - uint64(f.Start)) / uint64(f.UpdateBy)
	if f.UpdateBy < 0 {
		steps = (uint64(f.Start) - uint64(f.End)) / -uint64(f.UpdateBy)
	}
	return max(steps, steps+1)
}

// value is the value of the nth iteration, from 0.
func (f For) value(n uint64) string {
	return strconv.FormatInt(f.Start+int64(n)*f.UpdateBy, 10)
}

// split cuts the text of a delimited list; an empty text has no items. Items are not trimmed.
func split(list, delimiter string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, delimiter)
}
