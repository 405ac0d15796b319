package preflight

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// zone checks that the instance types are offered in a zone, which is said with what it is the zone of: not every zone has
// every type. For a new stack with a subnet of its own, whose zone is "", it chooses the one that has the most of them.
func (c *Checks) zone(ctx context.Context, q asked, zone, of string) answer {
	const check = "zone"
	wanted := q.instances()
	offers, err := c.offers(ctx, wanted)
	if err != nil {
		return answer{results: []Result{{Name: check, Status: Unchecked, Text: err.Error()}}}
	}
	if len(offers) == 0 {
		return answer{} // the check of the instance type says that the region does not have it
	}

	best := richest(offers)
	if zone == "" && q.existing.Name != "" {
		return answer{} // a subnet that exists stays where it is
	}

	a := answer{}
	if zone == "" {
		zone = best[0]
		a.learnt = map[string]string{"AvailabilityZone": zone}
	}
	offered := offers[zone]
	missing := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return slices.Contains(offered, name) })

	verb := " offers "
	if a.learnt != nil {
		verb = ", which offers "
	}

	r := Result{Name: check, Status: OK, Text: zone + of + verb + strings.Join(offered, ", ")}
	switch {
	case len(offered) == 0:
		r.Status = Failed
		r.Text = fmt.Sprintf("%s%s does not offer %s", zone, of, strings.Join(missing, ", "))
		r.Hint = "take a type that it offers, or a subnet in " + strings.Join(best, ", ")
	case len(missing) > 0:
		r.Status = Warning
		r.Text += ", but not " + strings.Join(missing, ", ")
		r.Hint = "builds cannot fall back on what is not offered there"
	}
	a.results = []Result{r}

	return a
}

// offers lists the instance types that each zone offers, of those named.
func (c *Checks) offers(ctx context.Context, names []string) (map[string][]string, error) {
	offers := map[string][]string{}
	for _, name := range names {
		zones, err := c.Images.Zones(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, zone := range zones {
			offers[zone] = append(offers[zone], name)
		}
	}
	return offers, nil
}

// richest returns the zones that offer the most types, in order.
func richest(offers map[string][]string) []string {
	most := 0
	for _, names := range offers {
		most = max(most, len(names))
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(offers)), func(zone string) bool { return len(offers[zone]) < most })
}
