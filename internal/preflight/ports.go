package preflight

import (
	"context"
	"io"
	"time"

	"image-builder/internal/image"
)

// In all ports, an fs.ErrNotExist means "not found". After any other error the check counts as unchecked.

// Identity is who calls AWS, and in which region.
type Identity struct {
	Account string `json:"account"`
	ARN     string `json:"arn"`
	Region  string `json:"region"`
}

// Parameters reads SSM parameters as they are, encrypted ones undecrypted. Satisfied by *aws.Parameters.
type Parameters interface {
	Read(ctx context.Context, name string) (image.Parameter, error)
}

// Images knows AMIs, and the architectures of instance types. Satisfied by *aws.EC2.
type Images interface {
	AMI(ctx context.Context, id string) (image.AMI, error)
	Architectures(ctx context.Context, instanceType string) ([]string, error)
	// Zones returns the Availability Zones that offer an instance type, in order.
	Zones(ctx context.Context, instanceType string) ([]string, error)
}

// Layers asks Docker registries. Satisfied by registry.Registries.
type Layers interface {
	// Layers returns the size of each layer of an image, in bytes as it is sent, compressed, by digest.
	Layers(ctx context.Context, reference string, arch image.Arch) (map[string]int64, error)
}

// Snapshots knows how much data a snapshot holds, in bytes; 0 if it does not say. Satisfied by *aws.EC2.
type Snapshots interface {
	SnapshotData(ctx context.Context, id string) (int64, error)
}

// Bakes knows what was baked on this machine.
type Bakes interface {
	// Baked returns the newest successful bake of a recipe's name.
	Baked(ctx context.Context, recipe string) (Baked, error)
}

// Baked is a bake on this machine.
type Baked struct {
	Image   string // its ID
	Created time.Time
	Added   int64 // bytes of data that the image has and its base had not
}

// Network knows a subnet's routes. Satisfied by *aws.EC2.
type Network interface {
	Subnet(ctx context.Context, id string) (Subnet, error)
	Table(ctx context.Context, subnet Subnet) (Table, error)
	Endpoints(ctx context.Context, vpc string) ([]Endpoint, error)
}

// Subnet is a subnet of a VPC.
type Subnet struct {
	ID, VPC string
	Public  bool // instances get a public IPv4 address
	Zone    string
}

// Table is the route table in effect for a subnet.
type Table struct {
	ID    string
	Route string // target of the default route for IPv4: igw-…, nat-…, tgw-…; "" for none
	Gone  bool   // the target no longer exists
}

// Endpoint is a VPC's private way to a service of AWS.
type Endpoint struct {
	Service string   // ssm, the last part of com.amazonaws.eu-central-1.ssm
	Tables  []string // route tables of a gateway endpoint; nil for an interface endpoint, which the whole VPC reaches
	Gateway bool
}

// Objects looks at objects in S3. Satisfied by *aws.S3.
type Objects interface {
	// Encryption returns the ARN of the object's KMS key; "" for S3's own keys.
	Encryption(ctx context.Context, bucket, key, owner string) (string, error)
	Get(ctx context.Context, bucket, key, owner string) (io.ReadCloser, error)
	List(ctx context.Context, bucket, prefix, owner string, limit int) ([]string, error)
}

// Buckets knows where a bucket is. Satisfied by *aws.S3.
type Buckets interface {
	Region(ctx context.Context, bucket, owner string) (string, error)
}
