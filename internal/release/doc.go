// Package release finds the AMIs that Buildkite publishes with each release of its Elastic CI Stack.
//
// There is no API for it but a file, mappings.yml, which names an AMI by region and system. What it says is checked with
// EC2 before anything relies on it: the owner must be Buildkite, the architecture the one that was asked for. The package
// writes a parameter only if it is told to, and only an AMI that passed; it prints nothing.
package release
