package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"image-builder/internal/agentcheck"
	"image-builder/internal/base"
	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/fit"
	"image-builder/internal/local"
	"image-builder/internal/mountns"
	"image-builder/internal/terminal"
)

// ImageCheckCmd is `image check`.
type ImageCheckCmd struct {
	Image     string   `arg:"" help:"Image (its ID or latest), a base's name, a raw disk, or a directory that holds the image's tree." placeholder:"IMAGE"`
	Stack     []string `help:"Elastic CI Stack that is to use the image: a release (v6.71.1, latest), a template (file or URL), or the name of a live stack. May be given more than once." placeholder:"STACK" sep:"none"`
	SkipCheck []string `help:"Checks of the agent to leave out, comma-separated or repeated." placeholder:"NAME"`
}

// Help is what --help adds.
func (c *ImageCheckCmd) Help() string {
	return `Reports whether an image fits an Elastic CI Stack, before an instance is launched from it. It follows the template's user data
through the image's boot scripts, which run under "set -u": a variable that a script uses and the template does not set ends the
boot, and the instances terminate in a loop. It also compares architecture, root device, root volume, agent version, and what was
baked with the stack's settings: those of a live stack, else the template's defaults. Nothing is run or changed.

An image made from an Elastic CI Stack's AMI, and any image without --stack, is also checked as an agent: ` + strings.Join(agentcheck.Names(), ", ") + `.

Exit status 0: the image fits every stack and passes every check. 1: it does not.

Examples:
  image-builder image check latest
  image-builder image check latest --stack v6.71.1
  image-builder image check latest --stack my-elastic-stack
  image-builder image check ./tree --stack v6.42.0 --stack v6.43.0 --json | jq '.stacks[] | {stack, fits}'`
}

// checked is the result of image check.
type checked struct {
	Image  string               `json:"image"`
	Fits   bool                 `json:"fits"` // every stack
	Stacks []checkedStack       `json:"stacks"`
	Agent  []agentcheck.Finding `json:"agent,omitempty"` // what keeps it from being a fresh agent
}

type checkedStack struct {
	Name string `json:"name"` // as the user gave it
	fit.Verdict
}

// Run checks.
func (c *ImageCheckCmd) Run(ctx context.Context, env *Env) error {
	if err := mountns.Enter(); err != nil {
		return err
	}
	var stacks []namedStack
	for _, name := range c.Stack {
		one, err := readStack(ctx, name)
		if err != nil {
			return err
		}
		stacks = append(stacks, one)
	}

	result := checked{Image: c.Image, Fits: true, Stacks: []checkedStack{}}
	err := c.open(ctx, env, func(img fit.Image) error {
		for _, one := range stacks {
			verdict, err := fit.Check(img, one.template, one.settings)
			if err != nil {
				return fmt.Errorf("check stack %s: %w", one.name, err)
			}
			result.Fits = result.Fits && verdict.Fits
			result.Stacks = append(result.Stacks, checkedStack{one.name, verdict})
		}
		return c.agent(ctx, img, &result)
	})
	if err != nil {
		return err
	}

	return c.show(env, result)
}

// agent checks the image as an agent. An unpacked tree may have lost its owners, so beside a stack it is not checked.
func (c *ImageCheckCmd) agent(ctx context.Context, img fit.Image, result *checked) error {
	isDisk := img.Size > 0
	if len(c.Stack) > 0 && (!isDisk || !agentcheck.IsAgent(img.Tree)) {
		return nil
	}
	found, err := agentcheck.Check(ctx, img.Tree, c.SkipCheck)
	if err != nil {
		return err
	}

	result.Agent = found
	result.Fits = result.Fits && len(found) == 0
	return nil
}

func (c *ImageCheckCmd) show(env *Env, result checked) error {
	err := env.result(result, strings.TrimSuffix(fitText(result), "\n"), func() {})
	if err == nil && !result.Fits {
		return &saidError{class: fault.Failed}
	}
	return err
}

// fitText is a line for each stack, followed by its problems and the next actions.
func fitText(result checked) string {
	var text strings.Builder
	for _, one := range result.Stacks {
		name := terminal.Harmless(one.Name)
		if one.Stack != "" && one.Stack != one.Name {
			name += " (" + terminal.Harmless(one.Stack) + ")"
		}

		answer := "fits"
		if !one.Fits {
			answer = "DOES NOT FIT"
		}

		fmt.Fprintf(&text, "%s: %s\n", name, answer)

		for _, b := range one.Breaks {
			fmt.Fprintf(&text, "  error: %s: %s\n    next: %s\n", b.Name, terminal.Harmless(b.Text), terminal.Harmless(b.Hint))
		}

		for _, b := range one.Warnings {
			fmt.Fprintf(&text, "  warning: %s: %s\n    next: %s\n", b.Name, terminal.Harmless(b.Text), terminal.Harmless(b.Hint))
		}
	}

	if len(result.Stacks) == 0 && len(result.Agent) == 0 {
		text.WriteString("agent: passes every check\n")
	}

	for _, one := range result.Agent {
		fmt.Fprintf(&text, "agent: %s: %s\n    next: %s\n", one.Name, terminal.Harmless(one.Text), terminal.Harmless(one.Hint))
	}

	return text.String()
}

// open finds the image and passes its tree to use, which must not keep it.
func (c *ImageCheckCmd) open(ctx context.Context, env *Env, use func(fit.Image) error) error {
	info, err := os.Stat(c.Image)
	if err == nil && info.IsDir() {
		tree, err := os.OpenRoot(c.Image)
		if err != nil {
			return fmt.Errorf("open image: %w", err)
		}
		defer func() { _ = tree.Close() }() // it was only read
		arch, _ := base.Architecture(tree)  // a tree without programs has none, and nothing to compare
		return use(fit.Image{Tree: tree.FS(), Arch: arch})
	}

	if err == nil {
		return inspect(ctx, fit.Image{Size: info.Size()}, c.Image, use)
	}
	if strings.ContainsRune(c.Image, os.PathSeparator) {
		return fault.New(fault.NotUsable, fmt.Errorf("open image: %w", err), "name an image, a base, a raw disk or a directory")
	}

	return c.stored(ctx, env, use)
}

// stored looks in the store for an image, then for a base.
func (c *ImageCheckCmd) stored(ctx context.Context, env *Env, use func(fit.Image) error) error {
	return env.withStore(ctx, func(store *local.Store) error {
		img, err := store.Image(ctx, c.Image)
		if err == nil {
			return inspect(ctx, fit.Image{Arch: img.Arch, Size: img.Size}, img.Disk, use)
		}
		known, baseErr := store.Base(ctx, c.Image)
		if baseErr == nil {
			return inspect(ctx, fit.Image{Arch: known.Arch, Size: known.Size}, known.Disk, use)
		}
		return err
	})
}

func inspect(ctx context.Context, img fit.Image, path string, use func(fit.Image) error) error {
	return disk.Inspect(ctx, path, func(tree *os.Root) error {
		img.Tree = tree.FS()
		if img.Arch == "" {
			arch, _ := base.Architecture(tree) // a tree without programs has none, and nothing to compare
			img.Arch = arch
		}
		return use(img)
	})
}
