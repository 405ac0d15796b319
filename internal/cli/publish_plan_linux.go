package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"image-builder/internal/local"
	"image-builder/internal/publish"
	"image-builder/internal/terminal"
)

// plannedPublication is the result of publish --plan.
type plannedPublication struct {
	Image string `json:"image"`
	publish.Plan
	Upload publish.Upload `json:"upload"`
	Launch publish.Launch `json:"launch"`
	Costs  []publish.Cost `json:"costs,omitempty"` // the blocks by what they hold
}

// plan reports what publishing would do.
func (c *PublishCmd) plan(ctx context.Context, env *Env, store *local.Store, request publish.Request) error {
	watch := env.watcher()
	defer watch.Close()
	region := ""

	if len(c.Region) > 0 {
		region = c.Region[0]
	}

	plan, err := newPublisher(env, store, watch.Report, region, c.Poll).Plan(ctx, request)
	watch.Close()
	if err != nil {
		return err
	}

	result := plannedPublication{Image: request.Image.ID, Plan: plan, Upload: plan.Upload(), Launch: plan.Launch()}

	if c.Explain {
		parent := request.Base.Disk
		if plan.Parent == "" {
			parent = ""
		}
		result.Costs, err = publish.Explain(ctx, plan.Changed, request.Image.Disk, parent)
		if err != nil {
			return err
		}
	}

	return env.result(result, strings.TrimSuffix(planText(result), "\n"), nil)
}

func planText(p plannedPublication) string {
	lines := [][2]string{{"image", p.Image}, {"AMI", fmt.Sprintf("%s in %s", terminal.Harmless(p.Name), p.Region)}}
	if p.Existing != "" {
		lines = append(lines, [2]string{"there", p.Existing + " was made from this image: nothing is sent"})
	}

	lines = append(lines,
		[2]string{"differs", planDiffers(p.Plan)},
		[2]string{"to send", fmt.Sprintf("%s of 512 KiB, %s, for $%.4f", count(int(p.Upload.Blocks), "block"), terminal.Size(p.Upload.Bytes), p.Upload.Dollars)},
		[2]string{"takes", fmt.Sprintf("%s at EBS's quota of %d blocks a second, %s through 100 Mbit/s, and the time that EBS takes to complete the snapshot",
			seconds(p.Upload.SecondsAtQuota), publish.PutsPerSecond, seconds(p.Upload.SecondsAt100Mbit))},
		[2]string{"launch", fmt.Sprintf("%.2f GiB to load on first use: %s at 5 MiB/s, which users report", p.Launch.GiB, seconds(p.Launch.SecondsLazy))},
		[2]string{"", fmt.Sprintf("%s with VolumeInitializationRate: %d, for about $%.4f a launch", seconds(p.Launch.SecondsAtRate), publish.InitializationRate, p.Launch.DollarsAtRate)},
	)

	var text strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&text, "%-8s %s\n", line[0], line[1])
	}

	return text.String() + costsText(p.Costs)
}

func planDiffers(p publish.Plan) string {
	if p.Parent == "" {
		return "from nothing that EBS has: all data is sent"
	}
	return fmt.Sprintf("from %s in %s, of which %d became zero", p.Parent, count(int(p.Blocks), "block"), p.Zeroed)
}

func seconds(s float64) string { return terminal.Took(time.Duration(s * float64(time.Second))) }
