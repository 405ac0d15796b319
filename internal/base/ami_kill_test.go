package base

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"image-builder/internal/aws"
	"image-builder/internal/local"
	"image-builder/internal/snapshot"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/wire"
)

// The variables that make this program pull an AMI into a data directory instead of running tests.
const (
	pullVariable = "BASE_TEST_PULL"
	dataVariable = "BASE_TEST_DATA"
)

// TestPullForAnother is not a test: it is the process that TestKilledPullContinues kills.
func TestPullForAnother(t *testing.T) {
	id := os.Getenv(pullVariable)
	if id == "" {
		t.Skip("it is run by TestKilledPullContinues")
	}
	store, err := local.Open(t.Context(), os.Getenv(dataVariable), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()

	made, err := accountOf(resolverOf(store), store, &aws.Session{}).Resolve(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("pulled", made.Disk)
}

// A pull that is killed at any call and run again ends with the same disk; the snapshot is copied once.
func TestKilledPullContinues(t *testing.T) {
	t.Parallel()
	c := newCloud(t)

	path := laidOut(t, layouts["whole disk"], "killed")
	killed := 0
	for seed := 0; killed < 50; seed++ { // a pull that had little left to do may end before its moment comes
		if seed == 50 {
			t.Fatalf("%d pulls were killed in %d attempts", killed, 4*seed)
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			killed += c.killed(t, path, seed)
		})
	}
}

// killed pulls an AMI of a disk in processes that are killed at random calls, then in one that ends. It returns how
// many were killed.
func (c *cloud) killed(t *testing.T, path string, seed int) int {
	t.Helper()
	id := c.addAMI(t, path, ec2.AMI{Name: fmt.Sprint("killed ", seed)})
	data := t.TempDir()
	random := rand.New(rand.NewPCG(uint64(seed), 9)) //nolint:gosec // to be repeated
	before := len(c.EBS.Snapshots())

	killed := 0
	for range 4 {
		if c.pullIn(t, id, data, 1+random.IntN(20)) == "" {
			killed++
		}
	}

	disk := c.pullIn(t, id, data, -1)
	if disk == "" {
		t.Fatal("it did not end")
	}
	same(t, path, disk)

	if made := len(c.EBS.Snapshots()) - before; made != 1 {
		t.Errorf("%d copies were made", made)
	}
	if left, err := os.ReadDir(filepath.Join(data, "pulls")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}

	return killed
}

// pullIn pulls in a process of its own, which the call with this number kills. It returns the path of the disk; "" if
// the process was killed.
func (c *cloud) pullIn(t *testing.T, id, data string, at int) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPullForAnother$", "-test.v")
	command.Env = append(append(os.Environ(), c.Env()...), pullVariable+"="+id, dataVariable+"="+data)
	var mu sync.Mutex
	calls := 0
	weather := func(*http.Request) wire.Disturbance {
		mu.Lock()
		defer mu.Unlock()
		calls++
		if calls != at {
			return wire.Calm
		}
		_ = command.Process.Kill()
		return wire.CutRequest
	}

	c.Disturb("ebs", weather)
	c.Disturb("ec2", weather)

	out, err := command.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if disk, ok := strings.CutPrefix(strings.TrimSpace(line), "pulled "); ok && err == nil {
			return disk
		}
	}

	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("%v\n%s", err, out)
	}
	return ""
}

// accountOf lets a resolver pull AMIs of a session's account.
func accountOf(r Resolver, store *local.Store, session *aws.Session) Resolver {
	machines := &aws.EC2{Session: session}
	bounds := snapshot.DefaultBounds
	bounds.First = time.Millisecond
	bounds.Most = 20 * time.Millisecond
	r.Account = &Account{
		AMIs: machines, Copies: machines, Reader: &aws.EBS{Session: session}, Parameters: &aws.Parameters{Session: session},
		Partial: filepath.Join(store.Dir(), "pulls"), Pace: snapshot.DefaultPace, Bounds: bounds,
	}
	return r
}
