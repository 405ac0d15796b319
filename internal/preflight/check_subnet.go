package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// needed are the services that a build instance calls, by the names of their endpoints.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/vpc-interface-endpoints.html
var needed = []string{"imagebuilder", "logs", "s3", "ssm", "ssmmessages"}

// place checks where the instances will run: the given subnet, or the zone of the one that the stack makes.
func (c *Checks) place(ctx context.Context, q asked) answer {
	const check = "subnet"
	id := q.value("SubnetId")
	if id == "" {
		return c.zone(ctx, q, q.value("AvailabilityZone"), "")
	}
	subnet, err := c.Network.Subnet(ctx, id)
	if err != nil {
		return answer{results: []Result{unmade(check, err, Result{Status: Failed, Text: fmt.Sprintf("there is no %s in %s", id, q.who.Region), Hint: "correct --subnet-id, or give it empty for a VPC of the stack's own"})}}
	}

	a := c.zone(ctx, q, subnet.Zone, ", the zone of "+id+",")
	a.results = append([]Result{c.wayOut(ctx, subnet)}, a.results...)

	return a
}

// wayOut looks for a way from a subnet to those services.
func (c *Checks) wayOut(ctx context.Context, subnet Subnet) Result {
	const check = "subnet"
	id := subnet.ID

	table, err := c.Network.Table(ctx, subnet)
	if err != nil {
		return Result{Name: check, Status: Unchecked, Text: err.Error()}
	}

	internet := strings.HasPrefix(table.Route, "igw-")
	switch {
	case table.Route != "" && !table.Gone && (!internet || subnet.Public):
		return Result{Name: check, Status: OK, Text: fmt.Sprintf("%s reaches the internet by %s", id, table.Route)}
	case table.Gone:
		return Result{check, Failed, fmt.Sprintf("the default route of %s leads to %s, which is gone", id, table.Route), "correct the routes of " + table.ID}
	}

	why := "has no default route"
	if internet {
		why = "gives its instances no public address"
	}

	endpoints, err := c.Network.Endpoints(ctx, subnet.VPC)
	if err != nil {
		return Result{check, Unchecked, fmt.Sprintf("%s %s; whether its VPC has endpoints is not known: %s", id, why, err), ""}
	}
	if missing := absent(endpoints, table); len(missing) > 0 {
		return Result{
			check, Failed, fmt.Sprintf("%s %s, and its VPC no endpoints of %s: no build can start there", id, why, strings.Join(missing, ", ")),
			"name a subnet with a NAT gateway or public addresses, or give --subnet-id empty for a VPC of the stack's own",
		}
	}

	return Result{check, Warning, fmt.Sprintf("%s %s: a build reaches AWS by endpoints, and nothing else", id, why), "packages, repositories and images must come from where the VPC reaches them"}
}

// absent lists the needed services that have no endpoint reachable from the subnet.
func absent(endpoints []Endpoint, table Table) []string {
	return slices.DeleteFunc(slices.Clone(needed), func(service string) bool {
		return slices.ContainsFunc(endpoints, func(e Endpoint) bool {
			return e.Service == service && (!e.Gateway || slices.Contains(e.Tables, table.ID))
		})
	})
}
