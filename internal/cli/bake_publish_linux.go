package cli

import (
	"context"
	"fmt"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/pipeline"
	"image-builder/internal/publish"
	"image-builder/internal/recipe"
)

// defaultPoll is the longest pause between two looks at what AWS does: that of pollFlag.
const defaultPoll = 5 * time.Second

// publishable makes sure, before a bake, that AWS can be asked when it ends.
func publishable(ctx context.Context, r *recipe.Recipe) error {
	if r.Publish == nil {
		return nil
	}
	region := ""
	if len(r.Publish.Regions) > 0 {
		region = r.Publish.Regions[0]
	}
	_, err := newAccount(region).identities.Caller(ctx)
	return err
}

// publish makes AMIs of an image that was just baked.
func (w *wiring) publish(ctx context.Context, img image.Image, p *recipe.Publish) (image.Image, error) {
	request := publish.Request{Image: img}
	err := request.ShareWith(p.ShareWith)
	if err == nil {
		request.Base, err = baseOf(ctx, w.store, img)
	}

	if err != nil {
		return img, err
	}

	publication := newPublication(w.env, w.store, w.report, p.Regions, defaultPoll)
	_, err = publication.Run(ctx, request, pipeline.Announcement{Parameter: img.Parameter, Topic: p.Topic})
	if err != nil {
		return img, fault.New(fault.ClassOf(err), err, fmt.Sprintf("the image is there: image-builder publish %s continues", img.ID))
	}

	return w.store.Image(ctx, img.ID)
}
