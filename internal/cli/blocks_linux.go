package cli

import (
	"context"
	"fmt"
	"strings"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/publish"
	"image-builder/internal/terminal"
)

// differing is what an image's disk holds that its base's does not.
type differing struct {
	Base   string         `json:"base"`
	Blocks int64          `json:"blocks"` // of 512 KiB; the costs' blocks add up to it
	Costs  []publish.Cost `json:"costs"`
}

// blocksOf compares an image's disk with its base's, and says what each block that differs holds. It asks AWS nothing.
func blocksOf(ctx context.Context, store *local.Store, img image.Image) (*differing, error) {
	from, err := cloned(ctx, store, img)
	if err != nil {
		return nil, err
	}
	if from == "" {
		return nil, fault.New(fault.NotUsable, fmt.Errorf("compare %s with its base: the base %s that it was baked from is not here", img.ID, img.Base),
			"bake it again, which brings the base here")
	}

	changed, err := publish.Differing(ctx, img.Disk, from)
	if err != nil {
		return nil, fmt.Errorf("compare %s with its base: %w", img.ID, err)
	}
	costs, err := publish.Explain(ctx, changed, img.Disk, from)
	if err != nil {
		return nil, err
	}

	return &differing{Base: img.Base, Blocks: changed.Len(), Costs: costs}, nil
}

func (d differing) text() string {
	return fmt.Sprintf("%-9s from its base in %s of 512 KiB\n", "differs", count(int(d.Blocks), "block")) + costsText(d.Costs)
}

// costsShown is how many costs people get to see, each on a line; scripts get all.
const costsShown = 20

// costsText is a line for each of the highest costs, and one for all others.
func costsText(costs []publish.Cost) string {
	var text strings.Builder
	line := func(blocks int64, what string) {
		fmt.Fprintf(&text, "%15s  %s\n", count(int(blocks), "block"), what)
	}

	others := int64(0)
	more := 0
	for i, cost := range costs {
		switch {
		case cost.Blocks == 0: // changed only beside what cost more
		case i < costsShown:
			line(cost.Blocks, terminal.Harmless(cost.What))
		default:
			others += cost.Blocks
			more++
		}
	}

	if more > 0 {
		line(others, count(more, "other file")+" or structure: --json names them")
	}

	return text.String()
}
