package local

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/image"
)

func TestAMIsAreKeptWithTheirImage(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	img := commit(t, s, "/out")
	first := image.Published{Region: "eu-central-1", AMI: "ami-1", Blocks: 7, Created: clock()}
	found := image.Published{Region: "eu-central-1", AMI: "ami-1", Created: clock().Add(1)}
	other := image.Published{Region: "us-east-1", AMI: "ami-2", Created: clock().Add(2)}

	again := image.Published{Region: "eu-central-1", AMI: "ami-3", Created: clock().Add(3)}

	for _, step := range []struct {
		keep image.Published
		want []image.Published
	}{
		{first, []image.Published{first}},
		{found, []image.Published{first}},
		{other, []image.Published{first, other}},
		{again, []image.Published{other, again}},
	} {
		if err := s.KeepAMI(t.Context(), img.ID, step.keep); err != nil {
			t.Fatal(err)
		}
		got, err := open(t, s.dir).Image(t.Context(), img.ID)
		if diff := cmp.Diff(step.want, got.Published); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}

	if err := s.RemoveImage(t.Context(), img.ID, true); err != nil {
		t.Fatal(err)
	}
	if missing := (*MissingError)(nil); !errors.As(s.KeepAMI(t.Context(), img.ID, first), &missing) || missing.Name != img.ID {
		t.Errorf("noted with an image that is gone: %v", missing)
	}

	left := 0
	if err := s.db.QueryRowContext(t.Context(), "SELECT count(*) FROM amis").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d AMIs are kept of an image that is gone: %v", left, err)
	}
}
