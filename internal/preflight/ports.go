package preflight

import (
	"context"
	"io"

	"image-builder/internal/image"
)

// Of all ports, an error that is a fs.ErrNotExist says that there is no such thing. Any other leaves the check unmade.

// Identity is who asks AWS, and where.
type Identity struct {
	Account string `json:"account"`
	ARN     string `json:"arn"`
	Region  string `json:"region"`
}

// Parameters reads SSM parameters as they are, encrypted ones undecrypted. Satisfied by *aws.Parameters.
type Parameters interface {
	Look(ctx context.Context, name string) (image.Parameter, error)
}

// Images knows AMIs, and which architectures instances of a type have. Satisfied by *aws.EC2.
type Images interface {
	AMI(ctx context.Context, id string) (image.AMI, error)
	Architectures(ctx context.Context, instanceType string) ([]string, error)
}

// Network knows how packets leave a subnet. Satisfied by *aws.EC2.
type Network interface {
	Subnet(ctx context.Context, id string) (Subnet, error)
	Table(ctx context.Context, subnet Subnet) (Table, error)
	Endpoints(ctx context.Context, vpc string) ([]Endpoint, error)
}

// Subnet is a subnet of a VPC.
type Subnet struct {
	ID, VPC string
	Public  bool // instances get a public IPv4 address
}

// Table is the route table that counts for a subnet.
type Table struct {
	ID    string
	Route string // target of the default route for IPv4: igw-…, nat-…, tgw-…; "" for none
	Gone  bool   // that target is there no more
}

// Endpoint is how a VPC reaches a service of AWS without the internet.
type Endpoint struct {
	Service string   // ssm, the last part of com.amazonaws.eu-central-1.ssm
	Tables  []string // route tables that have it, of a gateway; nil for an interface, which the whole VPC reaches
	Gateway bool
}

// Objects looks at objects in S3. Satisfied by *aws.S3.
type Objects interface {
	Has(ctx context.Context, bucket, key, owner string) (bool, error)
	Get(ctx context.Context, bucket, key, owner string) (io.ReadCloser, error)
	List(ctx context.Context, bucket, prefix, owner string, limit int) ([]string, error)
}
