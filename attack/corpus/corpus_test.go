package corpus

import "testing"

func TestSearchSeesWhatGrepSees(t *testing.T) {
	t.Parallel()
	result, err := Attack(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}

	t.Log(result)
	if 100*result.OnDisk < 99*result.Planted {
		t.Errorf("grep finds %d of %d values: they were not planted", result.OnDisk, result.Planted)
	}
	if 100*result.Found < 99*result.OnDisk {
		t.Errorf("the search finds %d of %d values", result.Found, result.OnDisk)
	}
}
