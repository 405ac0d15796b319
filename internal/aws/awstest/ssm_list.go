package awstest

import (
	"slices"
	"strings"
)

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
func (s *SSM) getParametersByPath(call Call) (Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := textOf(call.In, "Path")
	if !strings.HasPrefix(path, "/") {
		return nil, invalidParameter("The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\".")
	}

	under := Values{"Key": "Path", "Option": "OneLevel", "Values": []any{path}}
	if truthOf(call.In, "Recursive") {
		under["Option"] = "Recursive"
	}

	conditions := append([]Values{under}, listOf[Values](call.In, "ParameterFilters")...)
	for _, condition := range conditions[1:] {
		if !slices.Contains([]string{"Type", "KeyId", "Label", "DataType"}, textOf(condition, "Key")) {
			return nil, Fault{Code: "InvalidFilterKey"}
		}
	}

	return s.list(call, conditions, 10, func(p Parameter) Values { return s.shown(call, p) })
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html
func (s *SSM) describeParameters(call Call) (Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conditions := listOf[Values](call.In, "ParameterFilters")
	for _, old := range listOf[Values](call.In, "Filters") {
		if len(conditions) > 0 {
			return nil, invalidParameter("You can use either Filters or ParameterFilters in a single request.")
		}
		if textOf(old, "Key") == "Name" { // the older form looks for names that begin so
			old = with(old, "Option", "BeginsWith")
		}
		conditions = append(conditions, old)
	}

	return s.list(call, conditions, 50, func(p Parameter) Values {
		out := s.encode(p)
		delete(out, "Value")
		out["Tier"] = p.Tier
		out["LastModifiedUser"] = "arn:aws:iam::" + s.number + ":user/deployer"
		out["Policies"] = []any{}
		if p.Description != "" {
			out["Description"] = p.Description
		}
		return out
	})
}

// list answers with a page of the parameters that fit all conditions. As in the service, the conditions apply to the
// page: one may hold less than was asked for, or nothing, and still name the next.
func (s *SSM) list(call Call, conditions []Values, most int64, encode func(Parameter) Values) (Values, error) {
	var all []Parameter
	for _, name := range sortedKeys(s.parameters) {
		if p, ok := s.look(name); ok {
			all = append(all, p)
		}
	}

	size := numberOf(call.In, "MaxResults", most)
	if s.PageSize > 0 {
		size = min(size, s.PageSize)
	}

	window, next, ok := page(all, call.Operation, textOf(call.In, "NextToken"), size)
	if !ok {
		return nil, Fault{Code: "InvalidNextToken", Message: "The specified token is not valid."}
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

	if _, err := fitsAll(Parameter{}, conditions); err != nil { // said even if there is nothing to compare with
		return nil, err
	}
	out := Values{"Parameters": rows}

	if next != "" {
		out["NextToken"] = next
	}

	return out, nil
}

func fitsAll(p Parameter, conditions []Values) (bool, error) {
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
func fitsOne(p Parameter, condition Values) (bool, error) {
	key := textOf(condition, "Key")
	option := textOf(condition, "Option")

	wanted := listOf[string](condition, "Values")
	if len(wanted) == 0 {
		return false, Fault{Code: "InvalidFilterValue", Message: "The filter " + key + " has no values."}
	}
	value, known := map[string]string{"Name": p.Name, "Path": p.Name, "Type": p.Type, "DataType": p.DataType, "Tier": p.Tier}[key]
	if !known {
		return false, Fault{Code: "InvalidFilterKey"}
	}

	compare, ok := comparison(key, option)
	if !ok {
		return false, Fault{Code: "InvalidFilterOption", Message: "The following filter option is not valid: " + option + "."}
	}

	return slices.ContainsFunc(wanted, func(w string) bool { return compare(value, w) }), nil
}

// comparison returns what an option of a key compares by; which there are depends on the key.
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
