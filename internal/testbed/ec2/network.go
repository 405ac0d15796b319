package ec2

import (
	"cmp"
	"strconv"
	"strings"

	"image-builder/internal/testbed/wire"
)

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html
func (e *Service) describeSubnets(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := func(s Subnet) string { return s.ID }
	subnets, err := ec2IDs(e, wire.List[string](call.In, "SubnetIds"), e.subnets, "subnet", "InvalidSubnetID", "subnet ID", id)
	if err != nil {
		return nil, err
	}

	subnets, err = ec2Filter(e, call.In, subnets, filters[Subnet]{
		"subnet-id":               func(s Subnet) []string { return []string{s.ID} },
		"vpc-id":                  func(s Subnet) []string { return []string{s.VPC} },
		"map-public-ip-on-launch": func(s Subnet) []string { return []string{strconv.FormatBool(s.Public)} },
	})
	if err != nil {
		return nil, err
	}

	return ec2Page(e, call, "SubnetIds", "Subnets", subnets, func(s Subnet) wire.Values {
		return wire.Values{
			"SubnetId": s.ID, "VpcId": s.VPC, "State": "available", "OwnerId": e.Number, "CidrBlock": "10.0.0.0/24",
			"AvailableIpAddressCount": int64(251), "AvailabilityZone": e.Region + "a", "DefaultForAz": false,
			"MapPublicIpOnLaunch": s.Public, "AssignIpv6AddressOnCreation": false,
			"SubnetArn": e.ARN("ec2", "subnet/"+s.ID), "Tags": []any{},
		}
	})
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html
func (e *Service) describeRouteTables(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := func(t RouteTable) string { return t.ID }
	tables, err := ec2IDs(e, wire.List[string](call.In, "RouteTableIds"), e.routeTables, "rtb", "InvalidRouteTableID", "routeTable ID", id)
	if err != nil {
		return nil, err
	}

	tables, err = ec2Filter(e, call.In, tables, filters[RouteTable]{
		"route-table-id":        func(t RouteTable) []string { return []string{t.ID} },
		"vpc-id":                func(t RouteTable) []string { return []string{t.VPC} },
		"association.subnet-id": func(t RouteTable) []string { return t.Subnets },
		"association.main":      mainAssociations,
	})
	if err != nil {
		return nil, err
	}

	return ec2Page(e, call, "RouteTableIds", "RouteTables", tables, e.encodeRouteTable)
}

// mainAssociations says of each association of a table whether it is the main one of the VPC.
func mainAssociations(t RouteTable) []string {
	var all []string
	if t.Main {
		all = append(all, "true")
	}
	if len(t.Subnets) > 0 {
		all = append(all, "false")
	}
	return all
}

func (e *Service) encodeRouteTable(t RouteTable) wire.Values {
	state := wire.Values{"State": "associated"}
	associations := []any{}
	routes := []any{}

	if t.Main {
		associations = append(associations, wire.Values{
			"Main": true, "RouteTableId": t.ID, "AssociationState": state,
			"RouteTableAssociationId": strings.Replace(t.ID, "rtb-", "rtbassoc-", 1),
		})
	}

	for i, subnet := range t.Subnets {
		associations = append(associations, wire.Values{
			"Main": false, "RouteTableId": t.ID, "SubnetId": subnet, "AssociationState": state,
			"RouteTableAssociationId": wire.HexID("rtbassoc", i),
		})
	}

	for _, route := range t.Routes {
		routes = append(routes, encodeRoute(route))
	}

	return wire.Values{
		"RouteTableId": t.ID, "VpcId": t.VPC, "OwnerId": e.Number, "Associations": associations, "Routes": routes,
		"PropagatingVgws": []any{}, "Tags": []any{},
	}
}

// encodeRoute names the target by the member that is for its kind.
func encodeRoute(r Route) wire.Values {
	out := wire.Values{"State": "active", "Origin": "CreateRoute"}
	if r.Blackhole {
		out["State"] = "blackhole"
	}

	if r.Target == "local" {
		out["Origin"] = "CreateRouteTable"
	}

	switch {
	case strings.HasPrefix(r.Destination, "pl-"):
		out["DestinationPrefixListId"] = r.Destination
	case strings.Contains(r.Destination, ":"):
		out["DestinationIpv6CidrBlock"] = r.Destination
	default:
		out["DestinationCidrBlock"] = r.Destination
	}

	members := map[string]string{
		"nat": "NatGatewayId", "tgw": "TransitGatewayId", "eigw": "EgressOnlyInternetGatewayId", "i": "InstanceId",
		"eni": "NetworkInterfaceId", "pcx": "VpcPeeringConnectionId", "lgw": "LocalGatewayId", "cagw": "CarrierGatewayId",
	}
	prefix, _, _ := strings.Cut(r.Target, "-")
	out[cmp.Or(members[prefix], "GatewayId")] = r.Target

	return out
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpoints.html
func (e *Service) describeVPCEndpoints(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := func(p Endpoint) string { return p.ID }
	endpoints, err := ec2IDs(e, wire.List[string](call.In, "VpcEndpointIds"), e.endpoints, "vpce", "InvalidVpcEndpointId", "Vpc Endpoint Id", id)
	if err != nil {
		return nil, err
	}

	endpoints, err = ec2Filter(e, call.In, endpoints, filters[Endpoint]{
		"service-name":       func(p Endpoint) []string { return []string{p.Service} },
		"vpc-id":             func(p Endpoint) []string { return []string{p.VPC} },
		"vpc-endpoint-id":    func(p Endpoint) []string { return []string{p.ID} },
		"vpc-endpoint-type":  func(p Endpoint) []string { return []string{p.Type} },
		"vpc-endpoint-state": func(Endpoint) []string { return []string{"available"} },
	})
	if err != nil {
		return nil, err
	}

	return ec2Page(e, call, "VpcEndpointIds", "VpcEndpoints", endpoints, func(p Endpoint) wire.Values {
		return wire.Values{
			"VpcEndpointId": p.ID, "VpcId": p.VPC, "ServiceName": p.Service, "VpcEndpointType": p.Type, "State": "Available",
			"OwnerId": e.Number, "SubnetIds": wire.Any(p.Subnets), "RouteTableIds": wire.Any(p.Tables),
			"PrivateDnsEnabled": p.Type == "Interface", "RequesterManaged": false, "Tags": []any{},
		}
	})
}
