package ssm

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

func invalidParameter(format string, args ...any) error {
	return wire.Fault{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

// PutParameter writes a parameter.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
func (s *Service) PutParameter(call wire.Call) (wire.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := wire.Text(call.In, "Name")
	if err := checkName(name); err != nil {
		return nil, err
	}

	var old Parameter
	exists := false

	if e := s.parameters[name]; e != nil {
		old, exists = e.newest()
	}

	p, err := s.wanted(call.In, old, exists)
	if err != nil {
		return nil, err
	}
	entry := s.entry(name)
	if tags := tagsIn(call); len(tags) > 0 {
		entry.tags = tags
	}
	next := s.stamped(entry, p)

	if p.DataType == "aws:ec2:image" {
		entry.pending = append(entry.pending, p)
	} else {
		entry.versions = append(entry.versions, next)
	}

	return wire.Values{"Version": next.Version, "Tier": p.Tier}, nil
}

var parameterName = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

// checkName applies the rules for names of new parameters.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
func checkName(name string) error {
	first, _, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(name, "/")), "/")
	switch {
	case !parameterName.MatchString(name):
		return invalidParameter("Invalid label or parameter name: only a mix of letters, numbers and the following 4 symbols .-_/ is allowed.")
	case strings.HasPrefix(first, "aws"):
		return wire.Fault{Code: "AccessDeniedException", Message: "No access to reserved parameter name: " + name + "."}
	case strings.HasPrefix(first, "ssm"):
		return invalidParameter(`Parameter name: can't be prefixed with "ssm" (case-insensitive).`)

	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return invalidParameter("Parameter name must be a fully qualified name.")
	case strings.HasSuffix(name, "/") || strings.Contains(name, "//"):
		return invalidParameter("Parameter name must not end with a slash or have an empty level.")
	case strings.Count(name, "/") > 15:
		return wire.Fault{Code: "HierarchyLevelLimitExceededException", Message: "A hierarchy can have a maximum of 15 levels."}

	case len(name) > 1011:
		return invalidParameter("Parameter name must not be longer than 1011 characters.")
	}

	return nil
}

// wanted is the parameter that a call asks for.
func (s *Service) wanted(in wire.Values, old Parameter, exists bool) (Parameter, error) {
	overwrite := wire.Truth(in, "Overwrite")
	if exists && !overwrite {
		return Parameter{}, wire.Fault{
			Code:    "ParameterAlreadyExists",
			Message: "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
		}
	}
	if overwrite && len(wire.List[wire.Values](in, "Tags")) > 0 {
		return Parameter{}, invalidParameter("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, " +
			"please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	}

	p := Parameter{
		Name: wire.Text(in, "Name"), Value: wire.Text(in, "Value"), Type: cmp.Or(wire.Text(in, "Type"), old.Type),
		DataType: cmp.Or(wire.Text(in, "DataType"), cmp.Or(old.DataType, "text")), Tier: cmp.Or(wire.Text(in, "Tier"), "Standard"),
		Description: cmp.Or(wire.Text(in, "Description"), old.Description),
	}

	return p, s.checkValue(p, old, exists, wire.Text(in, "AllowedPattern"))
}

func (s *Service) checkValue(p, old Parameter, exists bool, allowed string) error {
	pattern, err := regexp.Compile(allowed)
	image := func(p Parameter) bool { return p.DataType == "aws:ec2:image" }
	switch {
	case p.Type == "":
		return invalidParameter("A parameter type is required when you create a parameter.")
	case exists && p.Type != old.Type:
		return wire.Fault{Code: "HierarchyTypeMismatchException", Message: "The parameter type can't be changed. You can create a new, unique parameter."}
	case !slices.Contains([]string{"text", "aws:ec2:image", "aws:ssm:integration"}, p.DataType):
		return invalidParameter("The following data type is not supported: %s (Data type names are all lowercase.)", p.DataType)

	case exists && image(p) != image(old):
		return invalidParameter("The data type of the parameter can't be changed from %s to %s.", old.DataType, p.DataType)
	case image(p) && p.Type != "String":
		return invalidParameter("The data type aws:ec2:image is supported for parameters of type String only.")
	case p.Value == "":
		return invalidParameter("1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1")

	case p.Tier == "Standard" && len(p.Value) > 4096:
		return invalidParameter("Standard tier parameters support a maximum parameter value of 4096 characters. " +
			"To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.")
	case err != nil:
		return wire.Fault{Code: "InvalidAllowedPatternException", Message: "The request does not meet the regular expression requirement."}

	case allowed != "" && !pattern.MatchString(p.Value):
		return wire.Fault{Code: "ParameterPatternMismatchException", Message: "Parameter value, cannot be validated against allowedPattern: " + allowed}
	}

	return nil
}
