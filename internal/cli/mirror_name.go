package cli

import (
	"encoding/json"
	"fmt"

	"image-builder/internal/recipe"
)

// MirrorNameCmd prints the directories that the agent gives the mirrors of repositories.
type MirrorNameCmd struct {
	URLs []string `arg:"" name:"url" help:"A repository, exactly as the pipeline has it."`
}

// Help is shown below the usage.
func (c *MirrorNameCmd) Help() string {
	return "Prints one name a line, in the order of the URLs; with --json, one object of URL to name. The agent looks for " +
		"the mirror in its git-mirrors-path, /var/lib/buildkite-agent/git-mirrors on an Elastic CI Stack." +
		"\n\nExample:\n  image-builder mirror-name git@github.com:acme/monorepo.git"
}

// Run prints the names.
func (c *MirrorNameCmd) Run(env *Env) error {
	if env.JSON {
		names := make(map[string]string, len(c.URLs))
		for _, url := range c.URLs {
			names[url] = recipe.MirrorName(url)
		}
		return json.NewEncoder(env.Stdout).Encode(names)
	}

	for _, url := range c.URLs {
		if _, err := fmt.Fprintln(env.Stdout, recipe.MirrorName(url)); err != nil {
			return err
		}
	}

	return nil
}
