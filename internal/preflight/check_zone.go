package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// zone checks that the instance type is offered in a zone, which is said with what it is the zone of: not every zone has
// every type. For a new stack with a subnet of its own, whose zone is "", it chooses one that has it.
func (c *Checks) zone(ctx context.Context, q asked, zone, of string) answer {
	const check = "zone"
	instance := q.value("InstanceType")
	zones, err := c.Images.Zones(ctx, instance)
	if err != nil {
		return answer{results: []Result{{Name: check, Status: Unchecked, Text: err.Error()}}}
	}
	if len(zones) == 0 {
		return answer{} // the check of the instance type says that the region does not have it
	}

	switch {
	case zone == "" && q.existing.Name == "":
		return answer{
			results: []Result{{Name: check, Status: OK, Text: fmt.Sprintf("%s, which offers %s", zones[0], instance)}},
			learnt:  map[string]string{"AvailabilityZone": zones[0]},
		}
	case zone == "":
		return answer{} // a subnet that exists stays where it is
	case !slices.Contains(zones, zone):
		return answer{results: []Result{{
			check, Failed, fmt.Sprintf("%s%s does not offer %s", zone, of, instance), "take a type that it offers, or a subnet in " + strings.Join(zones, ", "),
		}}}
	}

	return answer{results: []Result{{Name: check, Status: OK, Text: fmt.Sprintf("%s%s offers %s", zone, of, instance)}}}
}
