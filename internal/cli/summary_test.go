package cli

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/image"
	"image-builder/internal/progress"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	img := image.Image{
		ID: "img-1", Base: "debian:bookworm", Disk: "/data/images/img-1/disk.raw", Size: 3 << 30, Data: 700 << 20, Parameter: "/out",
		Elapsed: image.Duration(2 * time.Second), Steps: []image.Step{{Status: progress.Success}, {Status: progress.Skipped}},
		Searched: &image.Search{Patterns: 3, Bytes: 700 << 20, Elapsed: image.Duration(time.Second), Allowed: []string{"/etc/key"}},
		Prefetch: &image.Prefetch{Runs: 77, Bytes: 28 << 20, Job: true, Accelerator: "kvm"},
	}

	want := `baked img-1 in 2.0s
  base       debian:bookworm
  disk       /data/images/img-1/disk.raw
  size       3.0 GiB, of which 700 MiB are data
  steps      1 done, 1 skipped
  secrets    none but in /etc/key, as allowed: 700 MiB searched for 3 patterns in 1.0s
  prefetch   28 MiB in 77 runs, which a boot read up to the end of a first job (kvm)
  parameter  /out = img-1
  next       image-builder image show img-1; image-builder image boot img-1
`
	if diff := cmp.Diff(want, Summary(img)); diff != "" {
		t.Error(diff)
	}

	img.Failed = "exit status 1"
	img.Steps = []image.Step{{Status: progress.Failed, Log: "/l.log"}}

	want = `kept img-1, whose bake failed after 2.0s
  why   exit status 1
  log   /l.log
  next  image-builder image shell img-1
`
	if diff := cmp.Diff(want, Summary(img)); diff != "" {
		t.Error(diff)
	}
}
