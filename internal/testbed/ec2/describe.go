package ec2

import (
	"regexp"
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

// filters lists, for each filter that a call knows, an item's values.
type filters[T any] map[string]func(T) []string

// ec2Filter keeps the items that match all filters of a call. It refuses filters that the call does not know, and
// those that EC2 knows and this server does not: to ignore one would be a wrong answer.
func ec2Filter[T any](e *Service, in wire.Values, items []T, known filters[T]) ([]T, error) {
	kept := slices.Clone(items)
	for _, filter := range wire.List[wire.Values](in, "Filters") {
		name := wire.Text(filter, "Name")
		has, ok := known[name]
		if !ok {
			return nil, e.refuse("InvalidParameterValue", "The filter '%s' is invalid", name)
		}
		wanted := wire.List[string](filter, "Values")
		if len(wanted) == 0 {
			return nil, e.refuse("InvalidParameterValue", "The filter '%s' has no values", name)
		}
		kept = slices.DeleteFunc(kept, func(item T) bool { return !anyMatches(wanted, has(item)) })
	}

	return kept, nil
}

// anyMatches reports whether a value matches a wanted one, where * stands for any text and ? for a character.
func anyMatches(wanted, values []string) bool {
	for _, pattern := range wanted {
		text := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
		fits := regexp.MustCompile("^(?s:" + text + ")$")
		if slices.ContainsFunc(values, fits.MatchString) {
			return true
		}
	}
	return false
}

// ec2IDs keeps the items whose IDs a call names; a missing or malformed ID is an error. Code and noun are those of
// the kind's errors (InvalidSubnetID, subnet ID).
func ec2IDs[T any](e *Service, ids []string, items []T, prefix, code, noun string, id func(T) string) ([]T, error) {
	if len(ids) == 0 {
		return items, nil
	}
	form := regexp.MustCompile("^" + prefix + "-([0-9a-f]{8}|[0-9a-f]{17})$")

	var missing []string
	for _, wanted := range ids {
		if !form.MatchString(wanted) {
			return nil, e.refuse(code+".Malformed", `Invalid id: "%s" (expecting "%s-...")`, wanted, prefix)
		}
		if !slices.ContainsFunc(items, func(item T) bool { return id(item) == wanted }) {
			missing = append(missing, wanted)
		}
	}

	switch len(missing) {
	case 0:
		return slices.DeleteFunc(slices.Clone(items), func(item T) bool { return !slices.Contains(ids, id(item)) }), nil
	case 1:
		return nil, e.refuse(code+".NotFound", "The %s '%s' does not exist", noun, missing[0])
	}

	return nil, e.refuse(code+".NotFound", "The %ss '%s' do not exist", noun, strings.Join(missing, ", "))
}

// ec2Page answers with a page of a list. MaxResults and IDs exclude each other.
func ec2Page[T any](e *Service, call wire.Call, ids, list string, items []T, encode func(T) wire.Values) (wire.Values, error) {
	size := wire.Number(call.In, "MaxResults", 1000)
	if _, limited := call.In["MaxResults"]; limited && len(wire.List[string](call.In, ids)) > 0 {
		return nil, e.refuse("InvalidParameterCombination", "The parameter %s cannot be used with the parameter MaxResults", ids)
	}
	window, next, ok := wire.Page(items, call.Operation, wire.Text(call.In, "NextToken"), size)
	if !ok {
		return nil, e.refuse("InvalidNextToken", "The specified token is not valid.")
	}

	rows := make([]any, len(window))
	for i, item := range window {
		rows[i] = encode(item)
	}

	out := wire.Values{list: rows}
	if next != "" {
		out["NextToken"] = next
	}

	return out, nil
}
