package testbed

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	ec2test "image-builder/internal/testbed/ec2"
)

func (c *Cloud) machines() *ec2.Client { return ec2.NewFromConfig(c.config("ec2")) }

func where(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

func TestDescribeImages(t *testing.T) {
	t.Parallel()
	c := Start(t)
	base := c.EC2.AddAMI(ec2test.AMI{Owner: "172840064832", Public: true, Name: "buildkite-stack-linux-1", RootSize: 15, Architecture: "arm64"})
	own := c.EC2.AddAMI(ec2test.AMI{Name: "mine", Source: base, RootDevice: "/dev/sda1", Tags: map[string]string{"Name": "nightly"}})
	off := c.EC2.AddAMI(ec2test.AMI{State: "disabled"})
	hidden := c.EC2.AddAMI(ec2test.AMI{Owner: "999999999999"})
	gone := c.EC2.AddAMI(ec2test.AMI{})
	c.EC2.Deregister(gone)

	for name, test := range map[string]struct {
		in   ec2.DescribeImagesInput
		want []string
		code string
	}{
		"by ID":                  {in: ec2.DescribeImagesInput{ImageIds: []string{own}}, want: []string{own}},
		"all that are seen":      {want: []string{base, own}},
		"disabled, if asked for": {in: ec2.DescribeImagesInput{IncludeDisabled: aws.Bool(true), Owners: []string{"self"}}, want: []string{own, off}},
		"by owner and name": {in: ec2.DescribeImagesInput{
			Owners: []string{"172840064832"}, Filters: []types.Filter{where("name", "buildkite-stack-linux-*")},
		}, want: []string{base}},
		"by architecture":     {in: ec2.DescribeImagesInput{Filters: []types.Filter{where("architecture", "x86_64", "i386")}}, want: []string{own}},
		"by tag":              {in: ec2.DescribeImagesInput{Filters: []types.Filter{where("tag:Name", "nightly")}}, want: []string{own}},
		"unknown":             {in: ec2.DescribeImagesInput{ImageIds: []string{"ami-0123456789abcdef0"}}, code: "InvalidAMIID.NotFound"},
		"another owner's":     {in: ec2.DescribeImagesInput{ImageIds: []string{hidden}}, code: "InvalidAMIID.NotFound"},
		"malformed":           {in: ec2.DescribeImagesInput{ImageIds: []string{"ami-xyz"}}, code: "InvalidAMIID.Malformed"},
		"deregistered":        {in: ec2.DescribeImagesInput{ImageIds: []string{gone}}, code: "InvalidAMIID.Unavailable"},
		"an unknown filter":   {in: ec2.DescribeImagesInput{Filters: []types.Filter{where("value", "x")}}, code: "InvalidParameterValue"},
		"a filter of nothing": {in: ec2.DescribeImagesInput{Filters: []types.Filter{where("name")}}, code: "InvalidParameterValue"},
		"IDs and a page":      {in: ec2.DescribeImagesInput{ImageIds: []string{own}, MaxResults: aws.Int32(5)}, code: "InvalidParameterCombination"},
		"a foreign token":     {in: ec2.DescribeImagesInput{NextToken: aws.String("x")}, code: "InvalidNextToken"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := c.machines().DescribeImages(t.Context(), &test.in)
			if test.code != "" {
				refused(t, err, test.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}

			var got []string
			for _, image := range out.Images {
				got = append(got, *image.ImageId)
			}

			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}

	out, err := c.machines().DescribeImages(t.Context(), &ec2.DescribeImagesInput{ImageIds: []string{own, base}})
	if err != nil {
		t.Fatal(err)
	}
	first := out.Images[0]

	second := out.Images[1]
	if first.Architecture != "arm64" || *first.BlockDeviceMappings[0].Ebs.VolumeSize != 15 || *second.RootDeviceName != "/dev/sda1" || *second.SourceImageId != base {
		t.Errorf("%+v, %+v", first, second)
	}
}

func TestImagesInPages(t *testing.T) {
	t.Parallel()
	c := Start(t)
	for range 7 {
		c.EC2.AddAMI(ec2test.AMI{})
	}

	pages := ec2.NewDescribeImagesPaginator(c.machines(), &ec2.DescribeImagesInput{MaxResults: aws.Int32(3)})
	var sizes []int
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.Images))
	}

	if !slices.Equal(sizes, []int{3, 3, 1}) {
		t.Error("pages of", sizes)
	}
}

func TestDescribeInstanceTypes(t *testing.T) {
	t.Parallel()
	c := Start(t)
	c.EC2.AddInstanceType("z9.large", "arm64")

	for name, want := range map[string][]types.ArchitectureType{
		"t3.large": {"x86_64"}, "t2.micro": {"i386", "x86_64"}, "c7g.4xlarge": {"arm64"}, "m7i.xlarge": {"x86_64"}, "z9.large": {"arm64"},
	} {
		out, err := c.machines().DescribeInstanceTypes(t.Context(), &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{types.InstanceType(name)}})
		if err != nil {
			t.Fatal(err)
		}
		if got := out.InstanceTypes[0].ProcessorInfo.SupportedArchitectures; len(out.InstanceTypes) != 1 || !slices.Equal(got, want) {
			t.Error(name, got)
		}
	}

	_, err := c.machines().DescribeInstanceTypes(t.Context(), &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"t3.large", "t3.huge"}})
	refused(t, err, "InvalidInstanceType")
	all := 0

	pages := ec2.NewDescribeInstanceTypesPaginator(c.machines(), &ec2.DescribeInstanceTypesInput{Filters: []types.Filter{where("instance-type", "t4g.*")}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all += len(page.InstanceTypes)
	}

	if all != 8 {
		t.Error("sizes of t4g:", all)
	}
}

func TestDescribeNetworks(t *testing.T) {
	t.Parallel()
	c := Start(t)
	ctx := t.Context()
	client := c.machines()
	vpc := "vpc-0123456789abcdef0"
	public := c.EC2.AddSubnet(ec2test.Subnet{VPC: vpc, Public: true})
	private := c.EC2.AddSubnet(ec2test.Subnet{VPC: vpc})
	main := c.EC2.AddRouteTable(ec2test.RouteTable{VPC: vpc, Main: true, Routes: []ec2test.Route{{Destination: "10.0.0.0/16", Target: "local"}}})
	c.EC2.AddRouteTable(ec2test.RouteTable{VPC: vpc, Subnets: []string{public}, Routes: []ec2test.Route{
		{Destination: "0.0.0.0/0", Target: "igw-0123456789abcdef0"},
		{Destination: "::/0", Target: "eigw-0123456789abcdef0"},
		{Destination: "10.1.0.0/16", Target: "nat-0123456789abcdef0", Blackhole: true},
	}})

	c.EC2.AddEndpoint(ec2test.Endpoint{VPC: vpc, Service: "com.amazonaws.eu-central-1.ssm", Subnets: []string{private}})

	subnets, err := client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{public}})
	if err != nil || *subnets.Subnets[0].VpcId != vpc || !*subnets.Subnets[0].MapPublicIpOnLaunch {
		t.Errorf("subnets %+v, %v", subnets, err)
	}
	_, err = client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{"subnet-0123456789abcdef1"}})
	refused(t, err, "InvalidSubnetID.NotFound")

	tables := func(filters ...types.Filter) []types.RouteTable {
		t.Helper()
		out, err := client.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: filters})
		if err != nil {
			t.Fatal(err)
		}
		return out.RouteTables
	}

	own := tables(where("association.subnet-id", public))
	if len(own) != 1 || *own[0].Routes[0].GatewayId != "igw-0123456789abcdef0" || own[0].Routes[2].State != "blackhole" ||
		*own[0].Routes[1].EgressOnlyInternetGatewayId == "" || *own[0].Routes[1].DestinationIpv6CidrBlock != "::/0" || *own[0].Routes[2].NatGatewayId == "" {
		t.Errorf("table of the public subnet: %+v", own)
	}
	if none := tables(where("association.subnet-id", private)); len(none) != 0 {
		t.Errorf("the private subnet has no table of its own: %+v", none)
	}
	if of := tables(where("association.main", "true"), where("vpc-id", vpc)); len(of) != 1 || *of[0].RouteTableId != main || !*of[0].Associations[0].Main {
		t.Errorf("main table: %+v", of)
	}

	ends, err := client.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{Filters: []types.Filter{where("vpc-id", vpc), where("service-name", "*.ssm")}})
	if err != nil || len(ends.VpcEndpoints) != 1 || ends.VpcEndpoints[0].SubnetIds[0] != private {
		t.Errorf("endpoints %+v, %v", ends, err)
	}
}
