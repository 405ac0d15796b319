package preflight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"image-builder/internal/image"
)

// unpacked is how many times its compressed size a layer is estimated to take on the disk. What compresses well takes
// more, what is compressed already takes as much again.
const unpacked = 2

// askPatience bounds the questions to registries.
const askPatience = 30 * time.Second

const gib = 1 << 30

// estimate adds up what will be on the root volume, in bytes, and how that is known.
type estimate struct {
	certain  int64    // that will be there at least
	likely   int64    // what is estimated besides
	how      []string // what was added up
	left     []string // what is not known, and so not counted
	troubles []Result
}

// space compares what is baked with the root volume. It knows the data of the base's snapshot, and either what an earlier
// bake of the recipe on this machine added, or what Docker registries say. Git cannot say how large a repository is.
func (c *Checks) space(ctx context.Context, q asked, ami image.AMI) []Result {
	images := strings.Fields(q.value("DockerImages"))
	mirrors := strings.Fields(q.value("GitMirrors"))
	if len(images)+len(mirrors) == 0 {
		return nil
	}

	e := &estimate{}
	c.baseData(ctx, e, ami)
	if !c.bakedBefore(ctx, e, q) {
		c.layers(ctx, e, images, ami.Arch)
		if len(mirrors) > 0 {
			e.left = append(e.left, "git mirrors, whose size shows when they are cloned: bake the recipe here once to have it counted")
		}
	}

	volume := ami.RootSize
	if size, _ := strconv.ParseInt(q.value("RootVolumeSize"), 10, 64); size != 0 {
		volume = size
	}

	return append(e.troubles, e.judge(volume))
}

// judge compares with a volume, in GiB.
func (e *estimate) judge(volume int64) Result {
	r := Result{Name: "space", Status: OK, Text: fmt.Sprintf("%d GiB for %s", volume, strings.Join(e.how, " and "))}
	wanted := (e.certain + e.likely + gib - 1) / gib

	switch {
	case len(e.how) == 0:
		r.Status = Unchecked
		r.Text = "nothing is known of how much is baked"
	case e.certain > volume*gib:
		r.Status = Warning
		r.Text = fmt.Sprintf("%d GiB cannot hold %s", volume, strings.Join(e.how, " and "))
	case wanted > volume:
		r.Status = Warning
		r.Text = fmt.Sprintf("%d GiB may not hold %s, which are %d GiB by this estimate", volume, strings.Join(e.how, " and "), wanted)
	}

	if r.Status == Warning {
		r.Hint = fmt.Sprintf("write disk: %dGiB or more; what jobs write comes on top", wanted+1)
	}
	if len(e.left) > 0 {
		r.Text += "; not counted: " + strings.Join(e.left, ", ")
	}

	return r
}

// baseData adds what the base's root volume holds. The snapshots of others' AMIs are often not shown.
func (c *Checks) baseData(ctx context.Context, e *estimate, ami image.AMI) {
	data, err := c.Snapshots.SnapshotData(ctx, ami.Snapshot)
	if err != nil || data == 0 {
		e.left = append(e.left, "the base itself, whose snapshot does not show how much it holds")
		return
	}
	e.certain += data
	e.how = append(e.how, fmt.Sprintf("the base (%s in its snapshot)", size(data)))
}

// bakedBefore adds what the newest bake of this recipe's name on this machine added to its base, if there was one.
func (c *Checks) bakedBefore(ctx context.Context, e *estimate, q asked) bool {
	before, err := c.Bakes.Baked(ctx, q.wanted.recipe)
	if err != nil {
		return false
	}
	e.certain += before.Added
	e.how = append(e.how, fmt.Sprintf("what %s added to its base here on %s (%s)", before.Image, before.Created.UTC().Format("2006-01-02"), size(before.Added)))
	return true
}

// layers adds the layers of Docker images, each once.
func (c *Checks) layers(ctx context.Context, e *estimate, images []string, arch image.Arch) {
	ctx, stop := context.WithTimeout(ctx, askPatience)
	defer stop()

	all := map[string]int64{}
	for _, reference := range images {
		sizes, err := c.Layers.Layers(ctx, reference, arch)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			e.troubles = append(e.troubles, Result{"Docker image", Warning, reference + " is not in its registry, or not for you", "correct the name; if only the build may read it, ignore this"})
		case err != nil:
			e.left = append(e.left, reference+" ("+err.Error()+")")
		}
		for digest, bytes := range sizes {
			all[digest] = bytes
		}
	}

	var sum int64
	for _, bytes := range all {
		sum += bytes
	}
	if sum > 0 {
		e.certain += sum
		e.likely += (unpacked - 1) * sum
		e.how = append(e.how, fmt.Sprintf("Docker images (%s compressed, as their registries say; estimated at %s unpacked)", size(sum), size(unpacked*sum)))
	}
}

// size writes bytes in GiB, or in MiB if they are few.
func size(bytes int64) string {
	if bytes < gib {
		return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/gib)
}
