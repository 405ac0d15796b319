package image

import (
	"fmt"
	"regexp"
	"strings"
)

// Parameter is an SSM parameter, with the properties that matter for naming an image.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Parameter.html
type Parameter struct {
	Name     string `json:"name"`
	Value    string `json:"value"`    // cipher text of a SecureString
	Type     string `json:"type"`     // String, StringList or SecureString
	DataType string `json:"dataType"` // text or aws:ec2:image
}

// The limits of a parameter's name, in characters and in levels.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
const (
	longestParameterName   = 1011
	deepestParameterLevels = 15
)

var parameterName = regexp.MustCompile(`^/?[a-zA-Z0-9_.\-/]+$`)

// NameError says why SSM refuses the name of a parameter, and what to write instead.
type NameError struct{ Message, Right string }

func (e *NameError) Error() string { return e.Message + ": " + e.Right }

// CheckParameterName checks the name of an existing parameter. The error is a *NameError.
func CheckParameterName(name string) error {
	const right = "write a name like /buildkite/agent-ami"
	switch {
	case !parameterName.MatchString(name):
		return &NameError{fmt.Sprintf("%q is not a parameter name: only letters, digits and _ . - / are allowed", name), right}
	case len(name) > longestParameterName:
		return &NameError{fmt.Sprintf("a parameter name has at most %d characters, not %d", longestParameterName, len(name)), right}
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return &NameError{"a parameter name with levels begins with /", "write /" + name}
	case strings.Count(name, "/") > deepestParameterLevels:
		return &NameError{fmt.Sprintf("a parameter name has at most %d levels", deepestParameterLevels), right}
	}

	return nil
}

// CheckNewParameterName checks a name under which an account may create a parameter. The error is a *NameError.
func CheckNewParameterName(name string) error {
	if err := CheckParameterName(name); err != nil {
		return err
	}
	bare := strings.ToLower(strings.TrimPrefix(name, "/"))
	if strings.HasPrefix(bare, "aws") || strings.HasPrefix(bare, "ssm") {
		return &NameError{"parameter names that begin with aws or ssm are reserved", "write a name like /buildkite/agent-ami"}
	}
	return nil
}
