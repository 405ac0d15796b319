package secret

import (
	"context"
	"os"
	"testing"
)

// BenchmarkDisk searches the disk that SECRET_BENCH_DISK names for the secrets in the directory SECRET_BENCH_SECRETS.
func BenchmarkDisk(b *testing.B) {
	name := os.Getenv("SECRET_BENCH_DISK")
	dir := os.Getenv("SECRET_BENCH_SECRETS")
	if name == "" || dir == "" {
		b.Skip("SECRET_BENCH_DISK and SECRET_BENCH_SECRETS are not set")
	}
	secrets, err := Load(dir)
	if err != nil {
		b.Fatal(err)
	}

	set := NewSet(secrets)
	disk := open(b, name)
	for b.Loop() {
		found, err := set.Search().Disk(context.Background(), disk)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(found.Bytes)
	}

	b.ReportMetric(float64(set.Search().Patterns()), "patterns")
}
