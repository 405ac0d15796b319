package main

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"image-builder/internal/testbed"
	"image-builder/internal/testbed/wire"
)

// TestCloud runs what a user would type against an AWS account of its own: testdata/cloud/*.txtar. The scripts'
// command "cloud" sets that account up and inspects it.
func TestCloud(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/cloud",
		Setup: func(env *testscript.Env) error {
			cloud := testbed.Start(env.T().(testing.TB))
			env.Vars = append(env.Vars, cloud.Env()...)
			env.Vars = append(env.Vars, "HOME="+env.WorkDir, "IMAGE_BUILDER_DATA_DIR="+filepath.Join(env.WorkDir, "data"))
			env.Values[cloudKey{}] = cloud
			env.Values[elsewhereKey{}] = map[string]testbed.Services{}
			prepared(cloud)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"cloud": runVerb, "exits": exits},
	})
}

// exits STATUS PROGRAM ARGUMENT…: the program ends with this exit status
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARGUMENT…")
	}
	status := 0
	if ended := (*exec.ExitError)(nil); errors.As(ts.Exec(args[1], args[2:]...), &ended) {
		status = ended.ExitCode()
	}
	if want := args[0]; strconv.Itoa(status) != want {
		ts.Fatalf("exit status %d, not %s\n%s", status, want, ts.ReadFile("stderr"))
	}
}

// cloudKey is the key under which a script has its cloud.
type cloudKey struct{}

// verb is an action of a script on its cloud. A failed verb ends the script.
type verb func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string)

// verbs are the verbs of every area; each area's file describes its own.
func verbs() map[string]verb {
	all := map[string]verb{}
	for _, more := range []map[string]verb{generalVerbs(), deployVerbs(), buildVerbs(), preflightVerbs(), roadVerbs()} {
		maps.Copy(all, more)
	}
	return all
}

func runVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: cloud VERB …")
	}
	do := verbs()[args[0]]
	if do == nil {
		ts.Fatalf("cloud %s: there is no such verb; there are: %s", args[0], strings.Join(slices.Sorted(maps.Keys(verbs())), ", "))
	}
	do(ts, ts.Value(cloudKey{}).(*testbed.Cloud), args[1:])
}

func generalVerbs() map[string]verb {
	return map[string]verb{
		// fail SERVICE OPERATION throttled|expired|cut|cut-late|CODE [TIMES]: the next calls fail in this way
		"fail": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 3, 4)
			times := 1

			if len(args) == 4 {
				var err error
				times, err = strconv.Atoi(args[3])
				ts.Check(err)
			}

			fault, known := map[string]wire.Fault{
				"throttled": wire.Throttled, "expired": wire.ExpiredToken, "cut": wire.Cut, "cut-late": wire.CutLate,
			}[args[2]]
			if !known {
				fault = wire.Fault{Code: args[2], Message: "no " + args[1] + " today"}
			}

			cloud.Fail(args[0], args[1], fault, times)
		},
		// calls SERVICE OPERATION N: this many calls were made
		"calls": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 3, 3)
			if n := strconv.Itoa(cloud.Calls(args[0], args[1])); n != args[2] {
				ts.Fatalf("%s.%s was called %s times, not %s", args[0], args[1], n, args[2])
			}
		},
		// objects BUCKET: prints the keys, one a line
		"objects": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			keys, err := cloud.S3.Keys(args[0])
			ts.Check(err)
			_, err = ts.Stdout().Write([]byte(strings.Join(keys, "\n") + "\n"))
			ts.Check(err)
		},
		// encrypt BUCKET KEY ARN: an object is encrypted with a KMS key
		"encrypt": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 3, 3)
			cloud.S3.Encrypt(args[0], args[1], args[2])
		},
		// move BUCKET REGION: a bucket is in another region
		"move": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			cloud.S3.Move(args[0], args[1])
		},
		// forget PIPELINE VERSION: removes an image; its log stays
		"forget": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			arn := "arn:aws:imagebuilder:eu-central-1:123456789012:image/" + args[0] + "/" + args[1]
			_, err := cloud.Do("imagebuilder", "DeleteImage", wire.Values{"imageBuildVersionArn": arn})
			ts.Check(err)
		},
		// withhold TYPE ZONE: a zone does not offer an instance type
		"withhold": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			cloud.EC2.Withhold(args[0], args[1])
		},
		// put BUCKET KEY FILE: stores an object
		"put": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 3, 3)
			body, err := os.ReadFile(ts.MkAbs(args[2]))
			ts.Check(err)
			ts.Check(cloud.S3.Put(args[0], args[1], body))
		},
	}
}

func arity(ts *testscript.TestScript, args []string, least, most int) {
	if len(args) < least || len(args) > most {
		ts.Fatalf("this verb takes %d to %d arguments, not %q", least, most, args)
	}
}
