package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"image-builder/internal/cli/called"
	"image-builder/internal/recipe"
	"image-builder/internal/terminal"
)

// Version is what --version prints; the build sets it.
var Version = "unreleased"

// Globals are the flags that every command takes.
type Globals struct {
	DataDir string           `help:"Where images, bases, parameters and events are kept." default:"${data_dir}" type:"path" env:"IMAGE_BUILDER_DATA_DIR" placeholder:"DIR"`
	JSON    bool             `help:"Print one JSON object on stdout." name:"json"`
	Version kong.VersionFlag `help:"Print the version."`
}

func (g *Globals) flags() *Globals { return g }

// Commands is the command line as kong reads it: one field a command, each in a file of its own.
type Commands struct {
	Globals

	diskCommands

	Lint LintCmd `cmd:"" group:"documents" help:"Check recipes, component documents and templates without running anything."`
	componentCommand
	Base       BaseCmd       `cmd:"" group:"here" help:"Base images: list, build, pull, remove; find Buildkite's AMI."`
	Parameter  ParameterCmd  `cmd:"" group:"here" help:"Parameters, as SSM would keep them: get, put, list."`
	Events     EventsCmd     `cmd:"" group:"here" help:"Print the NewImage messages."`
	MirrorName MirrorNameCmd `cmd:"" group:"documents" help:"Print the directory name that the agent gives a repository's mirror."`
	Deploy     DeployCmd     `cmd:"" group:"aws" help:"Create or update the stack that bakes a recipe on EC2 Image Builder."`
	Start      StartCmd      `cmd:"" group:"aws" help:"Build an image on the stack now, and follow the build."`
	Status     StatusCmd     `cmd:"" group:"aws" help:"Show the state of the stack, its schedule and its last images."`
	Logs       LogsCmd       `cmd:"" group:"aws" help:"Print the log of an image that the stack built."`
	Cancel     CancelCmd     `cmd:"" group:"aws" help:"Cancel a build of the stack, and wait until it has ended."`
	Delete     DeleteCmd     `cmd:"" group:"aws" help:"Delete the stack."`
	Template   TemplateCmd   `cmd:"" group:"aws" help:"Print the CloudFormation template of the stack for EC2 Image Builder."`
}

// addFields gives the commands a flag for each field of a recipe.
func (c *Commands) addFields() {
	c.bakeCommand.addFields()
	c.Deploy.Flags = recipe.NewFlags()
}

// componentCommand is what a bake runs in its container: see grammarOf.
type componentCommand struct {
	Component ComponentCmd `cmd:"" group:"documents" help:"Run or validate component documents on this machine."`
}

// grammar is a command line that kong can read.
type grammar interface {
	flags() *Globals
	addFields()
}

// bakeGrammar is the command line of a bake alone.
type bakeGrammar struct {
	Globals
	bakeCommand
}

// componentGrammar is the command line of component alone.
type componentGrammar struct {
	Globals
	componentCommand
}

// addFields adds none: component reads no recipe.
func (c *componentGrammar) addFields() {}

// grammarOf returns the command line for args. A bake waits twice until it is read, for itself and in the container, and a test
// more often. Since most of that time goes into commands that were not called, these are read by themselves.
func grammarOf(args []string) grammar {
	command := called.Command(args)
	switch command {
	case "bake":
		return &bakeGrammar{}
	case "component":
		return &componentGrammar{}
	}
	if alone := diskGrammar(command); alone != nil {
		return alone
	}
	return &Commands{}
}

// Main runs the command line args (without the program's name) and returns the exit status: see exit.go.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	commands := grammarOf(args)
	stopped := false // by --help or --version, which have printed what was asked for
	parser, err := newParser(commands, stdout, stderr, func(int) { stopped = true })
	if err != nil {
		return fail(ctx, stderr, err)
	}

	parsed, err := parser.Parse(args)
	if stopped {
		return 0
	}
	env := &Env{
		Stdin: stdin, Stdout: stdout, Stderr: stderr,
		DataDir: commands.flags().DataDir, JSON: commands.flags().JSON,
		Terminal: terminal.Is(stderr), Now: time.Now,
	}

	if err != nil {
		env.JSON = slices.Contains(args, "--json") // the flags have no values yet
		return env.fail(ctx, usageError(err))
	}
	parsed.BindTo(ctx, (*context.Context)(nil))

	if err := parsed.Run(env); err != nil {
		return env.fail(ctx, err)
	}
	return 0
}

func newParser(commands grammar, stdout, stderr io.Writer, exit func(int)) (*kong.Kong, error) {
	commands.addFields()

	return kong.New(commands,
		kong.Name("image-builder"),
		kong.Description("Bakes machine images for the agents of Buildkite Elastic CI Stacks: a base disk, component documents and secrets in; a bootable disk without a secret in it out."),
		kong.Vars{"data_dir": defaultDataDir(), "version": Version},
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
		kong.ExplicitGroups([]kong.Group{
			{Key: "here", Title: "Images on this machine:"},
			{Key: "documents", Title: "Recipes and component documents:"},
			{Key: "aws", Title: "On AWS:"},
		}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
	)
}

// defaultDataDir follows the XDG Base Directory Specification.
func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "image-builder")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "/var/lib/image-builder"
	}
	return filepath.Join(home, ".local", "share", "image-builder")
}
