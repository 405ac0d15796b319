package ssm

import (
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
func (s *Service) getParametersByPath(call wire.Call) (wire.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := wire.Text(call.In, "Path")
	if !strings.HasPrefix(path, "/") {
		return nil, invalidParameter("The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\".")
	}

	under := wire.Values{"Key": "Path", "Option": "OneLevel", "Values": []any{path}}
	if wire.Truth(call.In, "Recursive") {
		under["Option"] = "Recursive"
	}

	conditions := append([]wire.Values{under}, wire.List[wire.Values](call.In, "ParameterFilters")...)
	for _, condition := range conditions[1:] {
		if !slices.Contains([]string{"Type", "KeyId", "Label", "DataType"}, wire.Text(condition, "Key")) {
			return nil, wire.Fault{Code: "InvalidFilterKey"}
		}
	}

	return s.list(call, conditions, 10, func(p Parameter) wire.Values { return s.shown(call, p) })
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html
func (s *Service) describeParameters(call wire.Call) (wire.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conditions := wire.List[wire.Values](call.In, "ParameterFilters")
	for _, old := range wire.List[wire.Values](call.In, "Filters") {
		if len(conditions) > 0 {
			return nil, invalidParameter("You can use either Filters or ParameterFilters in a single request.")
		}
		if wire.Text(old, "Key") == "Name" { // the older form matches the beginning of names
			old = wire.With(old, "Option", "BeginsWith")
		}
		conditions = append(conditions, old)
	}

	return s.list(call, conditions, 50, func(p Parameter) wire.Values {
		out := s.encode(p)
		delete(out, "Value")
		out["Tier"] = p.Tier
		out["LastModifiedUser"] = "arn:aws:iam::" + s.Number + ":user/deployer"
		out["Policies"] = []any{}
		if p.Description != "" {
			out["Description"] = p.Description
		}
		return out
	})
}

// list answers with a page of the parameters that match all conditions. As in the service, conditions apply to each
// page: a page may be short or empty and still have a successor.
func (s *Service) list(call wire.Call, conditions []wire.Values, most int64, encode func(Parameter) wire.Values) (wire.Values, error) {
	var all []Parameter
	for _, name := range wire.SortedKeys(s.parameters) {
		if p, ok := s.look(name); ok {
			all = append(all, p)
		}
	}

	size := wire.Number(call.In, "MaxResults", most)
	if s.pageSize > 0 {
		size = min(size, s.pageSize)
	}

	window, next, ok := wire.Page(all, call.Operation, wire.Text(call.In, "NextToken"), size)
	if !ok {
		return nil, wire.Fault{Code: "InvalidNextToken", Message: "The specified token is not valid."}
	}
	rows := []any{}
	for _, p := range window {
		fits, err := fitsAll(p, conditions)
		if err != nil {
			return nil, err
		}
		if fits {
			rows = append(rows, encode(p))
		}
	}

	if _, err := fitsAll(Parameter{}, conditions); err != nil { // reported even if there is nothing to compare with
		return nil, err
	}
	out := wire.Values{"Parameters": rows}

	if next != "" {
		out["NextToken"] = next
	}

	return out, nil
}

func fitsAll(p Parameter, conditions []wire.Values) (bool, error) {
	fits := true
	for _, condition := range conditions {
		one, err := fitsOne(p, condition)
		if err != nil {
			return false, err
		}
		fits = fits && one
	}
	return fits, nil
}

// fitsOne compares a parameter with one condition.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html
func fitsOne(p Parameter, condition wire.Values) (bool, error) {
	key := wire.Text(condition, "Key")
	option := wire.Text(condition, "Option")

	wanted := wire.List[string](condition, "Values")
	if len(wanted) == 0 {
		return false, wire.Fault{Code: "InvalidFilterValue", Message: "The filter " + key + " has no values."}
	}
	value, known := map[string]string{"Name": p.Name, "Path": p.Name, "Type": p.Type, "DataType": p.DataType, "Tier": p.Tier}[key]
	if !known {
		return false, wire.Fault{Code: "InvalidFilterKey"}
	}

	compare, ok := comparison(key, option)
	if !ok {
		return false, wire.Fault{Code: "InvalidFilterOption", Message: "The following filter option is not valid: " + option + "."}
	}

	return slices.ContainsFunc(wanted, func(w string) bool { return compare(value, w) }), nil
}

// comparison returns the comparison of an option; each key has its own options.
func comparison(key, option string) (func(value, wanted string) bool, bool) {
	inside := func(name, path string) bool { return strings.HasPrefix(name, strings.TrimSuffix(path, "/")+"/") }
	switch {
	case key == "Path" && option == "Recursive":
		return inside, true
	case key == "Path" && (option == "OneLevel" || option == ""):
		return func(name, path string) bool {
			return inside(name, path) && !strings.Contains(name[len(strings.TrimSuffix(path, "/"))+1:], "/")
		}, true

	case key == "Path":
		return nil, false
	case option == "Equals" || option == "":
		return func(value, wanted string) bool { return value == wanted }, true
	case option == "BeginsWith":
		return strings.HasPrefix, true

	case option == "Contains" && key == "Name":
		return strings.Contains, true
	}

	return nil, false
}
