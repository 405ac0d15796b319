package preflight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/component/action"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/stack"
)

var errDenied = errors.New("look at it: You are not authorized (UnauthorizedOperation)")

// account is an AWS account in memory that answers all ports. denied lists the methods that it refuses.
type account struct {
	parameters map[string]image.Parameter
	amis       map[string]image.AMI
	types      map[string][]string
	subnets    map[string]Subnet
	table      Table
	endpoints  []Endpoint
	objects    map[string]string // by s3:// URL
	denied     string            // names of methods
}

func look[T any](a *account, method, key string, from map[string]T) (T, error) {
	value, ok := from[key]
	switch {
	case strings.Contains(a.denied, method):
		return value, errDenied
	case !ok:
		return value, fmt.Errorf("look at %s: %w", key, fs.ErrNotExist)
	}
	return value, nil
}

var deployer = Identity{"123456789012", "arn:aws:iam::123456789012:user/deployer", "eu-central-1"}

func (a *account) Read(_ context.Context, name string) (image.Parameter, error) {
	return look(a, "Read", name, a.parameters)
}

func (a *account) AMI(_ context.Context, id string) (image.AMI, error) {
	return look(a, "AMI", id, a.amis)
}

func (a *account) Architectures(_ context.Context, name string) ([]string, error) {
	return look(a, "Architectures", name, a.types)
}

func (a *account) Subnet(_ context.Context, id string) (Subnet, error) {
	return look(a, "Subnet", id, a.subnets)
}

func (a *account) Table(context.Context, Subnet) (Table, error) {
	return look(a, "Table", "", map[string]Table{"": a.table})
}

func (a *account) Endpoints(context.Context, string) ([]Endpoint, error) {
	return look(a, "Endpoints", "", map[string][]Endpoint{"": a.endpoints})
}

func (a *account) Encryption(_ context.Context, bucket, key, _ string) (string, error) {
	_, err := look(a, "Encryption", "s3://"+bucket+"/"+key, a.objects)
	return "", err
}

func (a *account) Region(context.Context, string, string) (string, error) {
	return deployer.Region, nil
}

func (a *account) Get(_ context.Context, bucket, key, _ string) (io.ReadCloser, error) {
	text, err := look(a, "Get", "s3://"+bucket+"/"+key, a.objects)
	return io.NopCloser(strings.NewReader(text)), err
}

func (a *account) List(_ context.Context, bucket, prefix, _ string, limit int) ([]string, error) {
	var keys []string
	there := false
	for url := range a.objects {
		key, inside := strings.CutPrefix(url, "s3://"+bucket+"/")
		there = there || inside
		if inside && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}

	slices.Sort(keys)
	_, err := look(a, "List", "", map[string]bool{"": true})
	if err == nil && !there {
		err = fmt.Errorf("list %s: %w", bucket, fs.ErrNotExist)
	}

	return keys[:min(len(keys), limit)], err
}

const (
	baseID = "ami-0aaaaaaaaaaaaaaaa"
	subnet = "subnet-0123456789abcdef0"
)

func now() time.Time { return time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC) }

// healthy is an account in which every check of every recipe here succeeds.
func healthy() *account {
	return &account{
		parameters: map[string]image.Parameter{"/buildkite/base-ami": {Name: "/buildkite/base-ami", Value: baseID, Type: "String", DataType: "text"}},
		amis:       map[string]image.AMI{baseID: {ID: baseID, Name: "buildkite-stack-linux-amazonlinux2023-x86_64-1", Owner: image.Buildkite, State: "available", Arch: image.X86_64, RootDevice: "/dev/xvda", RootSize: 10}},
		types:      map[string][]string{"t3.large": {"x86_64"}, "t4g.large": {"arm64"}, "t2.small": {"i386", "x86_64"}},
		subnets:    map[string]Subnet{subnet: {subnet, "vpc-1", true}},
		table:      Table{ID: "rtb-1", Route: "igw-1"},
		objects:    map[string]string{"s3://scripts/b.sh": "#!/bin/bash\n", "s3://secrets/image/key": "x", "s3://documents/a.yml": greeting},
	}
}

func (a *account) run(t *testing.T, wanted Wanted, existing stack.Stack) ([]Result, Wanted) {
	t.Helper()
	checks := &Checks{Parameters: a, Images: a, Network: a, Objects: a, Buckets: a, Modules: action.All(action.Ports{}), Now: now}
	results, wanted, err := checks.Run(t.Context(), deployer, wanted, existing)
	if err != nil {
		t.Fatal(err)
	}
	return results, wanted
}

func (a *account) base(change func(*image.AMI)) {
	ami := a.amis[baseID]
	change(&ami)
	a.amis[baseID] = ami
}

func (a *account) put(name, value, kind, dataType string) {
	a.parameters[name] = image.Parameter{Name: name, Value: value, Type: kind, DataType: dataType}
}

// TestChecks breaks one thing at a time and names the one result that changes, by its text and next action.
func TestChecks(t *testing.T) {
	t.Parallel()
	const output = "/buildkite/agent-ami"
	subnetGiven := Settings{"SubnetId": subnet}

	inside := func(a *account) { a.table = Table{ID: "rtb-1"} }
	for name, test := range map[string]struct {
		recipe   string
		given    Settings
		existing map[string]string
		change   func(*account)
		check    string
		status   Status
		text     string
		learnt   map[string]string
	}{
		"all is well": {check: "base AMI", status: OK, text: "ami-0aaaaaaaaaaaaaaaa (buildkite-stack-linux-amazonlinux2023-x86_64-1), Buildkite's, x86_64, root volume of 10 GiB"},
		"of another account": {
			change: func(a *account) { a.base(func(i *image.AMI) { i.Owner = "111122223333" }) }, check: "base AMI", status: OK, text: "of account 111122223333",
		},
		"no base parameter": {
			change: func(a *account) { delete(a.parameters, "/buildkite/base-ami") }, check: "base parameter", status: Failed,
			text: "there is no parameter /buildkite/base-ami in eu-central-1; image-builder base resolve --write /buildkite/base-ami",
		},
		"base parameter denied": {change: func(a *account) { a.denied = "Read" }, check: "base parameter", status: Unchecked, text: "not authorized"},
		"base parameter of secrets": {
			change: func(a *account) { a.put("/buildkite/base-ami", "AQIC", "SecureString", "text") }, check: "base parameter", status: Failed, text: "is a SecureString; Image Builder reads a String",
		},
		"base parameter holds no AMI": {
			change: func(a *account) { a.put("/buildkite/base-ami", "debian:bookworm", "String", "text") }, check: "base parameter", status: Failed, text: `holds "debian:bookworm", which is not an AMI's ID`,
		},
		"AMI is not there":    {change: func(a *account) { delete(a.amis, baseID) }, check: "base AMI", status: Failed, text: "is not in eu-central-1, or is not shared with account 123456789012"},
		"AMI denied":          {change: func(a *account) { a.denied = "AMI" }, check: "base AMI", status: Unchecked, text: "not authorized"},
		"AMI is not finished": {change: func(a *account) { a.base(func(i *image.AMI) { i.State = "pending" }) }, check: "base AMI", status: Failed, text: "not available but pending"},
		"AMI of Windows":      {change: func(a *account) { a.base(func(i *image.AMI) { i.Windows = true }) }, check: "base AMI", status: Failed, text: "is a Windows AMI"},
		"AMI deprecated": {
			change: func(a *account) { a.base(func(i *image.AMI) { i.Deprecated = now().AddDate(0, 0, -1) }) }, check: "base AMI", status: Warning, text: "deprecated since 2026-08-31; image-builder base resolve",
		},
		"AMI to be deprecated": {change: func(a *account) { a.base(func(i *image.AMI) { i.Deprecated = now().AddDate(0, 0, 1) }) }, check: "base AMI", status: OK},
		"another architecture": {given: Settings{"InstanceType": "t4g.large"}, check: "instance type", status: Failed, text: "t4g.large is arm64, the base AMI is x86_64; --instance-type t3.large fits"},
		"kept architecture":    {existing: map[string]string{"InstanceType": "t4g.large"}, check: "instance type", status: Failed, text: "t4g.large is arm64"},
		"two architectures":    {given: Settings{"InstanceType": "t2.small"}, check: "instance type", status: OK, text: "t2.small is x86_64, as the base AMI"},
		"no such type":         {given: Settings{"InstanceType": "t9.large"}, check: "instance type", status: Failed, text: "there is no t9.large in eu-central-1"},
		"type denied":          {change: func(a *account) { a.denied = "Architectures" }, check: "instance type", status: Unchecked, text: "not authorized"},
		"type of unknown AMI":  {change: func(a *account) { a.denied = "AMI" }, check: "instance type", status: Unchecked, text: "t3.large is x86_64; the base AMI's architecture is not known"},
		"volume as it is":      {check: "root volume", status: OK, text: "as the base AMI has it, 10 GiB"},
		"volume larger":        {recipe: "disk: 40GiB", check: "root volume", status: OK, text: "40 GiB, the base AMI has 10, at /dev/xvda", learnt: map[string]string{"RootDeviceName": "/dev/xvda"}},
		"volume smaller":       {recipe: "disk: 8GiB", check: "root volume", status: Failed, text: "8 GiB are less than the base AMI's 10; write disk: 10GiB or more", learnt: map[string]string{"RootDeviceName": "/dev/xvda"}},
		"volume with a key":    {given: Settings{"ImageKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/a"}, check: "root volume", status: OK, learnt: map[string]string{"RootDeviceName": "/dev/xvda"}},
		"device given":         {recipe: "disk: 40GiB", given: Settings{"RootDeviceName": "/dev/xvda"}, check: "root volume", status: OK},
		"wrong device given":   {recipe: "disk: 40GiB", given: Settings{"RootDeviceName": "/dev/sda1"}, check: "root volume", status: Failed, text: "/dev/sda1 is not the base AMI's root device, /dev/xvda"},
		"wrong device kept":    {recipe: "disk: 40GiB", existing: map[string]string{"RootDeviceName": "/dev/sda1"}, check: "root volume", status: OK, learnt: map[string]string{"RootDeviceName": "/dev/xvda"}},
		"right device kept":    {recipe: "disk: 40GiB", existing: map[string]string{"RootDeviceName": "/dev/xvda"}, check: "root volume", status: OK},
		"device unheard of": {
			recipe: "disk: 40GiB", change: func(a *account) { a.base(func(i *image.AMI) { i.RootDevice = "/dev/sda" }) }, check: "root volume", status: Failed, text: "the stack knows /dev/xvda or /dev/sda1 only",
		},
		"device not to be learnt": {recipe: "disk: 40GiB", change: func(a *account) { a.denied = "AMI" }, check: "root volume", status: Failed, text: "which is not known; give it: --root-device-name"},
		"output to be made":       {check: "output parameter", status: OK, text: "/buildkite/agent-ami is made by the first build, as text"},
		"output of its type":      {change: func(a *account) { a.put(output, "ami-1", "String", "text") }, check: "output parameter", status: OK, text: "exists, as text"},
		"output of another type": {
			change: func(a *account) { a.put(output, "ami-1", "String", "aws:ec2:image") }, check: "output parameter", status: OK, text: "exists, as aws:ec2:image",
			learnt: map[string]string{"OutputAmiDataType": "aws:ec2:image"},
		},
		"output of another type than kept": {
			existing: map[string]string{"OutputAmiDataType": "aws:ec2:image"}, change: func(a *account) { a.put(output, "ami-1", "String", "text") },
			check: "output parameter", status: OK, learnt: map[string]string{"OutputAmiDataType": "text"},
		},
		"output of another type than given": {
			given: Settings{"OutputAmiDataType": "aws:ec2:image"}, change: func(a *account) { a.put(output, "ami-1", "String", "text") },
			check: "output parameter", status: Failed, text: "is of data type text, and can never become aws:ec2:image",
		},
		"output of secrets": {change: func(a *account) { a.put(output, "x", "SecureString", "text") }, check: "output parameter", status: Failed, text: "is a SecureString; Image Builder writes a String"},
		"output of lists":   {change: func(a *account) { a.put(output, "x", "StringList", "text") }, check: "output parameter", status: Failed, text: "is a StringList"},
		"output of webhooks": {
			change: func(a *account) { a.put(output, "x", "String", "aws:ssm:integration") }, check: "output parameter", status: Failed, text: "which no AMI goes into",
		},
		"output denied": {change: func(a *account) { a.denied = "Read" }, check: "output parameter", status: Unchecked, text: "not authorized"},
		"script":        {recipe: "bootstrap: s3://scripts/b.sh", check: "bootstrap script", status: OK, text: "s3://scripts/b.sh"},
		"no script":     {recipe: "bootstrap: s3://scripts/c.sh", check: "bootstrap script", status: Failed, text: "there is no s3://scripts/c.sh"},
		"script denied": {recipe: "bootstrap: s3://scripts/b.sh", change: func(a *account) { a.denied = "Encryption" }, check: "bootstrap script", status: Unchecked, text: "not authorized"},
		"document": {
			recipe: "components: [s3://documents/b.yml]", change: func(a *account) { a.objects["s3://documents/b.yml"] = tested },
			check: "component documents", status: OK, text: "s3://documents/b.yml", learnt: map[string]string{"ComponentDocumentVersion": "1.0.307847586"},
		},
		"no document":     {recipe: "components: [s3://documents/c.yml]", check: "component documents", status: Failed, text: "there is no s3://documents/c.yml"},
		"document denied": {recipe: "components: [s3://documents/a.yml]", change: func(a *account) { a.denied = "Get" }, check: "component documents", status: Unchecked, text: "not authorized"},
		"document denied that must be read": {
			recipe: "components: [{path: s3://documents/a.yml, parameters: {File: x}}]", change: func(a *account) { a.denied = "Get" },
			check: "component documents", status: Failed, text: "not authorized (UnauthorizedOperation); several documents, or one with parameters, are read here first",
		},
		"document without its parameter":  {recipe: "components: [s3://documents/a.yml]", check: "component documents", status: Failed, text: "needs a value for its parameter File; write {path: s3://documents/a.yml, parameters: {File: value}}"},
		"document without that parameter": {recipe: "components: [{path: s3://documents/a.yml, parameters: {File: x, Phile: y}}]", check: "component documents", status: Failed, text: "has no parameter Phile"},
		"document that cannot be run": {recipe: "components: [s3://documents/b.yml]", change: func(a *account) {
			a.objects["s3://documents/b.yml"] = strings.Replace(tested, "ExecuteBash", "ExecuteBosh", 1)
		}, check: "component documents", status: Failed, text: "did you mean ExecuteBash?"},
		"document that is none":            {recipe: "components: [s3://scripts/b.sh]", check: "component documents", status: Failed, text: "image-builder lint shows"},
		"document beyond 64 KB":            {recipe: "components: [s3://documents/b.yml]", change: func(a *account) { a.objects["s3://documents/b.yml"] = strings.Repeat("#", 1<<17) }, check: "component documents", status: Failed, text: "Image Builder takes 65536"},
		"document beside one of this kind": {recipe: "components: [s3://documents/b.yml, {path: s3://documents/a.yml, parameters: {File: x}}]", change: func(a *account) { a.objects["s3://documents/b.yml"] = tested }, check: "component documents", status: OK, text: "b.yml, a.yml"},
		"secrets":                          {recipe: "secrets: s3://secrets/image", check: "secrets", status: OK, text: "s3://secrets/image"},
		"no secrets":                       {recipe: "secrets: s3://secrets/other", check: "secrets", status: Warning, text: "s3://secrets/other is empty; put the secrets there"},
		"only a folder of secrets":         {recipe: "secrets: s3://secrets/other", change: func(a *account) { a.objects["s3://secrets/other/"] = "" }, check: "secrets", status: Warning, text: "is empty"},
		"no bucket of secrets":             {recipe: "secrets: s3://nowhere", check: "secrets", status: Failed, text: "there is no bucket nowhere"},
		"secrets denied":                   {recipe: "secrets: s3://secrets/image", change: func(a *account) { a.denied = "List" }, check: "secrets", status: Unchecked, text: "not authorized"},
		"subnet":                           {given: subnetGiven, check: "subnet", status: OK, text: "reaches the internet by igw-1"},
		"subnet kept":                      {existing: map[string]string{"SubnetId": subnet}, check: "subnet", status: OK, text: "reaches the internet by igw-1"},
		"no such subnet":                   {given: Settings{"SubnetId": "subnet-00000000"}, check: "subnet", status: Failed, text: "there is no subnet-00000000 in eu-central-1"},
		"subnet denied":                    {given: subnetGiven, change: func(a *account) { a.denied = "Subnet" }, check: "subnet", status: Unchecked, text: "not authorized"},
		"routes denied":                    {given: subnetGiven, change: func(a *account) { a.denied = "Table" }, check: "subnet", status: Unchecked, text: "not authorized"},
		"subnet behind NAT": {
			given: subnetGiven, change: func(a *account) {
				a.table = Table{ID: "rtb-1", Route: "nat-1"}
				a.subnets[subnet] = Subnet{subnet, "vpc-1", false}
			}, check: "subnet", status: OK, text: "by nat-1",
		},
		"subnet whose NAT is gone":           {given: subnetGiven, change: func(a *account) { a.table = Table{"rtb-1", "nat-1", true} }, check: "subnet", status: Failed, text: "leads to nat-1, which is gone; correct the routes of rtb-1"},
		"subnet without public addresses":    {given: subnetGiven, change: func(a *account) { a.subnets[subnet] = Subnet{subnet, "vpc-1", false} }, check: "subnet", status: Failed, text: "gives its instances no public address, and its VPC no endpoints of imagebuilder, logs, s3, ssm, ssmmessages"},
		"subnet without a way out":           {given: subnetGiven, change: inside, check: "subnet", status: Failed, text: "has no default route"},
		"subnet with unknown endpoints":      {given: subnetGiven, change: func(a *account) { inside(a); a.denied = "Endpoints" }, check: "subnet", status: Unchecked, text: "whether its VPC has endpoints is not known"},
		"subnet with all endpoints":          {given: subnetGiven, change: func(a *account) { inside(a); a.endpoints = endpoints("rtb-1") }, check: "subnet", status: Warning, text: "a build reaches AWS by endpoints, and nothing else"},
		"subnet with another table's bucket": {given: subnetGiven, change: func(a *account) { inside(a); a.endpoints = endpoints("rtb-2") }, check: "subnet", status: Failed, text: "no endpoints of s3:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := healthy()

			if test.change != nil {
				test.change(a)
			}

			before := plan(t, least+test.recipe+"\n", test.given, nil)
			results, wanted := a.run(t, before, stack.Stack{Parameters: test.existing})
			i := slices.IndexFunc(results, func(r Result) bool { return r.Name == test.check })
			if i < 0 {
				t.Fatalf("there is no check %s: %v", test.check, results)
			}

			r := results[i]
			if r.Status != test.status || !strings.Contains(r.Text+"; "+r.Hint, test.text) {
				t.Errorf("%s: %s\n%s\nwant %s: %s", r.Status, r.Text, r.Hint, test.status, test.text)
			}
			learnt := maps.Clone(wanted.Parameters)
			maps.DeleteFunc(learnt, func(name, value string) bool { return before.Parameters[name] == value })

			if strings.Contains(test.recipe, "path:") && r.Status == OK {
				delete(learnt, "ComponentDocumentVersion") // see TestDocumentsInBucketsAreReadAndUploaded
			}

			if diff := cmp.Diff(test.learnt, learnt); diff != "" && len(test.learnt)+len(learnt) > 0 {
				t.Errorf("learnt (-want +got):\n%s", diff)
			}
		})
	}
}

// endpoints are all endpoints that a build needs; S3's serves one route table.
func endpoints(table string) []Endpoint {
	return []Endpoint{{Service: "ssm"}, {Service: "ssmmessages"}, {Service: "logs"}, {Service: "imagebuilder"}, {Service: "s3", Gateway: true, Tables: []string{table}}}
}

// TestOneRefusalHidesNoOther breaks everything at once.
func TestOneRefusalHidesNoOther(t *testing.T) {
	t.Parallel()
	wanted := plan(t, least+"bootstrap: s3://a-bucket/x\nsecrets: s3://b-bucket\ncomponents: [s3://c-bucket/x]\n", Settings{"SubnetId": subnet}, nil)
	results, _ := (&account{types: map[string][]string{}}).run(t, wanted, stack.Stack{})

	got := map[string]Status{}
	for _, r := range results {
		got[r.Name] = r.Status
	}

	want := map[string]Status{
		"account": OK, "base parameter": Failed, "instance type": Failed, "output parameter": OK, "bootstrap script": Failed,
		"component documents": Failed, "secrets": Failed, "subnet": Failed,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestDocumentsInBucketsAreReadAndUploaded(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.yml": greeting, "b.yml": tested}
	local := plan(t, least+"components: [{path: a.yml, parameters: {File: x}}, b.yml]\n", nil, files)

	remote := plan(t, least+"components: [{path: 's3://documents/a.yml', parameters: {File: x}}, b.yml]\n", nil, files)
	if len(remote.Uploads) > 0 {
		t.Errorf("%d uploads before the documents are known", len(remote.Uploads))
	}
	_, remote = healthy().run(t, remote, stack.Stack{})
	if diff := cmp.Diff(local.In("bucket"), remote.In("bucket")); diff != "" || len(remote.Uploads) != 3 {
		t.Errorf("%d uploads; parameters (-of this machine +of buckets):\n%s", len(remote.Uploads), diff)
	}
}

// TestRulesAreDecidedWhenAllIsKnown has a stack that keeps a key, which needs a device that no check could find out.
func TestRulesAreDecidedWhenAllIsKnown(t *testing.T) {
	t.Parallel()
	wanted := plan(t, least, nil, nil)
	existing := stack.Stack{Parameters: map[string]string{"ImageKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/a"}}
	a := healthy()
	a.denied = "AMI"
	results, _ := a.run(t, wanted, existing)
	last := results[len(results)-1]
	if last.Name != "settings" || last.Status != Failed || !strings.Contains(last.Text, "need RootDeviceName") {
		t.Errorf("%v", results)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	fine := Result{Name: "account", Status: OK, Text: "yours"}
	subnetGone := Result{Name: "subnet", Status: Failed, Text: "it is gone", Hint: "give another"}
	noScript := Result{Name: "bootstrap script", Status: Failed, Text: "it is not there", Hint: "upload it"}

	if err := Verdict([]Result{fine, {Name: "secrets", Status: Unchecked}, {Name: "base AMI", Status: Warning}}); err != nil {
		t.Errorf("refused: %v", err)
	}

	for name, test := range map[string]struct {
		results    []Result
		text, hint string
	}{
		"one":     {[]Result{fine, subnetGone}, "check subnet: it is gone", "give another"},
		"several": {[]Result{subnetGone, fine, noScript}, "check subnet: it is gone: give another\ncheck bootstrap script: it is not there: upload it", ""},
	} {
		err := Verdict(test.results)
		if err == nil || err.Error() != test.text || fault.HintOf(err) != test.hint || fault.ClassOf(err) != fault.NotUsable {
			t.Errorf("%s: %v; hint %q", name, err, fault.HintOf(err))
		}
	}
}
