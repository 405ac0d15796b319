package release

import (
	"os"
	"testing"

	"image-builder/internal/image"
)

// FuzzParse checks that no file makes the parser panic, and that the result holds only AMI IDs under plain words.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/mappings.yml")
	if err != nil {
		f.Fatal(err)
	}

	f.Add(text)
	f.Add([]byte("Mappings: &a {AWSRegion2AMI: {<<: *a, us-east-1: {linuxamd64: ami-00000000}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		mappings, err := Parse(text)
		if (err == nil) != (len(mappings) > 0) {
			t.Fatalf("%v, error %v", mappings, err)
		}

		for region, systems := range mappings {
			for key, id := range systems {
				if !word.MatchString(region) || !word.MatchString(key) || !image.IsAMI(id) {
					t.Errorf("%q, %q: %q", region, key, id)
				}
			}
			if _, err := mappings.Find(region, System{"x", image.ARM64}); err == nil && systems["xarm64"] == "" {
				t.Error("an AMI of a system that is not there")
			}
		}
	})
}
