package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"image-builder/internal/base"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/mountns"
	"image-builder/internal/terminal"
)

// BaseListCmd is `base list`.
type BaseListCmd struct{}

// Help is what --help adds.
func (c *BaseListCmd) Help() string {
	return `Example:
  image-builder base list --json | jq -r '.bases[].name'`
}

// Run lists the bases, by name.
func (c *BaseListCmd) Run(ctx context.Context, env *Env) error {
	return env.withStore(ctx, func(store *local.Store) error {
		bases, err := store.Bases(ctx)
		if err != nil {
			return err
		}
		if env.JSON {
			return env.object(map[string][]image.Base{"bases": append([]image.Base{}, bases...)})
		}

		var rows [][]string
		for _, b := range bases {
			row := []string{terminal.Harmless(b.Name), string(b.Arch), terminal.Harmless(b.OS), b.Filesystem, terminal.Size(b.Size), terminal.Size(b.Data)}
			rows = append(rows, append(append(row, launches(b.AMI)...), terminal.Harmless(b.Origin)))
		}

		return env.columns([]string{"NAME", "ARCH", "OS", "ROOT", "SIZE", "DATA", "BOOT", "ROOT DEVICE", "ENA", "IMDS", "TPM", "ORIGIN"}, rows)
	})
}

// launches says how instances of an AMI start, for the columns of base list; a base that is not an AMI has none.
func launches(ami *image.AMI) []string {
	if ami == nil {
		return []string{"-", "-", "-", "-", "-"}
	}
	ena := "no"
	if ami.ENA {
		ena = "yes"
	}
	return []string{
		cmp.Or(ami.BootMode, "-"), cmp.Or(terminal.Harmless(ami.RootDevice), "-"), ena, cmp.Or(ami.IMDS, "-"), cmp.Or(ami.TPM, "-"),
	}
}

// BaseBuildCmd is `base build`.
type BaseBuildCmd struct {
	Reference string `arg:"" help:"What to build: debian:SUITE or ubuntu:SUITE." placeholder:"VENDOR:SUITE"`
	Mirror    string `help:"Archive to install from. Default: this machine's archive for the suite, or else the vendor's." placeholder:"URL"`
	Size      string `help:"Size of the disk. It is sparse: free space takes no room." default:"3GiB" placeholder:"SIZE"`
}

// Help is what --help adds.
func (c *BaseBuildCmd) Help() string {
	return `Installs a Debian or an Ubuntu for this machine's architecture with mmdebstrap, with the user, groups and directories of an
Elastic CI Stack agent, and makes a disk of it that UEFI starts (and BIOS, on x86_64). It replaces the base of that name. Building a vendor's release on a machine of the other needs its keys: ubuntu-keyring or debian-archive-keyring.

Examples:
  image-builder base build debian:bookworm
  image-builder base build ubuntu:noble --mirror http://mirror.example/ubuntu`
}

// Run builds.
func (c *BaseBuildCmd) Run(ctx context.Context, env *Env) error {
	bytes, err := humanize.ParseBytes(c.Size)
	if err != nil || bytes > 1<<44 {
		return fault.New(fault.BadInput, fmt.Errorf("read size %q: it is not a disk size", c.Size), "write --size 8GiB")
	}
	d, ok, err := image.ParseDistribution(c.Reference)
	if !ok {
		return fault.New(fault.BadInput, fmt.Errorf("build base %q: only Debian and Ubuntu are built here", c.Reference), "write debian:bookworm or ubuntu:noble, or use base pull for a disk that exists")
	}
	if err != nil {
		return fault.New(fault.BadInput, fmt.Errorf("build base: %w", err), "")
	}

	if err := base.BuildPreflight(); err != nil {
		return err
	}

	wanted := base.Distribution{Distribution: d, Mirror: c.Mirror, Size: int64(bytes)}
	return makeBase(ctx, env, making(func(ctx context.Context, m base.Maker) (image.Base, error) { return m.Build(ctx, wanted) }))
}

// BasePullCmd is `base pull`.
type BasePullCmd struct {
	Location string `arg:"" help:"A raw or qcow2 file, https://host/disk.qcow2#sha256=DIGITS, ami-…, or ssm:/name for the AMI that a parameter names." placeholder:"FILE|URL|AMI|PARAMETER"`
	Name     string `help:"Name of the base in recipes. Default: its path, its URL or the AMI's ID." placeholder:"NAME"`
}

// Help is what --help adds.
func (c *BasePullCmd) Help() string {
	return `Keeps a copy of a disk as a base: GPT, MBR or one filesystem over the whole disk, with an ext4 or xfs root.
The file at a URL is used only if its SHA-256 is right.

The root disk of an AMI comes through the EBS direct APIs, without an instance: the blocks that exist, or that differ from a base
that is here. Its snapshot is copied into your account first, once. What is interrupted continues with the same command.

Examples:
  image-builder base pull ./agent.qcow2 --name agent
  image-builder base pull ami-0123456789abcdef0
  image-builder base pull ssm:/buildkite/base-ami
  image-builder base pull https://example.com/agent.raw#sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`
}

// Run pulls.
func (c *BasePullCmd) Run(ctx context.Context, env *Env) error {
	if image.IsAMI(c.Location) || strings.HasPrefix(c.Location, "ssm:") {
		return makeBase(ctx, env, c.pullAMI)
	}
	name, err := base.PulledName(c.Location)
	if err != nil {
		return fault.New(fault.BadInput, err, "")
	}
	source := base.Source{Location: c.Location, Name: cmp.Or(c.Name, name)}
	return makeBase(ctx, env, making(func(ctx context.Context, m base.Maker) (image.Base, error) { return m.Pull(ctx, source) }))
}

// pullAMI brings an AMI's disk here, unless it is here, and gives it another name if one is asked for.
func (c *BasePullCmd) pullAMI(ctx context.Context, w *wiring) (image.Base, error) {
	made, err := w.bases().Resolve(ctx, c.Location)
	if err != nil {
		return made, err
	}
	if made.SHA256 == "" { // an image: it has no checksum
		return made, fault.New(fault.NotUsable,
			fmt.Errorf("pull base %s: it is the image %s, which is here", c.Location, made.Name), "recipes take it as base: "+made.Name)
	}
	if c.Name == "" {
		return made, nil
	}

	made.Name = c.Name
	return made, w.store.AddBase(ctx, made)
}

// making makes a base in a run of its own.
func making(create func(context.Context, base.Maker) (image.Base, error)) func(context.Context, *wiring) (image.Base, error) {
	return func(ctx context.Context, w *wiring) (image.Base, error) { return w.bases().Make(ctx, create) }
}

// makeBase shows the making of a base and prints its name.
func makeBase(ctx context.Context, env *Env, create func(context.Context, *wiring) (image.Base, error)) (err error) {
	if err := mountns.Enter(); err != nil {
		return err
	}
	watch := env.watcher()
	defer watch.Close()

	w, err := wire(ctx, env, watch.Report)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()

	made, err := create(ctx, w)
	watch.Close()
	if err != nil {
		return err
	}

	return env.result(made, made.Name, func() {
		fmt.Fprintf(env.Stderr, "%s, %s, %s of data on a disk of %s\n", terminal.Harmless(made.OS), made.Arch, terminal.Size(made.Data), terminal.Size(made.Size))
	})
}

// BaseRemoveCmd is `base remove`.
type BaseRemoveCmd struct {
	Name string `arg:"" help:"The base, as base list names it." placeholder:"NAME"`
}

// Help is what --help adds.
func (c *BaseRemoveCmd) Help() string {
	return `Example:
  image-builder base remove debian:bookworm`
}

// Run removes the base.
func (c *BaseRemoveCmd) Run(ctx context.Context, env *Env) error {
	return env.withStore(ctx, func(store *local.Store) error { return store.RemoveBase(ctx, c.Name) })
}
