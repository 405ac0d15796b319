//go:build linux

package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/recipe"
)

// An image that boots too slowly ends the bake, and is kept only as a failed one, which nothing names.
func TestBootBudgetGatesTheImage(t *testing.T) {
	t.Parallel()
	slow := fault.New(fault.NotUsable, errors.New("login after 64s at 5MiB/s, and the budget is 45s"), "")
	for name, test := range map[string]struct {
		budget *image.BootBudget
		cold   error
		keep   bool
		asked  bool
		failed string
		passes bool
	}{
		"no budget":          {nil, slow, false, false, "", true},
		"within it":          {&image.BootBudget{Login: time.Minute, At: "5MiB/s"}, nil, false, true, "", true},
		"too slow":           {&image.BootBudget{Login: time.Minute, At: "5MiB/s"}, slow, false, true, "", false},
		"too slow, and kept": {&image.BootBudget{Login: time.Minute, At: "5MiB/s"}, slow, true, true, slow.Error(), false},
		"QEMU is missing":    {&image.BootBudget{Login: time.Minute, At: "5MiB/s"}, fault.New(fault.BadMachine, errors.New("no QEMU"), ""), true, true, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := false
			p := Pipeline{Cold: func(_ context.Context, _ image.Image, budget image.BootBudget, log string) (image.ColdBoot, error) {
				asked = budget == *test.budget && log == "/logs/cold-boot.log"
				return image.ColdBoot{At: budget.At}, test.cold
			}}

			img, err := p.cold(t.Context(), image.Image{Parameter: "/agent"}, &recipe.Recipe{BootBudget: test.budget}, Options{KeepFailed: test.keep}, Place{Logs: "/logs"})
			if (err == nil) != test.passes || asked != test.asked || img.Failed != test.failed {
				t.Errorf("asked %v, image %+v, %v", asked, img, err)
			}
			if (img.ColdBoot != nil) != (test.passes && test.asked) || (img.Parameter == "") != (test.failed != "") {
				t.Errorf("image %+v", img)
			}
		})
	}
}
