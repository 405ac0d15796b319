package cli

import "image-builder/internal/recipe"

// bakeCommand is one of them, and stands alone when it is called: see grammarOf.
type bakeCommand struct {
	Bake BakeCmd `cmd:"" group:"here" help:"Bake an image on this machine."`
}

// addFields gives the command a flag for each field of a recipe.
func (b *bakeCommand) addFields() { b.Bake.Flags = recipe.NewFlags() }

// diskCommands attach disks and start containers, which Linux alone can do.
type diskCommands struct {
	bakeCommand
	Publish PublishCmd `cmd:"" group:"here" help:"Make an AMI of a baked image, sending only what changed; then the parameter and the message."`
	imageCommand
	guestCommand
}

// imageCommand is one of them, and stands alone when it is called: see grammarOf.
type imageCommand struct {
	Image ImageCmd `cmd:"" group:"here" help:"The image store: list, show, export, boot, test, check, shell, remove, adopt."`
}

// guestCommand is what a test runs in its machine: see grammarOf.
type guestCommand struct {
	Guest GuestCmd `cmd:"" hidden:""`
}

// imageGrammar is the command line of image alone.
type imageGrammar struct {
	Globals
	imageCommand
}

// addFields adds none: image reads no recipe.
func (g *imageGrammar) addFields() {}

// guestGrammar is the command line of guest alone.
type guestGrammar struct {
	Globals
	guestCommand
}

// addFields adds none: guest reads no recipe.
func (g *guestGrammar) addFields() {}

// diskGrammar is the command line of one of these commands alone; nil for another.
func diskGrammar(command string) grammar {
	switch command {
	case "image":
		return &imageGrammar{}
	case "guest":
		return &guestGrammar{}
	}
	return nil
}

// baseDiskCommands are those of base that need a disk.
type baseDiskCommands struct {
	List   BaseListCmd   `cmd:"" help:"List the stored bases."`
	Build  BaseBuildCmd  `cmd:"" help:"Build a Debian base."`
	Pull   BasePullCmd   `cmd:"" help:"Take a raw or qcow2 disk, from a file or an https URL, or the root disk of an AMI."`
	Remove BaseRemoveCmd `cmd:"" help:"Remove a base. Images baked from it stay."`
}
