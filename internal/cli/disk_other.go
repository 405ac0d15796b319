//go:build !linux

package cli

// diskCommands attach disks and start containers, which Linux alone can do.
type diskCommands struct{}

func (d *diskCommands) addFields() {}

// baseDiskCommands are those of base that need a disk.
type baseDiskCommands struct{}

// codeOfBake finds the code of a bake that failed: none is made here.
func codeOfBake(error) (Code, bool) { return Done, false }

// codeOfDisk finds the code of what is wrong with a disk: there is none here.
func codeOfDisk(error) Code { return StepFailed }

// stepLog finds the log of a step that failed: no step runs in a disk here.
func stepLog(error) (log string, tail []string) { return "", nil }
