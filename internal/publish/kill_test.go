package publish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"image-builder/internal/aws"
	"image-builder/internal/image"
	"image-builder/internal/mountns/mountnstest"
	"image-builder/internal/publish"
	"image-builder/internal/snapshot"
	"image-builder/internal/testbed/wire"
)

// publicationVariable makes this program publish instead of running tests.
const publicationVariable = "PUBLISH_TEST_PUBLICATION"

// publication is what such a process publishes.
type publication struct {
	Request  publish.Request
	Journals string
}

func TestMain(m *testing.M) {
	if text := os.Getenv(publicationVariable); text != "" {
		if err := publishThat(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	mountnstest.Enter()
	os.Exit(m.Run())
}

func publishThat(text string) error {
	var p publication
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	session := &aws.Session{}
	machines := &aws.EC2{Session: session}
	bounds := snapshot.DefaultBounds
	bounds.First = time.Millisecond
	bounds.Most = 20 * time.Millisecond
	publisher := publish.Publisher{
		AMIs: machines, Writer: &aws.EBS{Session: session}, Snapshots: machines, Journals: p.Journals, Pace: snapshot.DefaultPace, Bounds: bounds, Now: time.Now,
	}

	done, err := publisher.AMI(context.Background(), p.Request)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(done)
	}

	return err
}

// killer kills a process at the call with a given number.
type killer struct {
	mu      sync.Mutex
	process *os.Process
	at      int
	late    bool // the call is carried out first
	calls   int
}

func (k *killer) weather(*http.Request) wire.Disturbance {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls++
	if k.calls != k.at || k.process == nil {
		return wire.Calm
	}

	_ = k.process.Kill()
	k.process = nil
	if k.late {
		return wire.Calm
	}

	return wire.CutRequest
}

// arm makes the call with this number kill the process.
func (k *killer) arm(process *os.Process, at int, late bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.process = process
	k.at = k.calls + at
	k.late = late
}

// A publication that is killed at any call and run again ends with one AMI that equals the disk, and no other
// snapshot.
func TestKilledPublicationContinues(t *testing.T) {
	t.Parallel()
	all := 0
	for seed := range 25 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			a := newAccount(t, false)
			a.image.Disk = changedDisk(t, a, seed)
			k := &killer{}
			a.Disturb("ebs", k.weather)
			a.Disturb("ec2", k.weather)
			random := rand.New(rand.NewPCG(uint64(seed), 9)) //nolint:gosec // to be repeated

			killed := 0
			for range 3 {
				if !a.run(t, k, 1+random.IntN(40), random.IntN(2) == 0) {
					killed++
				}
			}

			if !a.run(t, k, -1, false) {
				t.Fatal("it did not end")
			}

			amis := a.EC2.AMIs()
			if len(amis) != 1 || len(a.EBS.Snapshots()) != 2 || killed == 0 {
				t.Fatalf("%d AMIs, snapshots %v, killed %d times", len(amis), a.EBS.Snapshots(), killed)
			}
			a.holds(t, amis[0].Snapshot)
			all += killed
		})
	}

	if all < 50 {
		t.Errorf("%d publications were killed, want 50 at least", all)
	}
}

// changedDisk is a disk with about 30 blocks that differ from the base's.
func changedDisk(t *testing.T, a account, seed int) string {
	t.Helper()
	disk, err := os.ReadFile(a.image.Disk)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(disk); at += snapshot.BlockSize {
		copy(disk[at:], fmt.Sprint("block ", at, " of ", seed))
	}
	clear(disk[3*snapshot.BlockSize : 4*snapshot.BlockSize])
	return file(t, disk)
}

// run publishes in a process of its own, which the call with this number kills. It reports whether the process
// succeeded.
func (a account) run(t *testing.T, k *killer, at int, late bool) bool {
	t.Helper()
	text, err := json.Marshal(publication{publish.Request{Image: a.image, Base: a.base}, a.Journals})
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(a.Env(), publicationVariable+"="+string(text))
	var out, complaint bytes.Buffer
	command.Stdout = &out
	command.Stderr = &complaint

	k.mu.Lock() // no call is answered before the process is known
	err = command.Start()
	k.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}

	k.arm(command.Process, at, late)

	err = command.Wait()
	if err != nil && !strings.Contains(err.Error(), "killed") {
		t.Fatalf("%v: %s", err, complaint.String())
	}
	var done image.Published

	return err == nil && json.Unmarshal(out.Bytes(), &done) == nil && done.AMI != ""
}
