// Package templates holds the component documents that a bake consists of, and the CloudFormation template, as text.
//
// The same text runs in a local bake and in EC2 Image Builder, where a document may have 16,000 characters; what
// differs from bake to bake is a parameter of the document. The package never parses or runs them.
package templates

import "embed"

// Files holds components/{secrets,packages,git-mirrors,docker-images,bootstrap}.yml.
//
//go:embed components/*.yml
var Files embed.FS
