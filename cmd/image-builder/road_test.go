package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"image-builder/internal/base/basetest"
	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/publish"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/programtest"
)

// TestRoad bakes and publishes against an AWS account that has a Debian AMI: testdata/road/*.txtar.
func TestRoad(t *testing.T) {
	t.Parallel()
	debian := basetest.Debian(t)
	program := programtest.Path(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/road",
		Setup: func(env *testscript.Env) error {
			cloud := testbed.Start(env.T().(testing.TB))
			env.Vars = append(env.Vars, cloud.Env()...)
			env.Vars = append(env.Vars, "HOME="+env.WorkDir, "IMAGE_BUILDER_DATA_DIR="+filepath.Join(env.WorkDir, "data"),
				"PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
			env.Values[cloudKey{}] = cloud
			env.Values[debianKey{}] = debian
			env.Values[elsewhereKey{}] = map[string]testbed.Services{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"cloud": runVerb, "exits": exits, "equal-disks": equalDisks},
	})
}

// debianKey is the key under which a script has the Debian base.
type debianKey struct{}

// elsewhereKey is the key under which a script has its account's services in other regions.
type elsewhereKey struct{}

func roadVerbs() map[string]verb {
	return map[string]verb{
		// disk-ami ID BOOTMODE: the AMI exists, and its root disk is the Debian base's
		"disk-ami": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			ami := ec2.AMI{ID: args[0], Name: "stack", BootMode: args[1], ENA: true, IMDS: "v2.0", TPM: "v2.0"}
			_, err := cloud.AddDiskAMI(ami, ts.Value(debianKey{}).(image.Base).Disk)
			ts.Check(err)
		},
		// region NAME: the account has EC2, EBS and SSM there too
		"region": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			there, err := cloud.AddRegion(args[0])
			ts.Check(err)
			elsewhere, _ := ts.Value(elsewhereKey{}).(map[string]testbed.Services)
			elsewhere[args[0]] = there
		},
		// named-in REGION PARAMETER: the region's parameter names an AMI there, a shared copy whose disk is whole
		"named-in": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			there := ts.Value(elsewhereKey{}).(map[string]testbed.Services)[args[0]]
			ami, ok := there.EC2.AMI(there.SSM.Value(args[1]))
			home, _ := cloud.EC2.AMI(cloud.SSM.Value(args[1]))
			if !ok || ami.State != "available" || ami.Source != home.ID || len(ami.Shared) != 1 ||
				len(there.EBS.Blocks(ami.Snapshot)) != len(cloud.EBS.Blocks(home.Snapshot)) {
				ts.Fatalf("the parameter in %s names %+v", args[0], ami)
			}
		},
		// copied-to REGION PARAMETER ACCOUNT: the region's parameter names an AMI there, which the account may launch
		"copied-to": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 3, 3)
			there := ts.Value(elsewhereKey{}).(map[string]testbed.Services)[args[0]]
			ami, ok := there.EC2.AMI(there.SSM.Value(args[1]))
			home, _ := cloud.EC2.AMI(cloud.SSM.Value(args[1]))
			if want := []string{args[2]}; !ok || !slices.Equal(ami.Shared, want) || !slices.Equal(home.Shared, want) || ami.ID == home.ID {
				ts.Fatalf("the parameter in %s names %+v, that at home %+v", args[0], ami, home)
			}
		},
		// like-base ID BOOTMODE: the newest AMI of the account was made from this base, and boots like it
		"like-base": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			amis := cloud.EC2.AMIs()
			made := amis[len(amis)-1]
			if made.Tags["image-builder:base-ami"] != args[0] || made.BootMode != args[1] {
				ts.Fatalf("the newest AMI is %+v", made)
			}
		},
		// topic NAME: the topic exists; its ARN is $TOPIC
		"topic": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			ts.Setenv("TOPIC", cloud.SNS.AddTopic(args[0]))
		},
		// messages TOPIC N: this many messages were sent
		"messages": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			if sent := cloud.SNS.Messages(args[0]); strconv.Itoa(len(sent)) != args[1] {
				ts.Fatalf("%d messages were sent: %q", len(sent), sent)
			}
		},
		// policy-fits FILE: the policy in the file allows each call that was made, and nothing else
		"policy-fits": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			policyFits(ts, cloud, args[0])
		},
		// announced TOPIC PARAMETER FILE: the AMI whose ID is in the file is in the parameter and in the only message
		"announced": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 3, 3)
			ami := strings.TrimSpace(ts.ReadFile(args[2]))
			want := fmt.Sprintf(`{"event": "NewImage", "NewImage": {"ami": %q}}`, ami)
			sent := cloud.SNS.Messages(args[0])
			if len(sent) != 1 || sent[0] != want || cloud.SSM.Value(args[1]) != ami {
				ts.Fatalf("messages %q, parameter %q, want %s", sent, cloud.SSM.Value(args[1]), ami)
			}
		},
	}
}

// uncalled are the actions of a policy that no successful call needs, each with its reason.
var uncalled = map[string]string{
	"ec2:CreateTags":        "AWS asks for it when a snapshot or an AMI is made with tags",
	"ec2:DeleteSnapshot":    "a snapshot that came to nothing is deleted",
	"ebs:ListChangedBlocks": "a newer base of the same lineage is pulled",
}

func policyFits(ts *testscript.TestScript, cloud *testbed.Cloud, file string) {
	var policy publish.Policy
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &policy))
	allowed := map[string]bool{}
	for _, statement := range policy.Statement {
		for _, action := range statement.Action {
			allowed[action] = true
		}
	}

	for _, call := range cloud.Made() {
		action := strings.Replace(call, ".", ":", 1)
		if !allowed[action] {
			ts.Fatalf("%s was called, and the policy does not allow it", action)
		}
		delete(allowed, action)
	}
	for action := range allowed {
		if uncalled[action] == "" {
			ts.Fatalf("the policy allows %s, which was not called", action)
		}
	}
}

// equal-disks FILE BASE: the disk of the image whose ID is in the file equals the base's
func equalDisks(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: equal-disks FILE BASE")
	}
	store, err := local.Open(context.Background(), ts.Getenv("IMAGE_BUILDER_DATA_DIR"), time.Now)
	ts.Check(err)
	defer store.Close()
	img, err := store.Image(context.Background(), strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	base, err := store.Base(context.Background(), args[1])
	ts.Check(err)

	ours, err := os.Open(img.Disk)
	ts.Check(err)
	defer ours.Close()
	theirs, err := os.Open(base.Disk)
	ts.Check(err)
	defer theirs.Close()
	for _, file := range []*os.File{ours, theirs} {
		for extent, err := range disk.Extents(file) {
			ts.Check(err)
			same(ts, ours, theirs, extent)
		}
	}
}

func same(ts *testscript.TestScript, a, b *os.File, extent disk.Extent) {
	const piece = 1 << 20
	left := make([]byte, piece)
	right := make([]byte, piece)
	for at := extent.Offset; at < extent.Offset+extent.Length; at += piece {
		n, errA := a.ReadAt(left, at)
		m, errB := b.ReadAt(right, at)
		if n != m || string(left[:n]) != string(right[:m]) {
			ts.Fatalf("the disks differ near byte %d: %v, %v", at, errA, errB)
		}
	}
}
