package image

import (
	"regexp"
	"time"
)

// Buildkite is the account that owns the AMIs of the Elastic CI Stack.
const Buildkite = "172840064832"

// AMI is an image as EC2 has it.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
type AMI struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Owner      string    `json:"owner"` // an account's number
	State      string    `json:"state"` // available, pending, failed, disabled…
	Arch       Arch      `json:"arch"`
	Windows    bool      `json:"windows,omitempty"`
	RootDevice string    `json:"rootDevice"`          // /dev/xvda
	RootSize   int64     `json:"rootSize"`            // GiB; 0 if EC2 does not say
	Deprecated time.Time `json:"deprecated,omitzero"` // when it is, or was, deprecated
}

// Parameter is an SSM parameter, as far as it may name an image.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Parameter.html
type Parameter struct {
	Name     string `json:"name"`
	Value    string `json:"value"`    // cipher text of a SecureString
	Type     string `json:"type"`     // String, StringList or SecureString
	DataType string `json:"dataType"` // text or aws:ec2:image
}

var amiID = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)

// IsAMI tells whether a text has the form of an AMI's ID.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
func IsAMI(text string) bool { return amiID.MatchString(text) }
