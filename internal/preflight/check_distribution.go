package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// distribution checks what can be known of further regions and accounts. Whether the account has enabled a region shows
// in the build only.
func (c *Checks) distribution(_ context.Context, q asked) answer {
	const check = "distribution"
	regions := listed(q.value("Regions"))
	shared := slices.Concat(listed(q.value("ShareWith")), listed(q.value("ShareWithUnits")))
	if len(regions)+len(shared) == 0 {
		return answer{}
	}

	var a answer
	add := func(status Status, text, hint string) {
		a.results = append(a.results, Result{check, status, text, hint})
	}
	key := q.value("ImageKeyArn")
	slices.Sort(regions)

	if len(slices.Compact(slices.Clone(regions))) < len(regions) {
		add(Failed, "a region is named twice in "+strings.Join(regions, ", "), "name each once in --regions")
	}

	if key != "" && len(regions) > 0 && !strings.Contains(key, ":key/mrk-") {
		add(Failed, key+" is a key of one region, and cannot encrypt copies in "+strings.Join(regions, ", "),
			"make a multi-Region key, with a replica in each of them, and give its ARN in --image-key-arn")
	}

	if key != "" && len(shared) > 0 {
		add(Warning, fmt.Sprintf("%s encrypts the AMIs, and its policy decides who may use it", key),
			"allow kms:Decrypt, kms:DescribeKey, kms:CreateGrant and kms:ReEncrypt* to those who launch the AMIs")
	}

	if len(a.results) == 0 {
		add(OK, strings.Join(places(regions, shared), "; "), "")
	}

	return a
}

// places says where AMIs go and who may launch them.
func places(regions, shared []string) []string {
	var said []string
	if len(regions) > 0 {
		said = append(said, "copies in "+strings.Join(regions, ", "))
	}
	if len(shared) > 0 {
		said = append(said, "to be launched by "+strings.Join(shared, ", ")+" too")
	}
	return said
}

// listed are the items of a list with commas.
func listed(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
