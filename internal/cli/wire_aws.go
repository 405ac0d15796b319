package cli

import (
	"image-builder/internal/aws"
	"image-builder/internal/local"
	"image-builder/internal/source"
)

// account is AWS as the environment names it, a port a service. It makes no request before a command needs it.
type account struct {
	session    *aws.Session
	stacks     *aws.CloudFormation
	images     *aws.ImageBuilder
	logs       *aws.Logs
	parameters *aws.Parameters
	machines   *aws.EC2
	objects    *aws.S3
	vault      *aws.Secrets
	identities *aws.Identity
}

// newAccount returns the ports of an account in a region; "" is the environment's region.
func newAccount(region string) account {
	session := &aws.Session{Region: region}
	return account{
		session:    session,
		stacks:     &aws.CloudFormation{Session: session},
		images:     &aws.ImageBuilder{Session: session},
		logs:       &aws.Logs{Session: session},
		parameters: &aws.Parameters{Session: session},
		machines:   &aws.EC2{Session: session},
		objects:    &aws.S3{Session: session},
		vault:      &aws.Secrets{Session: session},
		identities: &aws.Identity{Session: session},
	}
}

// newObjects returns the buckets that directories stand for, and S3's buckets for all other names.
func newObjects(directories map[string]string) (source.Objects, error) {
	here, err := local.NewBuckets(directories)
	return source.Objects{Here: here, There: newAccount("").objects}, err
}
