package cloudformation

import (
	"fmt"
	"net/netip"
)

// network is what EC2 knows of the networks that stacks made. It refuses what EC2 refuses: a second gateway for a VPC, a
// gateway that another VPC has, a subnet whose addresses are taken or are not the VPC's, a route to a gateway of another
// VPC, and the deletion of what is in use. A network of the test's own, like the VPC of a given subnet, is unknown here and
// free of these rules.
type network struct {
	vpcs         map[string]netip.Prefix
	subnets      map[string]subnet
	tables       map[string]string // VPCs of route tables
	associations map[string]string // route tables of subnets
	groups       map[string]string // VPCs of security groups
	gateways     map[string]string // VPCs of gateways
}

type subnet struct {
	vpc       string
	addresses netip.Prefix
}

// refusal is in EC2's own words.
type refusal string

func (r refusal) Error() string { return string(r) }

// mostVPCs is EC2's quota of VPCs in a region, without the default VPC.
// https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
const mostVPCs = 4

// watchNetwork has the stacks' networks follow EC2's rules.
func (c *Service) watchNetwork() {
	n := &network{
		vpcs: map[string]netip.Prefix{}, subnets: map[string]subnet{}, tables: map[string]string{}, associations: map[string]string{},
		groups: map[string]string{}, gateways: map[string]string{},
	}

	for kind, hooks := range map[string][2]func(Resource) error{
		"VPC":                         {n.addVPC, n.removeVPC},
		"Subnet":                      {n.addSubnet, n.removeSubnet},
		"InternetGateway":             {nothing, n.removeGateway},
		"VPCGatewayAttachment":        {n.attach, n.detach},
		"RouteTable":                  {n.addTable, n.removeTable},
		"SubnetRouteTableAssociation": {n.associate, n.dissociate},
		"Route":                       {n.addRoute, nothing},
		"SecurityGroup":               {n.addGroup, n.removeGroup},
	} {
		c.OnCreate("AWS::EC2::"+kind, hooks[0])
		c.OnDelete("AWS::EC2::"+kind, hooks[1])
	}
}

func nothing(Resource) error { return nil }

// text is a property; "" if it is missing.
func (r Resource) text(name string) string {
	text, _ := r.Properties[name].(string)
	return text
}

func (n *network) addVPC(r Resource) error {
	if len(n.vpcs) >= mostVPCs {
		return refusal("The maximum number of VPCs has been reached.")
	}
	addresses, err := netip.ParsePrefix(r.text("CidrBlock"))
	if err != nil {
		return refusal(fmt.Sprintf("Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", r.text("CidrBlock")))
	}
	n.vpcs[r.PhysicalID] = addresses
	return nil
}

func (n *network) removeVPC(r Resource) error {
	for _, s := range n.subnets {
		if s.vpc == r.PhysicalID {
			return inUse("vpc", r.PhysicalID)
		}
	}

	for _, owners := range []map[string]string{n.tables, n.groups, n.gateways} {
		for _, vpc := range owners {
			if vpc == r.PhysicalID {
				return inUse("vpc", r.PhysicalID)
			}
		}
	}

	delete(n.vpcs, r.PhysicalID)
	return nil
}

func (n *network) addSubnet(r Resource) error {
	vpc, known := n.vpcs[r.text("VpcId")]
	addresses, err := netip.ParsePrefix(r.text("CidrBlock"))
	switch {
	case !known:
		return nil
	case err != nil || !vpc.Contains(addresses.Addr()) || addresses.Bits() < vpc.Bits():
		return refusal(fmt.Sprintf("The CIDR '%s' is invalid.", r.text("CidrBlock")))
	}

	for _, other := range n.subnets {
		if other.vpc == r.text("VpcId") && other.addresses.Overlaps(addresses) {
			return refusal(fmt.Sprintf("The CIDR '%s' conflicts with another subnet", addresses))
		}
	}

	n.subnets[r.PhysicalID] = subnet{r.text("VpcId"), addresses}
	return nil
}

func (n *network) removeSubnet(r Resource) error {
	if n.associations[r.PhysicalID] != "" {
		return inUse("subnet", r.PhysicalID)
	}
	delete(n.subnets, r.PhysicalID)
	return nil
}

func (n *network) removeGateway(r Resource) error {
	if n.gateways[r.PhysicalID] != "" {
		return inUse("internetGateway", r.PhysicalID)
	}
	return nil
}

func (n *network) attach(r Resource) error {
	gateway := r.text("InternetGatewayId")
	vpc := r.text("VpcId")
	if of := n.gateways[gateway]; of != "" {
		return refusal(fmt.Sprintf("resource %s is already attached to network %s", gateway, of))
	}

	for _, of := range n.gateways {
		if of == vpc {
			return refusal(fmt.Sprintf("Network %s already has an internet gateway attached", vpc))
		}
	}

	n.gateways[gateway] = vpc
	return nil
}

func (n *network) detach(r Resource) error {
	delete(n.gateways, r.text("InternetGatewayId"))
	return nil
}

func (n *network) addTable(r Resource) error {
	n.tables[r.PhysicalID] = r.text("VpcId")
	return nil
}

func (n *network) removeTable(r Resource) error {
	for _, table := range n.associations {
		if table == r.PhysicalID {
			return inUse("routeTable", r.PhysicalID)
		}
	}
	delete(n.tables, r.PhysicalID)
	return nil
}

func (n *network) associate(r Resource) error {
	if n.associations[r.text("SubnetId")] != "" {
		return refusal(fmt.Sprintf("the specified association for route table %s conflicts with an existing association", r.text("RouteTableId")))
	}
	n.associations[r.text("SubnetId")] = r.text("RouteTableId")
	return nil
}

func (n *network) dissociate(r Resource) error {
	delete(n.associations, r.text("SubnetId"))
	return nil
}

func (n *network) addRoute(r Resource) error {
	gateway := r.text("GatewayId")
	if vpc := n.tables[r.text("RouteTableId")]; gateway != "" && vpc != "" && n.gateways[gateway] != vpc {
		return refusal(fmt.Sprintf("route table %s and network gateway %s belong to different networks", r.text("RouteTableId"), gateway))
	}
	return nil
}

func (n *network) addGroup(r Resource) error {
	n.groups[r.PhysicalID] = r.text("VpcId")
	return nil
}

func (n *network) removeGroup(r Resource) error {
	delete(n.groups, r.PhysicalID)
	return nil
}

// inUse is EC2's DependencyViolation.
func inUse(noun, id string) error {
	return refusal(fmt.Sprintf("The %s '%s' has dependencies and cannot be deleted.", noun, id))
}
