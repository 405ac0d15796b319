package aws

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"image-builder/internal/preflight"
)

// Subnet returns a subnet.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html
func (e *EC2) Subnet(ctx context.Context, id string) (preflight.Subnet, error) {
	client, err := e.open(ctx)
	if err != nil {
		return preflight.Subnet{}, err
	}
	out, err := client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{id}})
	if err == nil && len(out.Subnets) == 0 {
		return preflight.Subnet{}, fmt.Errorf("look at %s: %w", id, fs.ErrNotExist)
	}
	if err != nil {
		return preflight.Subnet{}, e.explain(ctx, "look at "+id, err)
	}

	found := out.Subnets[0]
	return preflight.Subnet{ID: id, VPC: aws.ToString(found.VpcId), Public: aws.ToBool(found.MapPublicIpOnLaunch), Zone: aws.ToString(found.AvailabilityZone)}, nil
}

// Table returns the route table of a subnet: its own, or the VPC's main one.
// https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html
func (e *EC2) Table(ctx context.Context, subnet preflight.Subnet) (preflight.Table, error) {
	client, err := e.open(ctx)
	if err != nil {
		return preflight.Table{}, err
	}

	for _, filters := range [][]types.Filter{
		{filter("association.subnet-id", subnet.ID)},
		{filter("vpc-id", subnet.VPC), filter("association.main", "true")},
	} {
		out, err := client.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: filters})
		if err != nil {
			return preflight.Table{}, e.explain(ctx, "look at the routes of "+subnet.ID, err)
		}
		if len(out.RouteTables) > 0 {
			return tableOf(out.RouteTables[0]), nil
		}
	}

	return preflight.Table{}, fmt.Errorf("look at the routes of %s: it has no route table", subnet.ID)
}

func filter(name, value string) types.Filter {
	return types.Filter{Name: &name, Values: []string{value}}
}

func tableOf(t types.RouteTable) preflight.Table {
	table := preflight.Table{ID: aws.ToString(t.RouteTableId)}
	for _, route := range t.Routes {
		if aws.ToString(route.DestinationCidrBlock) != "0.0.0.0/0" {
			continue
		}
		table.Gone = route.State == types.RouteStateBlackhole
		table.Route = cmp.Or(aws.ToString(route.GatewayId), aws.ToString(route.NatGatewayId), aws.ToString(route.TransitGatewayId),
			aws.ToString(route.NetworkInterfaceId), aws.ToString(route.InstanceId), aws.ToString(route.VpcPeeringConnectionId),
			aws.ToString(route.LocalGatewayId), aws.ToString(route.CarrierGatewayId), aws.ToString(route.CoreNetworkArn), "somewhere")
	}

	return table
}

// Endpoints returns a VPC's available endpoints.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpoints.html
func (e *EC2) Endpoints(ctx context.Context, vpc string) ([]preflight.Endpoint, error) {
	client, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	var endpoints []preflight.Endpoint
	err = eachPage(func(token *string) (*string, error) {
		page, err := client.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{Filters: []types.Filter{filter("vpc-id", vpc)}, NextToken: token})
		if err != nil {
			return nil, e.explain(ctx, "look at the endpoints of "+vpc, err)
		}

		for _, endpoint := range page.VpcEndpoints {
			if !strings.EqualFold(string(endpoint.State), string(types.StateAvailable)) { // the service uses both spellings
				continue
			}
			name := aws.ToString(endpoint.ServiceName)
			endpoints = append(endpoints, preflight.Endpoint{
				Service: name[strings.LastIndex(name, ".")+1:], Tables: endpoint.RouteTableIds, Gateway: endpoint.VpcEndpointType == types.VpcEndpointTypeGateway,
			})
		}

		return page.NextToken, nil
	})

	return endpoints, err
}
