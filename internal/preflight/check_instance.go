package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"image-builder/internal/image"
)

// instances are the instance types that builds and tests may get: InstanceTypes, or else InstanceType.
func (q asked) instances() []string {
	var names []string
	for name := range strings.SplitSeq(q.value("InstanceTypes"), ",") {
		name = strings.TrimSpace(name)
		if name != "" {
			names = append(names, name)
		}
	}

	if len(names) == 0 {
		return []string{q.value("InstanceType")}
	}
	return names
}

// instanceTypes checks each instance type, since a build may get any of them.
func (c *Checks) instanceTypes(ctx context.Context, q asked, ami *image.AMI) []Result {
	var results []Result
	for _, name := range q.instances() {
		results = append(results, c.instanceType(ctx, q, name, ami))
	}

	if types := q.value("InstanceTypes"); types != "" && q.given("InstanceType") {
		results = append(results, Result{
			"instance type", Warning, "--instance-type has no effect: the stack builds on one of " + types,
			`give --instance-types "" to build on that type alone`,
		})
	}

	return results
}

// instanceType compares the architecture of an instance type with the AMI's; nil if that is unknown.
func (c *Checks) instanceType(ctx context.Context, q asked, name string, ami *image.AMI) Result {
	architectures, err := c.Images.Architectures(ctx, name)
	if err != nil {
		return unmade("instance type", err, Result{Status: Failed, Text: fmt.Sprintf("there is no %s in %s", name, q.who.Region), Hint: "name another: --instance-type t3.large, or t4g.large for arm64"})
	}
	has := strings.Join(architectures, " and ")

	if ami == nil {
		return Result{"instance type", Unchecked, fmt.Sprintf("%s is %s; the base AMI's architecture is not known", name, has), ""}
	}
	if slices.Contains(architectures, string(ami.Arch)) {
		return Result{"instance type", OK, fmt.Sprintf("%s is %s, as the base AMI", name, ami.Arch), ""}
	}

	suggestion := map[image.Arch]string{image.ARM64: "t4g.large", image.X86_64: "t3.large"}[ami.Arch]
	return Result{"instance type", Failed, fmt.Sprintf("%s is %s, the base AMI is %s", name, has, ami.Arch), fmt.Sprintf("--instance-type %s fits, or take an AMI of the other architecture: image-builder base resolve --arch", suggestion)}
}
