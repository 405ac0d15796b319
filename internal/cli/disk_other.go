//go:build !linux

package cli

// diskCommands attach disks and start containers, which Linux alone can do.
type diskCommands struct{ bakeCommand }

// bakeCommand is one of them.
type bakeCommand struct{}

func (b *bakeCommand) addFields() {}

// diskGrammar is nil: there are no such commands.
func diskGrammar(string) grammar { return nil }

// baseDiskCommands are those of base that need a disk.
type baseDiskCommands struct{}
