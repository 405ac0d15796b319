package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"image-builder/internal/snapshot"
)

func TestUploadsAreJudgedByTheirRates(t *testing.T) {
	t.Parallel()
	table := []row{
		{Name: floorName, Median: 2, Against: "?", Ratio: 1},
		{Name: coldsnapName, Median: 5},
		{Name: wholeName, Median: 2.4},
		{Name: nightlyName + "ext4", Median: 0.3},
		{Name: nightlyName + "xfs", Median: 0.2},
	}
	judged := judgeUploads(table, 900)[len(table):]
	want := map[string]bool{
		"rate of publish, whole against " + coldsnapName:      true,  // 2.08 of 1.5
		"rate of publish, whole against " + floorName:         true,  // 0.83 of 0.8
		"time of a 3 % change, ext4 against " + wholeName:     false, // 0.125 of 0.1
		"time of a 3 % change, xfs against " + wholeName:      true,  // 0.083 of 0.1
		"time of a 3 % change, btrfs against " + wholeName:    false,
		"rate of publish, whole against something that isn't": false,
	}

	for _, r := range judged {
		if r.Against == quotaName {
			if r.Ratio != 0.9/2.4 || r.Met != nil {
				t.Errorf("against the quota: %+v", r)
			}
			continue
		}
		if met, known := want[r.Name+" against "+r.Against]; !known || met != *r.Met {
			t.Errorf("%s against %s: %.3f, %s, met %v", r.Name, r.Against, r.Ratio, r.Target, *r.Met)
		}
	}
	if len(judged) != 5 || table[0].Against != "" {
		t.Errorf("judged %+v", judged)
	}
}

func TestALoopThatHashesIsComparedWithoutATarget(t *testing.T) {
	t.Parallel()
	judged := judgeUploads([]row{{Name: floorName, Median: 2}, {Name: uploadName, Median: 2.4}, {Name: wholeName, Median: 2.4}}, 900)[3:]
	if len(judged) != 3 || judged[2].Against != uploadName || judged[2].Ratio != 1 || judged[2].Met != nil {
		t.Errorf("judged %+v", judged)
	}
}

// If the loop sends faster than AWS accepts blocks, publish is judged by the quota instead.
func TestALoopBeyondTheQuotaHasNoTarget(t *testing.T) {
	t.Parallel()
	judged := judgeUploads([]row{{Name: floorName, Median: 2.5}, {Name: wholeName, Median: 4}}, 3200)[2:]
	if len(judged) != 2 || judged[0].Against != floorName || judged[0].Met != nil || judged[1].Against != quotaName || judged[1].Ratio != 0.8 || !*judged[1].Met {
		t.Errorf("judged %+v", judged)
	}
}

func TestWithoutColdsnapNothingIsComparedToIt(t *testing.T) {
	t.Parallel()
	judged := judgeUploads([]row{{Name: floorName, Median: 2}, {Name: wholeName, Median: 2.6}}, 900)[2:]
	if len(judged) != 2 || judged[0].Against != floorName || *judged[0].Met {
		t.Errorf("judged %+v", judged)
	}
}

func TestSearchIsComparedToTheFasterLoop(t *testing.T) {
	t.Parallel()
	judged := judgeSearch([]row{{Name: "hash", Median: 1}, {Name: "compare", Median: 0.8}, {Name: "plan", Median: 1}})
	rate := judged[len(judged)-1]
	if rate.Against != "compare" || rate.Ratio != 0.8 || !*rate.Met {
		t.Errorf("judged %+v", rate)
	}
}

func TestAnAccountIsReadUpToItsFirstComment(t *testing.T) {
	t.Parallel()
	text := "export AWS_REGION=eu-central-1\nexport AWS_ENDPOINT_URL_EBS=http://127.0.0.1:1\n# /p = ami-0123abcd; topic t\n"
	a := account{output: io.NopCloser(strings.NewReader(text))}
	if err := a.read(); err != nil {
		t.Fatal(err)
	}
	if a.ami != "ami-0123abcd" || a.endpoint != "http://127.0.0.1:1" || !slices.Equal(a.env, []string{"AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL_EBS=http://127.0.0.1:1"}) {
		t.Errorf("got %+v", &a)
	}

	ended := account{output: io.NopCloser(strings.NewReader("export AWS_REGION=x\n"))}
	if err := ended.read(); err == nil {
		t.Error("a server that ends early is taken for one that is ready")
	}
}

func TestCallsAreCounted(t *testing.T) {
	t.Parallel()
	calls := callsIn("# ebs.PutSnapshotBlock 92\n# ec2.RegisterImage 1\nother\n# a b c\n")
	if len(calls) != 2 || calls["ebs.PutSnapshotBlock"] != 92 || calls["ec2.RegisterImage"] != 1 {
		t.Errorf("got %v", calls)
	}
}

func TestReadBytesAreFound(t *testing.T) {
	t.Parallel()
	if got, err := readChars("rchar: 12345\nwchar: 1\nsyscr: 2\n"); err != nil || got != 12345 {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := readChars("wchar: 1\n"); err == nil {
		t.Error("finding nothing is not an error")
	}
}

func TestBytesReadAreThoseOfTheProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := bytesRead(command(t.Context(), "dd", "if="+path, "of=/dev/null", "bs=1M", "status=none"))
	if err != nil || read < 3<<20 || read > 3<<20+256<<10 {
		t.Errorf("read %d bytes, %v", read, err)
	}
}

func TestResultsOfPublishAreChecked(t *testing.T) {
	t.Parallel()
	for text, fine := range map[string]bool{
		`{"amis": [{"ami": "ami-1", "blocks": 92}]}`: true, `{"amis": [{"ami": "ami-1", "blocks": 93}]}`: false, `{"amis": []}`: false, `ami-1`: false,
	} {
		if err := sentExactly(text, 92); (err == nil) != fine {
			t.Errorf("%s: %v", text, err)
		}
	}

	for text, fine := range map[string]bool{`{"blocks": 92, "zeroed": 0}`: true, `{"blocks": 920}`: false, `{}`: false} {
		if err := foundExactly(text, 92); (err == nil) != fine {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSomeBlocksOfADiskChange(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()

	const size = 200 * snapshot.BlockSize
	if err := file.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(make([]byte, 100*snapshot.BlockSize), 50*snapshot.BlockSize); err != nil {
		t.Fatal(err)
	}
	changed, err := change(path, nightly)
	if err != nil || changed != 3 {
		t.Fatalf("changed %d, %v", changed, err)
	}

	differ := 0
	block := make([]byte, snapshot.BlockSize)
	for index := range int64(size / snapshot.BlockSize) {
		if _, err := file.ReadAt(block, index*snapshot.BlockSize); err != nil {
			t.Fatal(err)
		}
		if len(bytes.Trim(block, "\x00")) > 0 {
			differ++
		}
	}
	if differ != 3 {
		t.Errorf("%d blocks differ", differ)
	}
}

func TestNightlyJobChangesBlocksOfEachFile(t *testing.T) {
	t.Parallel()
	job := nightlyJob()
	for _, want := range []string{"i < 92;", "block=$((i * 33))", "/srv/$((block / 48))", "seek=$((block % 48 * 128 + 64))"} {
		if !strings.Contains(job, want) {
			t.Errorf("no %q in %s", want, job)
		}
	}
}

func TestPagesAndBlocksThatDifferAreCounted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	baked := filepath.Join(dir, "baked")
	text := make([]byte, 4*snapshot.BlockSize)
	if err := os.WriteFile(base, text, 0o600); err != nil {
		t.Fatal(err)
	}

	text[5] = 1
	text[6] = 1
	text[pageSize] = 1
	text[3*snapshot.BlockSize-1] = 1
	if err := os.WriteFile(baked, append(text, 0, 0, 1), 0o600); err != nil { // grown
		t.Fatal(err)
	}

	found, err := changedIn(baked, base)
	if err != nil || found != (differing{blocks: 3, pages: 4}) {
		t.Errorf("found %+v, %v", found, err)
	}
	if got := found.amplification(); got != 96 {
		t.Errorf("amplification is %v", got)
	}
	if same, err := changedIn(base, base); err != nil || same != (differing{}) || same.amplification() != 0 {
		t.Errorf("a disk differs from itself: %+v, %v", same, err)
	}
}
