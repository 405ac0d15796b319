package secret

import (
	"strings"
	"testing"

	"image-builder/internal/secret/secrettest"
)

func TestCorpusIsFound(t *testing.T) {
	t.Parallel()
	files, err := secrettest.Files()
	if err != nil {
		t.Fatal(err)
	}

	values := 0
	var missed []string
	for _, file := range files {
		set := NewSet([]Secret{{file.Name, file.Text}})
		for _, value := range file.Values {
			values++
			if len(set.Search().occurrences("= "+value+" ;")) == 0 {
				missed = append(missed, file.Name+"\t"+value)
				continue
			}
			if line := set.Mask("= " + value + " ;"); !strings.ContainsAny(value, "\n\x00") && line != "= *** ;" {
				t.Errorf("%s: %q is masked as %q", file.Name, value, line)
			}
		}
	}

	found := values - len(missed)
	t.Logf("found %d of %d values", found, values)
	if 100*found < 99*values {
		t.Errorf("found %d of %d values, want 99 %%", found, values)
	}

	for _, miss := range missed {
		t.Logf("not found: %q", miss)
	}
}
