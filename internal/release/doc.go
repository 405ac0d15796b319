// Package release finds the AMIs that Buildkite publishes with each release of its Elastic CI Stack.
//
// The only source is a file, mappings.yml, which lists AMIs by region and system; there is no API. EC2 confirms each
// AMI before anything relies on it: the owner must be Buildkite, and the architecture the wanted one. The package
// changes nothing and prints nothing.
package release
