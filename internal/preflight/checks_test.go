package preflight_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/aws"
	"image-builder/internal/component/action"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/preflight"
	"image-builder/internal/s3uri"
	"image-builder/internal/stack"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// account says what an AWS account holds and refuses. It is the test server that answers.
type account struct {
	parameters map[string]ssm.Parameter
	amis       map[string]ec2.AMI
	subnets    map[string]ec2.Subnet
	table      ec2.RouteTable
	endpoints  []ec2.Endpoint
	objects    map[string]string // by s3:// URL
	withheld   string            // a zone that does not offer t3.large
	layers     fakeRegistry
	bakes      fakeBakes
	denied     string // an operation: ec2 DescribeImages
}

func deployer() preflight.Identity {
	return preflight.Identity{Account: wire.Account, ARN: "arn:aws:iam::123456789012:user/deployer", Region: wire.Region}
}

const (
	baseID = "ami-0aaaaaaaaaaaaaaaa"
	subnet = "subnet-0123456789abcdef0"
	vpc    = "vpc-0123456789abcdef0"
)

func now() time.Time { return time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC) }

// healthy is an account in which every check of every recipe here succeeds.
func healthy() *account {
	return &account{
		parameters: map[string]ssm.Parameter{"/buildkite/base-ami": {Value: baseID}},
		amis:       map[string]ec2.AMI{baseID: {Name: "buildkite-stack-linux-amazonlinux2023-x86_64-1", Owner: image.Buildkite, Public: true}},
		subnets:    map[string]ec2.Subnet{subnet: {Public: true}},
		table:      routes("igw-1"),
		objects:    map[string]string{"s3://scripts/b.sh": "#!/bin/bash\n", "s3://secrets/image/key": "x", "s3://documents/a.yml": preflight.Greeting},
	}
}

// routes is the table of the subnet, with this target of the default route; "" for none.
func routes(target string) ec2.RouteTable {
	table := ec2.RouteTable{ID: "rtb-1", VPC: vpc, Subnets: []string{subnet}}
	if target != "" {
		table.Routes = []ec2.Route{{Destination: "0.0.0.0/0", Target: target}}
	}
	return table
}

// open starts the test server as the account is.
func (a *account) open(t *testing.T) *aws.Session {
	t.Helper()
	cloud := testbed.Start(t)
	for name, parameter := range a.parameters {
		parameter.Name = name
		cloud.SSM.Put(parameter)
	}

	for id, ami := range a.amis {
		ami.ID = id
		cloud.EC2.AddAMI(ami)
		if ami.Snapshot == "" {
			continue
		}
		if _, err := cloud.EBS.AddSnapshot(dataOf(ami.Snapshot)); err != nil {
			t.Fatal(err)
		}
	}

	for id, s := range a.subnets {
		s.ID = id
		s.VPC = vpc
		cloud.EC2.AddSubnet(s)
	}

	cloud.EC2.AddRouteTable(a.table)
	for _, endpoint := range a.endpoints {
		cloud.EC2.AddEndpoint(endpoint)
	}

	for url, text := range a.objects {
		bucket, key, _ := s3uri.Split(url)
		if err := cloud.S3.Put(bucket, key, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}

	cloud.EC2.Withhold("t3.large", a.withheld)
	if service, operation, denied := strings.Cut(a.denied, " "); denied {
		refusal := wire.Fault{Code: "UnauthorizedOperation", Message: "You are not authorized", Status: http.StatusForbidden}
		cloud.Fail(service, operation, refusal, 100)
	}

	return aws.NewSession(cloud.Config())
}

func (a *account) run(t *testing.T, wanted preflight.Wanted, existing stack.Stack) ([]preflight.Result, preflight.Wanted) {
	t.Helper()
	session := a.open(t)
	machines := &aws.EC2{Session: session}
	objects := &aws.S3{Session: session}

	checks := &preflight.Checks{
		Parameters: &aws.Parameters{Session: session}, Images: machines, Network: machines, Objects: objects, Buckets: objects,
		Layers: a.layers, Snapshots: machines, Bakes: a.bakes,
		Modules: action.All(action.Ports{}), Now: now,
	}
	results, wanted, err := checks.Run(t.Context(), deployer(), wanted, existing)
	if err != nil {
		t.Fatal(err)
	}

	return results, wanted
}

func (a *account) base(change func(*ec2.AMI)) {
	ami := a.amis[baseID]
	change(&ami)
	a.amis[baseID] = ami
}

func (a *account) put(name, value, kind, dataType string) {
	a.parameters[name] = ssm.Parameter{Value: value, Type: kind, DataType: dataType}
}

// TestChecks breaks one thing at a time and names the one result that changes, by its text and next action.
func TestChecks(t *testing.T) {
	t.Parallel()
	const output = "/buildkite/agent-ami"
	subnetGiven := preflight.Settings{"SubnetId": subnet}

	inside := func(a *account) { a.table = routes("") }
	for name, test := range map[string]struct {
		recipe   string
		given    preflight.Settings
		existing map[string]string
		change   func(*account)
		check    string
		status   preflight.Status
		text     string
		learnt   map[string]string
	}{
		"all is well": {check: "base AMI", status: preflight.OK, text: "ami-0aaaaaaaaaaaaaaaa (buildkite-stack-linux-amazonlinux2023-x86_64-1), Buildkite's, x86_64, root volume of 10 GiB"},
		"of another account": {
			change: func(a *account) { a.base(func(i *ec2.AMI) { i.Owner = "111122223333" }) }, check: "base AMI", status: preflight.OK, text: "of account 111122223333",
		},
		"no base parameter": {
			change: func(a *account) { delete(a.parameters, "/buildkite/base-ami") }, check: "base parameter", status: preflight.Failed,
			text: "there is no parameter /buildkite/base-ami in eu-central-1; image-builder base resolve --write /buildkite/base-ami",
		},
		"base parameter denied": {change: func(a *account) { a.denied = "ssm GetParameter" }, check: "base parameter", status: preflight.Unchecked, text: "not authorized"},
		"base parameter of secrets": {
			change: func(a *account) { a.put("/buildkite/base-ami", "AQIC", "SecureString", "text") }, check: "base parameter", status: preflight.Failed, text: "is a SecureString; Image Builder reads a String",
		},
		"base parameter holds no AMI": {
			change: func(a *account) { a.put("/buildkite/base-ami", "debian:bookworm", "String", "text") }, check: "base parameter", status: preflight.Failed, text: `holds "debian:bookworm", which is not an AMI's ID`,
		},
		"AMI is not there":    {change: func(a *account) { delete(a.amis, baseID) }, check: "base AMI", status: preflight.Failed, text: "is not in eu-central-1, or is not shared with account 123456789012"},
		"AMI denied":          {change: func(a *account) { a.denied = "ec2 DescribeImages" }, check: "base AMI", status: preflight.Unchecked, text: "not authorized"},
		"AMI is not finished": {change: func(a *account) { a.base(func(i *ec2.AMI) { i.State = "pending" }) }, check: "base AMI", status: preflight.Failed, text: "not available but pending"},
		"AMI of Windows":      {change: func(a *account) { a.base(func(i *ec2.AMI) { i.Platform = "Windows" }) }, check: "base AMI", status: preflight.Failed, text: "is a Windows AMI"},
		"AMI deprecated": {
			change: func(a *account) { a.base(func(i *ec2.AMI) { i.Created = made(now().AddDate(0, 0, -1)) }) }, check: "base AMI", status: preflight.Warning, text: "deprecated since 2026-08-31; image-builder base resolve",
		},
		"AMI to be deprecated":                   {change: func(a *account) { a.base(func(i *ec2.AMI) { i.Created = made(now().AddDate(0, 0, 1)) }) }, check: "base AMI", status: preflight.OK},
		"another architecture":                   {given: preflight.Settings{"InstanceType": "t4g.large"}, check: "instance type", status: preflight.Failed, text: "t4g.large is arm64, the base AMI is x86_64; --instance-type t3.large fits"},
		"kept architecture":                      {existing: map[string]string{"InstanceType": "t4g.large"}, check: "instance type", status: preflight.Failed, text: "t4g.large is arm64"},
		"two architectures":                      {given: preflight.Settings{"InstanceType": "t2.small"}, check: "instance type", status: preflight.OK, text: "t2.small is x86_64, as the base AMI"},
		"no such type":                           {given: preflight.Settings{"InstanceType": "t9.large"}, check: "instance type", status: preflight.Failed, text: "there is no t9.large in eu-central-1"},
		"several types":                          {given: preflight.Settings{"InstanceTypes": "t3.large, m7i.large"}, check: "instance type", status: preflight.OK, text: "t3.large is x86_64, as the base AMI"},
		"one of several of another architecture": {given: preflight.Settings{"InstanceTypes": "t4g.large,t3.large"}, check: "instance type", status: preflight.Failed, text: "t4g.large is arm64, the base AMI is x86_64"},
		"types in place of the type":             {given: preflight.Settings{"InstanceType": "t4g.large"}, existing: map[string]string{"InstanceTypes": "t3.large"}, check: "instance type", status: preflight.OK, text: "t3.large is x86_64"},
		"zone that has both types":               {given: preflight.Settings{"InstanceTypes": "m7i.large,t3.large"}, change: func(a *account) { a.withheld = "eu-central-1a" }, check: "zone", status: preflight.OK, text: "eu-central-1b, which offers m7i.large, t3.large", learnt: map[string]string{"AvailabilityZone": "eu-central-1b"}},
		"zone of a subnet, without one": {
			given: preflight.Settings{"InstanceTypes": "m7i.large,t3.large", "SubnetId": subnet}, change: func(a *account) { a.withheld = "eu-central-1a" },
			check: "zone", status: preflight.Warning, text: "eu-central-1a, the zone of " + subnet + ", offers m7i.large, but not t3.large; builds cannot fall back",
		},
		"copies": {
			given: preflight.Settings{"Regions": "us-east-1,eu-west-1", "ShareWith": "210987654321"}, check: "distribution", status: preflight.OK,
			text: "copies in eu-west-1, us-east-1; to be launched by 210987654321 too",
		},
		"a region twice": {given: preflight.Settings{"Regions": "us-east-1,us-east-1"}, check: "distribution", status: preflight.Failed, text: "a region is named twice in us-east-1, us-east-1; name each once"},
		"copies under a key of one region": {
			given: preflight.Settings{"Regions": "us-east-1", "ImageKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/a", "RootDeviceName": "/dev/xvda"}, check: "distribution", status: preflight.Failed,
			text: "key/a is a key of one region, and cannot encrypt copies in us-east-1; make a multi-Region key",
		},
		"copies under a key of several": {given: preflight.Settings{"Regions": "us-east-1", "ImageKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/mrk-a", "RootDeviceName": "/dev/xvda"}, check: "distribution", status: preflight.OK},
		"shared under a key": {
			given: preflight.Settings{"ShareWith": "210987654321", "ImageKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/a", "RootDeviceName": "/dev/xvda"}, check: "distribution", status: preflight.Warning,
			text: "its policy decides who may use it; allow kms:Decrypt",
		},
		"type denied":         {change: func(a *account) { a.denied = "ec2 DescribeInstanceTypes" }, check: "instance type", status: preflight.Unchecked, text: "not authorized"},
		"type of unknown AMI": {change: func(a *account) { a.denied = "ec2 DescribeImages" }, check: "instance type", status: preflight.Unchecked, text: "t3.large is x86_64; the base AMI's architecture is not known"},
		"volume as it is":     {check: "root volume", status: preflight.OK, text: "as the base AMI has it, 10 GiB"},
		"volume larger":       {recipe: "disk: 40GiB", check: "root volume", status: preflight.OK, text: "40 GiB, the base AMI has 10, at /dev/xvda", learnt: map[string]string{"RootDeviceName": "/dev/xvda"}},
		"volume smaller":      {recipe: "disk: 8GiB", check: "root volume", status: preflight.Failed, text: "8 GiB are less than the base AMI's 10; write disk: 10GiB or more", learnt: map[string]string{"RootDeviceName": "/dev/xvda"}},
		"volume with a key":   {given: preflight.Settings{"ImageKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/a"}, check: "root volume", status: preflight.OK, learnt: map[string]string{"RootDeviceName": "/dev/xvda"}},
		"device given":        {recipe: "disk: 40GiB", given: preflight.Settings{"RootDeviceName": "/dev/xvda"}, check: "root volume", status: preflight.OK},
		"wrong device given":  {recipe: "disk: 40GiB", given: preflight.Settings{"RootDeviceName": "/dev/sda1"}, check: "root volume", status: preflight.Failed, text: "/dev/sda1 is not the base AMI's root device, /dev/xvda"},
		"wrong device kept":   {recipe: "disk: 40GiB", existing: map[string]string{"RootDeviceName": "/dev/sda1"}, check: "root volume", status: preflight.OK, learnt: map[string]string{"RootDeviceName": "/dev/xvda"}},
		"right device kept":   {recipe: "disk: 40GiB", existing: map[string]string{"RootDeviceName": "/dev/xvda"}, check: "root volume", status: preflight.OK},
		"device unheard of": {
			recipe: "disk: 40GiB", change: func(a *account) { a.base(func(i *ec2.AMI) { i.RootDevice = "/dev/sda" }) }, check: "root volume", status: preflight.Failed, text: "the stack knows /dev/xvda or /dev/sda1 only",
		},
		"device not to be learnt": {recipe: "disk: 40GiB", change: func(a *account) { a.denied = "ec2 DescribeImages" }, check: "root volume", status: preflight.Failed, text: "which is not known; give it: --root-device-name"},
		"output to be made":       {check: "output parameter", status: preflight.OK, text: "/buildkite/agent-ami is made by the first build, as text"},
		"output of its type":      {change: func(a *account) { a.put(output, "ami-1", "String", "text") }, check: "output parameter", status: preflight.OK, text: "exists, as text"},
		"output of another type": {
			change: func(a *account) { a.put(output, "ami-1", "String", "aws:ec2:image") }, check: "output parameter", status: preflight.OK, text: "exists, as aws:ec2:image",
			learnt: map[string]string{"OutputAmiDataType": "aws:ec2:image"},
		},
		"output of another type than kept": {
			existing: map[string]string{"OutputAmiDataType": "aws:ec2:image"}, change: func(a *account) { a.put(output, "ami-1", "String", "text") },
			check: "output parameter", status: preflight.OK, learnt: map[string]string{"OutputAmiDataType": "text"},
		},
		"output of another type than given": {
			given: preflight.Settings{"OutputAmiDataType": "aws:ec2:image"}, change: func(a *account) { a.put(output, "ami-1", "String", "text") },
			check: "output parameter", status: preflight.Failed, text: "is of data type text, and can never become aws:ec2:image",
		},
		"output of secrets": {change: func(a *account) { a.put(output, "x", "SecureString", "text") }, check: "output parameter", status: preflight.Failed, text: "is a SecureString; Image Builder writes a String"},
		"output of lists":   {change: func(a *account) { a.put(output, "x", "StringList", "text") }, check: "output parameter", status: preflight.Failed, text: "is a StringList"},
		"output of webhooks": {
			change: func(a *account) { a.put(output, "x", "String", "aws:ssm:integration") }, check: "output parameter", status: preflight.Failed, text: "which no AMI goes into",
		},
		"output denied": {change: func(a *account) { a.denied = "ssm GetParameter" }, check: "output parameter", status: preflight.Unchecked, text: "not authorized"},
		"script":        {recipe: "bootstrap: s3://scripts/b.sh", check: "bootstrap script", status: preflight.OK, text: "s3://scripts/b.sh"},
		"no script":     {recipe: "bootstrap: s3://scripts/c.sh", check: "bootstrap script", status: preflight.Failed, text: "there is no s3://scripts/c.sh"},
		"script denied": {recipe: "bootstrap: s3://scripts/b.sh", change: func(a *account) { a.denied = "s3 HeadObject" }, check: "bootstrap script", status: preflight.Unchecked, text: "allow the action in the IAM policy"},
		"document": {
			recipe: "components: [s3://documents/b.yml]", change: func(a *account) { a.objects["s3://documents/b.yml"] = preflight.Tested },
			check: "component documents", status: preflight.OK, text: "s3://documents/b.yml", learnt: map[string]string{"ComponentDocumentVersion": "1.0.307847586"},
		},
		"no document":     {recipe: "components: [s3://documents/c.yml]", check: "component documents", status: preflight.Failed, text: "there is no s3://documents/c.yml"},
		"document denied": {recipe: "components: [s3://documents/a.yml]", change: func(a *account) { a.denied = "s3 GetObject" }, check: "component documents", status: preflight.Unchecked, text: "not authorized"},
		"document denied that must be read": {
			recipe: "components: [{path: s3://documents/a.yml, parameters: {File: x}}]", change: func(a *account) { a.denied = "s3 GetObject" },
			check: "component documents", status: preflight.Failed, text: "use others; several documents, or one with parameters, are read here first",
		},
		"document without its parameter":  {recipe: "components: [s3://documents/a.yml]", check: "component documents", status: preflight.Failed, text: "needs a value for its parameter File; write {path: s3://documents/a.yml, parameters: {File: value}}"},
		"document without that parameter": {recipe: "components: [{path: s3://documents/a.yml, parameters: {File: x, Phile: y}}]", check: "component documents", status: preflight.Failed, text: "has no parameter Phile"},
		"document that cannot be run": {recipe: "components: [s3://documents/b.yml]", change: func(a *account) {
			a.objects["s3://documents/b.yml"] = strings.Replace(preflight.Tested, "ExecuteBash", "ExecuteBosh", 1)
		}, check: "component documents", status: preflight.Failed, text: "did you mean ExecuteBash?"},
		"document that is none":            {recipe: "components: [s3://scripts/b.sh]", check: "component documents", status: preflight.Failed, text: "image-builder lint shows"},
		"document beyond 64 KB":            {recipe: "components: [s3://documents/b.yml]", change: func(a *account) { a.objects["s3://documents/b.yml"] = strings.Repeat("#", 1<<17) }, check: "component documents", status: preflight.Failed, text: "Image Builder takes 65536"},
		"document beside one of this kind": {recipe: "components: [s3://documents/b.yml, {path: s3://documents/a.yml, parameters: {File: x}}]", change: func(a *account) { a.objects["s3://documents/b.yml"] = preflight.Tested }, check: "component documents", status: preflight.OK, text: "b.yml, a.yml"},
		"secrets":                          {recipe: "secrets: s3://secrets/image", check: "secrets", status: preflight.OK, text: "s3://secrets/image"},
		"no secrets":                       {recipe: "secrets: s3://secrets/other", check: "secrets", status: preflight.Warning, text: "s3://secrets/other is empty; put the secrets there"},
		"only a folder of secrets":         {recipe: "secrets: s3://secrets/other", change: func(a *account) { a.objects["s3://secrets/other/"] = "" }, check: "secrets", status: preflight.Warning, text: "is empty"},
		"no bucket of secrets":             {recipe: "secrets: s3://nowhere", check: "secrets", status: preflight.Failed, text: "there is no bucket nowhere"},
		"secrets denied":                   {recipe: "secrets: s3://secrets/image", change: func(a *account) { a.denied = "s3 ListObjectsV2" }, check: "secrets", status: preflight.Unchecked, text: "not authorized"},
		"subnet":                           {given: subnetGiven, check: "subnet", status: preflight.OK, text: "reaches the internet by igw-1"},
		"subnet kept":                      {existing: map[string]string{"SubnetId": subnet}, check: "subnet", status: preflight.OK, text: "reaches the internet by igw-1"},
		"zone of a new subnet":             {check: "zone", status: preflight.OK, text: "eu-central-1a, which offers t3.large", learnt: map[string]string{"AvailabilityZone": "eu-central-1a"}},
		"zone that has the type":           {change: func(a *account) { a.withheld = "eu-central-1a" }, check: "zone", status: preflight.OK, text: "eu-central-1b, which offers t3.large", learnt: map[string]string{"AvailabilityZone": "eu-central-1b"}},
		"zone of a subnet that stays":      {existing: map[string]string{"AvailabilityZone": "eu-central-1b"}, check: "zone", status: preflight.OK, text: "eu-central-1b offers t3.large"},
		"zone without the type":            {given: preflight.Settings{"AvailabilityZone": "eu-central-1z"}, check: "zone", status: preflight.Failed, text: "eu-central-1z does not offer t3.large"},
		"zone of a subnet, without it":     {given: subnetGiven, change: func(a *account) { a.withheld = "eu-central-1a" }, check: "zone", status: preflight.Failed, text: "eu-central-1a, the zone of " + subnet},
		"zones denied":                     {change: func(a *account) { a.denied = "ec2 DescribeInstanceTypeOfferings" }, check: "zone", status: preflight.Unchecked, text: "not authorized"},
		"an alarm":                         {given: preflight.Settings{"AlarmAfterDays": "2"}, check: "alarm", status: preflight.OK, text: "after 2 days without a new image"},
		"an alarm on every weekend":        {recipe: "schedule: cron(0 3 ? * MON-FRI *)", given: preflight.Settings{"AlarmAfterDays": "2"}, check: "alarm", status: preflight.Warning, text: "pauses for up to 3 days: it would go off without a failure; give --alarm-after-days 4 or more"},
		"a key for the stack":              {given: preflight.Settings{"StackKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/a"}, check: "stack key", status: preflight.Warning, text: "must let logs.eu-central-1.amazonaws.com, cloudwatch.amazonaws.com and events.amazonaws.com use it"},
		"a key the stack has":              {existing: map[string]string{"StackKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/a"}, check: "stack key", status: preflight.OK, text: "uses it already"},
		"a key of another region":          {given: preflight.Settings{"StackKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/a"}, check: "stack key", status: preflight.Failed, text: "is in eu-west-1, the stack in eu-central-1"},
		"no such subnet":                   {given: preflight.Settings{"SubnetId": "subnet-00000000"}, check: "subnet", status: preflight.Failed, text: "there is no subnet-00000000 in eu-central-1"},
		"subnet denied":                    {given: subnetGiven, change: func(a *account) { a.denied = "ec2 DescribeSubnets" }, check: "subnet", status: preflight.Unchecked, text: "not authorized"},
		"routes denied":                    {given: subnetGiven, change: func(a *account) { a.denied = "ec2 DescribeRouteTables" }, check: "subnet", status: preflight.Unchecked, text: "not authorized"},
		"subnet behind NAT": {
			given: subnetGiven, change: func(a *account) {
				a.table = routes("nat-1")
				a.subnets[subnet] = ec2.Subnet{}
			}, check: "subnet", status: preflight.OK, text: "by nat-1",
		},
		"subnet whose NAT is gone":           {given: subnetGiven, change: func(a *account) { a.table = routes("nat-1"); a.table.Routes[0].Blackhole = true }, check: "subnet", status: preflight.Failed, text: "leads to nat-1, which is gone; correct the routes of rtb-1"},
		"subnet without public addresses":    {given: subnetGiven, change: func(a *account) { a.subnets[subnet] = ec2.Subnet{} }, check: "subnet", status: preflight.Failed, text: "gives its instances no public address, and its VPC no endpoints of imagebuilder, logs, s3, ssm, ssmmessages"},
		"subnet without a way out":           {given: subnetGiven, change: inside, check: "subnet", status: preflight.Failed, text: "has no default route"},
		"subnet with unknown endpoints":      {given: subnetGiven, change: func(a *account) { inside(a); a.denied = "ec2 DescribeVpcEndpoints" }, check: "subnet", status: preflight.Unchecked, text: "whether its VPC has endpoints is not known"},
		"subnet with all endpoints":          {given: subnetGiven, change: func(a *account) { inside(a); a.endpoints = endpoints("rtb-1") }, check: "subnet", status: preflight.Warning, text: "a build reaches AWS by endpoints, and nothing else"},
		"subnet with another table's bucket": {given: subnetGiven, change: func(a *account) { inside(a); a.endpoints = endpoints("rtb-2") }, check: "subnet", status: preflight.Failed, text: "no endpoints of s3:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := healthy()

			if test.change != nil {
				test.change(a)
			}

			before := preflight.PlanOf(t, preflight.Least+test.recipe+"\n", test.given, nil)
			results, wanted := a.run(t, before, stack.Stack{Parameters: test.existing})
			i := slices.IndexFunc(results, func(r preflight.Result) bool { return r.Name == test.check })
			if i < 0 {
				t.Fatalf("there is no check %s: %v", test.check, results)
			}

			r := results[i]
			if r.Status != test.status || !strings.Contains(r.Text+"; "+r.Hint, test.text) {
				t.Errorf("%s: %s\n%s\nwant %s: %s", r.Status, r.Text, r.Hint, test.status, test.text)
			}
			learnt := maps.Clone(wanted.Parameters)
			maps.DeleteFunc(learnt, func(name, value string) bool { return before.Parameters[name] == value })

			if test.learnt["AvailabilityZone"] == "" {
				delete(learnt, "AvailabilityZone") // of every new stack with a subnet of its own
			}

			if strings.Contains(test.recipe, "path:") && r.Status == preflight.OK {
				delete(learnt, "ComponentDocumentVersion") // see TestDocumentsInBucketsAreReadAndUploaded
			}

			if diff := cmp.Diff(test.learnt, learnt); diff != "" && len(test.learnt)+len(learnt) > 0 {
				t.Errorf("learnt (-want +got):\n%s", diff)
			}
		})
	}
}

// endpoints are all endpoints that a build needs; S3's serves one route table.
func endpoints(table string) []ec2.Endpoint {
	all := []ec2.Endpoint{{VPC: vpc, Service: "com.amazonaws." + wire.Region + ".s3", Type: "Gateway", Tables: []string{table}}}
	for _, service := range []string{"ssm", "ssmmessages", "logs", "imagebuilder"} {
		all = append(all, ec2.Endpoint{VPC: vpc, Service: "com.amazonaws." + wire.Region + "." + service})
	}
	return all
}

// A type that the stack does not use is not asked for in silence.
func TestATypeWithoutEffectIsWarnedOf(t *testing.T) {
	t.Parallel()
	wanted := preflight.PlanOf(t, preflight.Least, preflight.Settings{"InstanceType": "m7i.large"}, nil)
	results, _ := healthy().run(t, wanted, stack.Stack{Name: "nightly", Parameters: map[string]string{"InstanceTypes": "t3.large"}})
	warned := slices.ContainsFunc(results, func(r preflight.Result) bool {
		return r.Status == preflight.Warning && strings.Contains(r.Text+r.Hint, `no effect: the stack builds on one of t3.large`)
	})
	if !warned {
		t.Errorf("nothing warns that --instance-type has no effect: %v", results)
	}
}

// made is when an AMI was made that is deprecated at a time: two years before.
func made(deprecated time.Time) time.Time { return deprecated.Add(-2 * 365 * 24 * time.Hour) }

// TestOneRefusalHidesNoOther breaks everything at once.
func TestOneRefusalHidesNoOther(t *testing.T) {
	t.Parallel()
	wanted := preflight.PlanOf(t, preflight.Least+"bootstrap: s3://a-bucket/x\nsecrets: s3://b-bucket\ncomponents: [s3://c-bucket/x]\n", preflight.Settings{"SubnetId": subnet, "InstanceType": "t9.large"}, nil)
	results, _ := (&account{}).run(t, wanted, stack.Stack{})

	got := map[string]preflight.Status{}
	for _, r := range results {
		got[r.Name] = r.Status
	}

	want := map[string]preflight.Status{
		"account": preflight.OK, "base parameter": preflight.Failed, "instance type": preflight.Failed, "output parameter": preflight.OK, "bootstrap script": preflight.Failed,
		"component documents": preflight.Failed, "secrets": preflight.Failed, "subnet": preflight.Failed,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestDocumentsInBucketsAreReadAndUploaded(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.yml": preflight.Greeting, "b.yml": preflight.Tested}
	local := preflight.PlanOf(t, preflight.Least+"components: [{path: a.yml, parameters: {File: x}}, b.yml]\n", nil, files)

	remote := preflight.PlanOf(t, preflight.Least+"components: [{path: 's3://documents/a.yml', parameters: {File: x}}, b.yml]\n", nil, files)
	if len(remote.Uploads) > 0 {
		t.Errorf("%d uploads before the documents are known", len(remote.Uploads))
	}
	_, remote = healthy().run(t, remote, stack.Stack{})
	delete(remote.Parameters, "AvailabilityZone") // of every new stack with a subnet of its own
	if diff := cmp.Diff(local.In("bucket"), remote.In("bucket")); diff != "" || len(remote.Uploads) != 3 {
		t.Errorf("%d uploads; parameters (-of this machine +of buckets):\n%s", len(remote.Uploads), diff)
	}
}

// TestRulesAreDecidedWhenAllIsKnown has a stack that keeps a key, which needs a device that no check could find out.
func TestRulesAreDecidedWhenAllIsKnown(t *testing.T) {
	t.Parallel()
	wanted := preflight.PlanOf(t, preflight.Least, nil, nil)
	existing := stack.Stack{Parameters: map[string]string{"ImageKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/a"}}
	a := healthy()
	a.denied = "ec2 DescribeImages"
	results, _ := a.run(t, wanted, existing)
	last := results[len(results)-1]
	if last.Name != "settings" || last.Status != preflight.Failed || !strings.Contains(last.Text, "need RootDeviceName") {
		t.Errorf("%v", results)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	fine := preflight.Result{Name: "account", Status: preflight.OK, Text: "yours"}
	subnetGone := preflight.Result{Name: "subnet", Status: preflight.Failed, Text: "it is gone", Hint: "give another"}
	noScript := preflight.Result{Name: "bootstrap script", Status: preflight.Failed, Text: "it is not there", Hint: "upload it"}

	if err := preflight.Verdict([]preflight.Result{fine, {Name: "secrets", Status: preflight.Unchecked}, {Name: "base AMI", Status: preflight.Warning}}); err != nil {
		t.Errorf("refused: %v", err)
	}

	for name, test := range map[string]struct {
		results    []preflight.Result
		text, hint string
	}{
		"one":     {[]preflight.Result{fine, subnetGone}, "check subnet: it is gone", "give another"},
		"several": {[]preflight.Result{subnetGone, fine, noScript}, "check subnet: it is gone: give another\ncheck bootstrap script: it is not there: upload it", ""},
	} {
		err := preflight.Verdict(test.results)
		if err == nil || err.Error() != test.text || fault.HintOf(err) != test.hint || fault.ClassOf(err) != fault.NotUsable {
			t.Errorf("%s: %v; hint %q", name, err, fault.HintOf(err))
		}
	}
}
