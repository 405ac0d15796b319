package testbed

import (
	"fmt"
	"time"

	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// AddRegion gives the account EC2, EBS and SSM in another region, at the same addresses: a call belongs to the region
// that it is signed for. AMIs can be copied between the regions, and Image
// Builder distributes to them.
func (c *Cloud) AddRegion(name string) (Services, error) {
	blocks, err := ebs.BlockFile()
	if err != nil {
		return Services{}, fmt.Errorf("make a file for the blocks of snapshots: %w", err)
	}
	c.more = append(c.more, blocks)

	where := wire.Home{Number: wire.Account, Region: name, Now: time.Now}
	s := Services{EBS: ebs.New(where, blocks)}
	s.EBS.OnKeys(func(action string) { c.Count("kms", action) })
	s.EC2 = ec2.New(where, s.EBS)
	s.SSM = ssm.New(where, s.EC2)
	s.EC2.Peer(wire.Region, c.EC2)
	c.EC2.Peer(name, s.EC2)
	c.ImageBuilder.Peer(name, s.EC2, s.SSM)

	for _, service := range []wire.Service{s.EBS, s.EC2, s.SSM} {
		c.Serve(name, service)
	}

	return s, nil
}
