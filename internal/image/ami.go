package image

import (
	"regexp"
	"time"
)

// Buildkite is the account that owns the AMIs of the Elastic CI Stack.
const Buildkite = "172840064832"

// AMI is an AMI as EC2 describes it. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
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

	Snapshot       string            `json:"snapshot,omitempty"`       // of the root device
	Encrypted      bool              `json:"encrypted,omitempty"`      // the root device
	Volume         Volume            `json:"volume,omitzero"`          // that the root device becomes
	Others         []Device          `json:"others,omitempty"`         // devices besides the root
	Virtualization string            `json:"virtualization,omitempty"` // hvm or paravirtual
	BootMode       string            `json:"bootMode,omitempty"`       // legacy-bios, uefi or uefi-preferred; "": that of the instance type
	ENA            bool              `json:"ena,omitempty"`            // enhanced networking
	SRIOV          string            `json:"sriov,omitempty"`          // simple, if the Intel 82599 function is supported
	IMDS           string            `json:"imds,omitempty"`           // v2.0, if instances must use IMDSv2
	TPM            string            `json:"tpm,omitempty"`            // v2.0, if it has NitroTPM
	Platform       string            `json:"platform,omitempty"`       // Linux/UNIX, Red Hat Enterprise Linux…
	ProductCodes   []string          `json:"productCodes,omitempty"`   // of the AWS Marketplace
	Tags           map[string]string `json:"tags,omitempty"`
}

// Volume is how a volume is made of a snapshot.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html
type Volume struct {
	Type       string `json:"type,omitempty"`       // gp3…
	IOPS       int32  `json:"iops,omitempty"`       // 0: the type's default
	Throughput int32  `json:"throughput,omitempty"` // MiB/s; 0: the type's default
}

// Device is a block device of an AMI besides its root: an instance store volume, or an EBS volume.
type Device struct {
	Name     string `json:"name"`               // /dev/sdb
	Virtual  string `json:"virtual,omitempty"`  // ephemeral0
	Snapshot string `json:"snapshot,omitempty"` // of an EBS volume; "": an empty one
	Size     int64  `json:"size,omitempty"`     // GiB
	Volume   Volume `json:"volume,omitzero"`
}

// Published is an AMI that was made from an image.
type Published struct {
	Region   string    `json:"region"`
	AMI      string    `json:"ami"`
	Snapshot string    `json:"snapshot,omitempty"` // of its root device; "" of a copy whose snapshot is not made yet
	Parent   string    `json:"parent,omitempty"`   // its parent, from which it differs
	Source   string    `json:"source,omitempty"`   // AMI of another region that it is a copy of
	Name     string    `json:"name"`
	Blocks   int64     `json:"blocks"` // of 512 KiB that differ from the parent
	Created  time.Time `json:"created"`
}

var amiID = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)

// IsAMI reports whether a text has the form of an AMI ID.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
func IsAMI(text string) bool { return amiID.MatchString(text) }
