package stack

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// QuickCreate returns the address of CloudFormation's console page that creates a stack from a template with its
// parameters filled in. The template's address is one that CloudFormation can read.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
func QuickCreate(region, templateURL, name string, parameters map[string]string) string {
	escape := func(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

	var link strings.Builder
	fmt.Fprintf(&link, "https://%s/cloudformation/home?region=%s#/stacks/create/review?templateURL=%s&stackName=%s", console(region), region, escape(templateURL), escape(name))
	for _, parameter := range slices.Sorted(maps.Keys(parameters)) {
		fmt.Fprintf(&link, "&param_%s=%s", parameter, escape(parameters[parameter]))
	}

	return link.String()
}

// console returns the host of the console in a region's partition.
func console(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return region + ".console.amazonaws.cn"
	case strings.HasPrefix(region, "us-gov-"):
		return region + ".console.amazonaws-us-gov.com"
	}
	return region + ".console.aws.amazon.com"
}
