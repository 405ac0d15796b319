package testbed

import (
	"fmt"
	"os"

	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/ec2"
)

// stranger is the number of another account: Buildkite's, which owns the AMIs of Elastic CI Stacks.
const stranger = "172840064832"

// AddDiskAMI makes a public AMI, owned by another account, whose root volume is a raw disk. It returns the AMI's ID.
func (c *Cloud) AddDiskAMI(ami ec2.AMI, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("add AMI: %w", err)
	}
	defer file.Close()

	ami.Snapshot, err = c.EBS.AddDisk(ebs.Snapshot{Owner: stranger, Public: true}, file)
	if err != nil {
		return "", fmt.Errorf("add AMI of %s: %w", path, err)
	}
	made, _ := c.EBS.Snapshot(ami.Snapshot)
	ami.RootSize = made.Size
	ami.Owner = stranger
	ami.Public = true

	return c.EC2.AddAMI(ami), nil
}
