// Package ec2 is a test server's EC2, as far as it describes: AMIs, instance types, networks and snapshots. It also
// registers, copies, shares and removes AMIs. It launches nothing.
package ec2

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/wire"
)

// Service describes AMIs, instance types, subnets, route tables and endpoints. It launches nothing.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html
type Service struct {
	wire.Home

	mu          sync.Mutex
	serial      int
	images      []AMI
	gone        []string // AMIs that were deregistered
	types       []instanceType
	withheld    []offering
	subnets     []Subnet
	routeTables []RouteTable
	endpoints   []Endpoint
	orphans     []string // snapshots whose AMI is gone
	disks       *ebs.Service
	peers       map[string]*Service // the account's in other regions
}

// AMI is an Amazon machine image with one volume.
type AMI struct {
	ID           string // ami-…; AddAMI makes one if it is blank
	Name         string
	Description  string
	Owner        string // an account's number; blank for this account
	Public       bool   // AMIs of other owners are visible if public
	Architecture string // x86_64 (if blank) or arm64
	RootDevice   string // /dev/xvda if blank
	RootSize     int64  // GiB; 10 if 0
	State        string // available if blank; pending, failed, disabled…
	Source       string // the AMI that it was made from
	Created      time.Time
	Tags         map[string]string

	Snapshot     string // of the root device; without content if blank
	BootMode     string
	ENA          bool
	IMDS, TPM    string
	SRIOV        string
	Platform     string   // PlatformDetails; Linux/UNIX if blank
	ProductCodes []string // of the AWS Marketplace
	Devices      []any    // BlockDeviceMappings besides the root's
	Shared       []string // accounts and organizational units that may launch it
	looks        int      // until it is available
}

// Subnet is a subnet. The tests need one Availability Zone only.
type Subnet struct {
	ID, VPC string
	Public  bool // instances get a public address
}

// RouteTable routes packets. Subnets are those with an explicit association; the main table of a VPC applies to all
// others.
type RouteTable struct {
	ID, VPC string
	Main    bool
	Subnets []string
	Routes  []Route
}

// Route sends a range of addresses (10.0.0.0/24, or ::/0) to a target: local, igw-…, nat-…, eigw-…, tgw-…, pcx-…, vpce-….
type Route struct {
	Destination, Target string
	Blackhole           bool // the target no longer exists
}

// Endpoint is a VPC's private way to a service.
type Endpoint struct {
	ID, VPC string
	Service string // com.amazonaws.eu-central-1.ssm
	Type    string // Interface (if blank) or Gateway
	Subnets []string
	Tables  []string // route tables, of a gateway
}

// elsewhere is where the numbers of IDs in other regions start, so that they differ.
const elsewhere = 1 << 20

// New makes an EC2 whose snapshots lie on disks.
func New(where wire.Home, disks *ebs.Service) *Service {
	e := &Service{Home: where, disks: disks, types: instanceTypes()}
	if where.Region != wire.Region {
		e.serial = elsewhere
	}
	return e
}

// Peer makes the AMIs of another region known, for copies.
func (e *Service) Peer(region string, other *Service) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.peers == nil {
		e.peers = map[string]*Service{}
	}
	e.peers[region] = other
}

// source returns the service of the region that an AMI is copied from; nil if there is none.
func (e *Service) source(region string) *Service {
	e.mu.Lock()
	defer e.mu.Unlock()
	if region == e.Region {
		return e
	}
	return e.peers[region]
}

// Model names the model.
func (e *Service) Model() string { return "ec2" }

// Operation returns the function of a served operation.
func (e *Service) Operation(name string) func(wire.Call) (wire.Values, error) {
	return map[string]func(wire.Call) (wire.Values, error){
		"DescribeImages":                e.describeImages,
		"DescribeInstanceTypes":         e.describeInstanceTypes,
		"DescribeInstanceTypeOfferings": e.describeInstanceTypeOfferings,
		"DescribeSubnets":               e.describeSubnets,
		"DescribeRouteTables":           e.describeRouteTables,
		"DescribeVpcEndpoints":          e.describeVPCEndpoints,
		"DeregisterImage":               e.deregisterImage,
		"DeleteSnapshot":                e.deleteSnapshot,
		"DescribeSnapshots":             e.describeSnapshots,
		"CopySnapshot":                  e.copySnapshot,
		"RegisterImage":                 e.registerImage,
		"CopyImage":                     e.copyImage,
		"ModifyImageAttribute":          e.modifyImageAttribute,
		"CreateTags":                    e.createTags,

		"GetEbsEncryptionByDefault": e.getEncryptionByDefault,
	}[name]
}

// AddAMI makes an AMI and returns its ID.
func (e *Service) AddAMI(a AMI) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	a.ID = e.idOr(a.ID, "ami")

	a.Name = cmp.Or(a.Name, a.ID)
	a.Owner = cmp.Or(a.Owner, e.Number)
	a.Architecture = cmp.Or(a.Architecture, "x86_64")
	a.RootDevice = cmp.Or(a.RootDevice, "/dev/xvda")
	a.State = cmp.Or(a.State, "available")
	a.Platform = cmp.Or(a.Platform, "Linux/UNIX")
	a.Snapshot = cmp.Or(a.Snapshot, snapshotOf(a.ID))
	if a.RootSize == 0 {
		a.RootSize = 10
	}

	if a.Created.IsZero() {
		a.Created = e.Now()
	}

	e.images = append(e.images, a)
	return a.ID
}

// AMI returns the AMI of an ID, of any owner.
func (e *Service) AMI(id string) (AMI, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ami(id)
}

func (e *Service) ami(id string) (AMI, bool) {
	i := slices.IndexFunc(e.images, func(a AMI) bool { return a.ID == id })
	if i < 0 {
		return AMI{}, false
	}
	return e.images[i], true
}

// AMIs returns all of this account's AMIs, oldest first.
func (e *Service) AMIs() []AMI {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.images), func(a AMI) bool { return a.Owner != e.Number })
}

// Deregister removes an AMI; calls about it say that it is unavailable.
func (e *Service) Deregister(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deregister(id)
}

// AddInstanceType adds an instance type to the usual ones. Architectures are x86_64, arm64, i386.
func (e *Service) AddInstanceType(name string, architectures ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.types = append(e.types, instanceType{name, architectures})
}

// AddSubnet makes a subnet and returns its ID.
func (e *Service) AddSubnet(s Subnet) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.ID = e.idOr(s.ID, "subnet")
	e.subnets = append(e.subnets, s)
	return s.ID
}

// AddRouteTable makes a route table and returns its ID.
func (e *Service) AddRouteTable(t RouteTable) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	t.ID = e.idOr(t.ID, "rtb")
	e.routeTables = append(e.routeTables, t)
	return t.ID
}

// AddEndpoint makes a VPC endpoint and returns its ID.
func (e *Service) AddEndpoint(p Endpoint) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	p.ID = e.idOr(p.ID, "vpce")
	p.Type = cmp.Or(p.Type, "Interface")
	e.endpoints = append(e.endpoints, p)
	return p.ID
}

func (e *Service) id(prefix string) string {
	e.serial++
	return wire.HexID(prefix, e.serial)
}

// idOr returns the given ID, or a new one.
func (e *Service) idOr(given, prefix string) string {
	if given != "" {
		return given
	}
	return e.id(prefix)
}

// refuse is an EC2 error.
func (e *Service) refuse(code, message string, args ...any) error {
	return wire.Fault{Code: code, Message: fmt.Sprintf(message, args...), Status: 400}
}
