package announce

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"image-builder/internal/image"
)

// parameters is SSM with one parameter: like the data type aws:ec2:image, a written value becomes visible after a few
// reads.
type parameters struct {
	now    *image.Parameter // nil: not there
	next   image.Parameter
	looks  int // that the last write is away
	denied error
	writes int
}

func (p *parameters) Read(context.Context, string) (image.Parameter, error) {
	if p.writes > 0 && p.looks == 0 {
		p.now = &p.next
	}
	p.looks--
	if p.now == nil {
		return image.Parameter{}, fs.ErrNotExist
	}
	return *p.now, nil
}

func (p *parameters) Write(_ context.Context, parameter image.Parameter) error {
	p.next = parameter
	p.writes++
	return p.denied
}

func TestWrite(t *testing.T) {
	t.Parallel()
	of := func(value, kind, dataType string) *image.Parameter {
		return &image.Parameter{Name: "/base", Value: value, Type: kind, DataType: dataType}
	}

	for name, test := range map[string]struct {
		now    *image.Parameter
		looks  int
		denied error
		want   Change
		waits  int // at least; real time counts towards the limit, so the number varies
		says   string
	}{
		"a new one":        {want: Change{"/base", "", "ami-2", "text"}},
		"text":             {now: of("ami-1", "String", "text"), want: Change{"/base", "ami-1", "ami-2", "text"}},
		"the same":         {now: of("ami-2", "String", "text"), want: Change{"/base", "ami-2", "ami-2", "text"}},
		"an image":         {now: of("ami-1", "String", "aws:ec2:image"), looks: 4, want: Change{"/base", "ami-1", "ami-2", "aws:ec2:image"}, waits: 3},
		"an image refused": {now: of("ami-1", "String", "aws:ec2:image"), looks: 1000, waits: 1, want: Change{"/base", "ami-1", "ami-2", "aws:ec2:image"}, says: "it still holds another value after 5m0s"},
		"a secret":         {now: of("x", "SecureString", "text"), says: "it is a SecureString"},
		"denied":           {now: of("ami-1", "String", "text"), denied: errors.New("not authorized"), says: "not authorized"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &parameters{now: test.now, looks: test.looks, denied: test.denied}
			waits := 0
			w := Writer{Parameters: store, Pause: func(context.Context, time.Duration) error { waits++; return nil }}
			got, err := w.Write(t.Context(), "/base", "ami-2")
			if (err == nil) != (test.says == "") || (err != nil && !strings.Contains(err.Error(), test.says)) || got != test.want || waits < test.waits || (test.waits == 0 && waits > 0) {
				t.Errorf("%+v after %d waits, %v", got, waits, err)
			}
			if same := test.now != nil && test.now.Value == "ami-2"; same != (store.writes == 0) && test.now != nil && test.now.Type == "String" {
				t.Errorf("%d writes", store.writes)
			}
		})
	}
}
