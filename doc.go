// Package imagebuilder is the front door for readers: image-builder is a program, not a library, and all its code
// lives in cmd and internal. This package holds no code and is never imported.
//
// An image is a disk. A bake is a function from a base disk, component documents and secrets to a new disk:
//
//	recipe    one file (or script, or flags) says what to bake
//	base      its base image becomes a disk that can be cloned
//	bake      clone the disk, bring up a sandbox.Machine on it, run the component documents in it, seal it:
//	          free space trimmed, filesystem checked, every byte searched for secrets
//	local     image, output parameter and NewImage event become visible in one transaction
//
// pipeline is the one place that knows this order; cli is what a person types.
package imagebuilder
