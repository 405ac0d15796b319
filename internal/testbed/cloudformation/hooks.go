package cloudformation

import (
	"image-builder/internal/testbed/wire"
)

// register tells the account's other services about the resources that stacks make in them.
func (c *Service) register() {
	put := func(r Resource, overwrite bool) error {
		in := wire.Values{"Name": r.PhysicalID, "Overwrite": overwrite}
		for _, name := range []string{"Type", "Value", "DataType", "Description"} {
			if r.Properties[name] != nil {
				in[name] = r.Properties[name]
			}
		}
		_, err := c.peers.Do("ssm", "PutParameter", in)
		return err
	}

	c.watchNetwork()
	const parameter = "AWS::SSM::Parameter"
	c.OnCreate(parameter, func(r Resource) error { return put(r, false) })
	c.OnUpdate(parameter, func(r Resource) error { return put(r, true) })
	c.OnDelete(parameter, func(r Resource) error {
		_, err := c.peers.Do("ssm", "DeleteParameter", wire.Values{"Name": r.PhysicalID})
		return err
	})
}
