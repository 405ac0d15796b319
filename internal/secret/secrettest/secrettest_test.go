package secrettest

import (
	"strings"
	"testing"
)

func TestCorpusIsLarge(t *testing.T) {
	t.Parallel()
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}

	formats := map[string]bool{}
	names := map[string]bool{}

	values := 0
	for _, file := range files {
		formats[file.Format()] = true
		if names[file.Name] {
			t.Errorf("two files have the name %s", file.Name)
		}
		names[file.Name] = true

		if len(file.Values) == 0 {
			t.Errorf("%s holds no value", file.Name)
		}
		values += len(file.Values)

		if strings.ContainsAny(string(file.Text), "«»") {
			t.Errorf("%s has a placeholder left:\n%s", file.Name, file.Text)
		}
	}

	if len(files) < 200 || len(formats) < 60 {
		t.Errorf("%d files in %d formats, want at least 200 in 60", len(files), len(formats))
	}
	t.Logf("%d files in %d formats hold %d values", len(files), len(formats), values)
}
