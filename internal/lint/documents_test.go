package lint

import (
	"path/filepath"
	"testing"
)

// TestRealisticDocuments holds documents of the kinds that people write: nothing may be found in them.
func TestRealisticDocuments(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/documents/*")
	if err != nil || len(files) < 18 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			result, err := linter().File(file)
			if err != nil {
				t.Fatal(err)
			}
			if result.Kind != Document {
				t.Errorf("taken for a %s", result.Kind)
			}
			for _, f := range result.Findings {
				t.Error(f)
			}
		})
	}
}
