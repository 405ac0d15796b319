package imagebuilder

import (
	"cmp"
	"fmt"
	"slices"

	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/wire"
)

// registerAMI makes the AMI in this region, with the tags that the service adds.
func (b *Service) registerAMI(r *build) string {
	base, _ := b.ec2.AMI(r.base)
	for _, there := range b.distributions(r) {
		if wire.Text(there, "region") == b.Region {
			return b.ec2.AddAMI(b.amiFor(r, there, base))
		}
	}
	return b.ec2.AddAMI(b.amiFor(r, nil, base))
}

// distributions are the parts of a build's distribution, one a region.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_Distribution.html
func (b *Service) distributions(r *build) []wire.Values {
	return wire.List[wire.Values](r.distribution, "distributions")
}

// amiFor is a build's AMI as a region's part of the distribution wants it.
func (b *Service) amiFor(r *build, there wire.Values, base ec2.AMI) ec2.AMI {
	made := wire.Struct(there, "amiDistributionConfiguration")
	tags := map[string]string{"CreatedBy": "EC2 Image Builder", "Ec2ImageBuilderArn": r.arn}
	for key, value := range wire.Struct(made, "amiTags") {
		tags[key] = fmt.Sprint(value)
	}

	permission := wire.Struct(made, "launchPermission")
	shared := wire.List[string](permission, "userIds")
	shared = append(slices.Clone(shared), wire.List[string](permission, "organizationalUnitArns")...)

	return ec2.AMI{
		Name:        buildDate.ReplaceAllString(cmp.Or(wire.Text(made, "name"), r.name+" {{ imagebuilder:buildDate }}"), b.Now().UTC().Format("2006-01-02T15-04-05.000Z")),
		Description: wire.Text(made, "description"), Architecture: base.Architecture, RootDevice: base.RootDevice,
		RootSize: max(base.RootSize, r.rootSize()), Source: base.ID, Tags: tags, Shared: shared,
	}
}

// distribute copies the AMI to the other regions. A region that the account has not enabled fails the build, as does
// one that is named twice.
func (b *Service) distribute(r *build) bool {
	own, _ := b.ec2.AMI(r.ami)
	r.copies = map[string]string{}
	seen := map[string]bool{}

	for _, there := range b.distributions(r) {
		region := wire.Text(there, "region")
		if seen[region] {
			b.failIntegration(r, "", "the region "+region+" is there twice")
			return false
		}
		seen[region] = true
		if region == b.Region {
			continue
		}

		far, enabled := b.far[region]
		if !enabled {
			b.failIntegration(r, "", "EC2 Client Error: 'The region "+region+" is not enabled'")
			return false
		}
		r.copies[region] = far.ec2.AddAMI(b.amiFor(r, there, own))
	}

	return true
}

// writeParameters writes the AMI's ID in each region into the distribution's parameters. A parameter that refuses it
// fails the build.
func (b *Service) writeParameters(r *build) {
	for _, there := range b.distributions(r) {
		region := wire.Text(there, "region")
		ami := r.ami
		parameters := b.ssm
		if far, elsewhere := b.far[region]; elsewhere {
			ami = r.copies[region]
			parameters = far.ssm
		}

		for _, to := range wire.List[wire.Values](there, "ssmParameterConfigurations") {
			in := wire.Values{
				"Name": wire.Text(to, "parameterName"), "Value": ami, "Type": "String", "Overwrite": true,
				"DataType": cmp.Or(wire.Text(to, "dataType"), "text"),
			}
			if _, err := parameters.PutParameter(wire.Call{Account: b.Number, Region: region, Operation: "PutParameter", In: in}); err != nil {
				b.failIntegration(r, "PUT_SSM_PARAMETERS", "SSM Client Error: '"+messageOf(err)+"'")
				return
			}
		}
	}
}

// outputs are a build's AMIs, the own region's last: clients must choose by region.
func (b *Service) outputs(r *build) []any {
	var amis []any
	for _, region := range wire.SortedKeys(r.copies) {
		copied, _ := b.far[region].ec2.AMI(r.copies[region])
		amis = append(amis, wire.Values{"region": region, "image": copied.ID, "name": copied.Name, "accountId": b.Number})
	}
	own, _ := b.ec2.AMI(r.ami)
	return append(amis, wire.Values{"region": b.Region, "image": r.ami, "name": cmp.Or(own.Name, r.ami), "accountId": b.Number})
}
