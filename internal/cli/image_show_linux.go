package cli

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/terminal"
)

// ImageShowCmd is `image show`.
type ImageShowCmd struct {
	ID      string `arg:"" help:"Image, a unique prefix of its ID, or latest." placeholder:"ID"`
	Blocks  bool   `help:"Compare its disk with its base's, and say what each block of 512 KiB that differs holds."`
	BootMap bool   `help:"Show what its last traced boot read: see image boot --trace."`
}

// Help is what --help adds.
func (c *ImageShowCmd) Help() string {
	return `Shows what an image came from, every step with its duration and log, what the search for secrets covered, what
can boot it, and who may.

With --blocks it also says what the blocks hold that publish would send: files, the journal, inode tables, free space. A block counts
for what changed most in it, so the counts add up to the number of blocks.

Examples:
  image-builder image show latest
  image-builder image show latest --blocks
  image-builder image show img-3f0c --json | jq .steps
  image-builder image show latest --boot-map`
}

// shown is an image with facts that are not in its record.
type shown struct {
	image.Image
	Access  access   `json:"access"`
	Current []string `json:"current"` // the parameters whose current value it is
	// Differs is nil unless it was asked for.
	Differs *differing `json:"differs,omitempty"`
}

// access is who may read a disk, and so may boot or copy it.
type access struct {
	Owner string `json:"owner"`
	Mode  string `json:"mode"`    // of the disk file, octal
	Who   string `json:"readers"` // the owner, a group, everybody, considering the directories above
}

// Run shows.
func (c *ImageShowCmd) Run(ctx context.Context, env *Env) error {
	return env.withStore(ctx, func(store *local.Store) error {
		img, err := store.Image(ctx, c.ID)
		if err != nil {
			return err
		}
		if c.BootMap {
			return showMap(env, img)
		}
		current, err := currentImages(ctx, store)
		if err != nil {
			return err
		}

		seen := shown{Image: img, Current: append([]string{}, current[img.ID]...)}
		seen.Access, err = diskAccess(img.Disk, store.Dir())
		if err != nil {
			return err
		}

		if c.Blocks {
			seen.Differs, err = blocksOf(ctx, store, img)
			if err != nil {
				return err
			}
		}

		return env.shown(seen)
	})
}

// shown prints an image.
func (e *Env) shown(seen shown) error {
	if e.JSON {
		return e.object(seen)
	}
	if _, err := fmt.Fprint(e.Stdout, details(seen)); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return e.steps(stepsOf(seen.Image))
}

// showMap shows an image's boot map.
func showMap(env *Env, img image.Image) error {
	m, err := storedMap(img)
	if err != nil {
		return err
	}
	return env.result(m, strings.TrimSuffix(mapText(m), "\n"), nil)
}

// stepsOf lists the steps of the bake and of its test.
func stepsOf(img image.Image) []image.Step {
	if img.Proof == nil {
		return img.Steps
	}
	return slices.Concat(img.Steps, img.Proof.Steps)
}

// details are a line for each fact.
func details(s shown) string {
	facts := [][2]string{
		{"image", s.ID},
		{"name", terminal.Harmless(s.Name)},
		{"baked", fmt.Sprintf("%s, in %s", s.Created.Format(time.RFC3339), terminal.Took(time.Duration(s.Elapsed)))},
		{"base", fmt.Sprintf("%s (sha256 %s)", terminal.Harmless(s.Base), s.BaseSHA256)},
		{"recipe", "sha256 " + s.RecipeDigest},
		{"disk", s.Disk},
		{"size", fmt.Sprintf("%s, of which %s are data", terminal.Size(s.Size), terminal.Size(s.Data))},
		{"boots on", bootsOn(s.Image)},
		{"who may", fmt.Sprintf("%s (the disk belongs to %s, mode %s)", s.Access.Who, s.Access.Owner, s.Access.Mode)},
		{"secrets", searched(s.Searched)},
		{"output", output(s)},
	}

	if s.Proof != nil {
		facts = append(facts, [2]string{"tested", proofLine(*s.Proof)})
	}

	if s.Prefetch != nil {
		facts = append(facts, [2]string{"prefetch", aheadLine(*s.Prefetch)})
	}

	if s.ColdBoot != nil {
		facts = append(facts, [2]string{"cold boot", coldLine(*s.ColdBoot)})
	}

	for _, ami := range s.Published {
		facts = append(facts, [2]string{"AMI", amiLine(ami)})
	}

	if s.Failed != "" {
		facts = append(facts, [2]string{"failed", terminal.Harmless(s.Failed)})
	}

	var text strings.Builder
	for _, fact := range facts {
		fmt.Fprintf(&text, "%-9s %s\n", fact[0], fact[1])
	}

	if s.Differs != nil {
		text.WriteString(s.Differs.text())
	}

	return text.String()
}

// amiLine is an AMI that was made from the image.
func amiLine(ami image.Published) string {
	text := fmt.Sprintf("%s in %s, since %s", ami.AMI, ami.Region, ami.Created.Format(time.RFC3339))
	if blocks := amiBlocks(ami); blocks != "" {
		text += ": " + blocks
	}
	return text
}

func output(s shown) string {
	switch {
	case len(s.Current) > 0:
		return "parameter " + strings.Join(s.Current, ", ") + ", of which it is the current value"
	case s.Parameter != "":
		return "parameter " + s.Parameter + ", which names another image by now"
	}
	return "no parameter"
}

func bootsOn(img image.Image) string {
	if len(img.Firmware) == 0 {
		return "no machine: the disk has no boot loader"
	}
	var firmware []string
	for _, one := range img.Firmware {
		firmware = append(firmware, strings.ToUpper(string(one)))
	}
	return fmt.Sprintf("%s machines with %s", img.Arch, strings.Join(firmware, " or "))
}

// steps prints a line for each step.
func (e *Env) steps(steps []image.Step) error {
	if len(steps) == 0 {
		return nil
	}
	var rows [][]string
	for _, step := range steps {
		rows = append(rows, []string{terminal.Label(step.Step), string(step.Status), terminal.Took(time.Duration(step.Elapsed)), cmp.Or(step.Log, "printed nothing")})
	}

	if _, err := fmt.Fprintln(e.Stdout); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return e.columns([]string{"STEP", "STATUS", "TOOK", "LOG"}, rows)
}

// diskAccess finds who may read a disk: its mode, reduced by the directories up to the data directory.
func diskAccess(disk, dataDir string) (access, error) {
	info, err := os.Stat(disk)
	if err != nil {
		return access{}, fault.New(fault.NotUsable, fmt.Errorf("read disk: %w", err), "image-builder image remove it, and bake again")
	}
	readable := info.Mode().Perm()
	for dir := filepath.Dir(disk); len(dir) >= len(dataDir); dir = filepath.Dir(dir) {
		above, err := os.Stat(dir)
		if err != nil {
			return access{}, fmt.Errorf("read directory: %w", err)
		}
		readable &^= hidden(above.Mode().Perm())
	}

	found := access{Owner: ownerOf(info), Mode: fmt.Sprintf("%04o", info.Mode().Perm())}
	switch {
	case readable&0o004 != 0:
		found.Who = "everybody on this machine"
	case readable&0o040 != 0:
		found.Who = found.Owner + " and the file's group"
	default:
		found.Who = found.Owner + " only"
	}

	return found, nil
}

// hidden returns the read permissions that a directory takes away from its contents.
func hidden(dir fs.FileMode) fs.FileMode {
	closed := fs.FileMode(0)
	if dir&0o010 == 0 {
		closed |= 0o040
	}
	if dir&0o001 == 0 {
		closed |= 0o004
	}
	return closed
}

func ownerOf(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "its owner"
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if owner, err := user.LookupId(id); err == nil {
		return owner.Username
	}
	return "user " + id
}
