package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"image-builder/internal/publish"
)

// policy prints the IAM policy that pulling the base and publishing the image need. It asks AWS nothing.
func (c *PublishCmd) policy(ctx context.Context, env *Env, request publish.Request) error {
	rights := publish.Rights{
		Base: request.Base, Regions: c.Region, Parameter: c.parameter(request.Image), Topic: c.Topic, Shared: len(c.ShareWith) > 0, Encrypted: c.Encrypted,
	}
	if len(rights.Regions) == 0 {
		region, err := newAccount("").machines.Region(ctx)
		if err != nil {
			return err
		}
		rights.Regions = []string{region}
	}

	if c.Topic != "" {
		rights.Account = strings.Split(c.Topic, ":")[4]
	}

	policy := rights.Policy()
	if env.JSON {
		return env.object(policy)
	}
	text, err := json.MarshalIndent(policy, "", "  ")
	if err != nil {
		return fmt.Errorf("print policy: %w", err)
	}

	return env.result(policy, string(text), nil)
}
