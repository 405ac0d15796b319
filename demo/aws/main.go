// Command aws walks the road on AWS against the test server on loopback: a stack, a build, an AMI pulled, baked here and
// published. `make demo-aws` runs it, as root. That server is as strict as AWS's service models, but it is not AWS.
//
// It keeps nothing but the Debian base, below build/demo-data; it needs no account and leaves nothing running.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"image-builder/demo/walk"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/venv"
)

// baseParameter names the AMI that bakes start from.
const baseParameter = "/buildkite/base-ami"

// awsRecipe is what both engines bake.
const awsRecipe = `name: agent-linux
base: ssm:/buildkite/base-ami
packages: [jq]
output: /buildkite/agent-ami
`

// hereRecipe needs no network.
const hereRecipe = `name: agent-linux
base: ssm:/buildkite/base-ami
bootstrap: ./bootstrap.sh
output: /buildkite/agent-ami
test: container
`

const hereScript = `#!/bin/bash
set -euo pipefail
head -c 20000000 /dev/urandom >/var/lib/mirror
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo is one walk through the product on AWS.
type demo struct{ walk.Walk }

func run(ctx context.Context) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("bakes mount disks: run `make demo-aws`, which asks sudo")
	}
	d := demo{}
	d.Work, err = os.MkdirTemp("", "image-builder-demo-")
	if err != nil {
		return fmt.Errorf("make work directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.Work)) }()
	d.Data = d.File("data")
	return d.aws(ctx)
}

// aws walks the road on AWS.
func (d demo) aws(ctx context.Context) (err error) {
	disk, err := debian(ctx)
	if err != nil {
		return err
	}
	python, err := venv.Interpreter()
	if err != nil {
		return fmt.Errorf("find AWS's service models: %w", err)
	}
	cloud, err := testbed.Open(python)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cloud.Close()) }()

	walk.Heading("An AWS account on loopback: the test server, as strict as AWS's service models, with an AMI of a Debian disk")
	id, err := cloud.AddDiskAMI(ec2.AMI{Name: "buildkite-stack-linux", BootMode: "uefi-preferred", ENA: true, IMDS: "v2.0"}, disk)
	if err != nil {
		return err
	}
	cloud.SSM.Put(ssm.Parameter{Name: baseParameter, Type: "String", Value: id})
	topic := cloud.SNS.AddTopic("images")
	d.Env = cloud.Env()
	fmt.Printf("%s = %s\ntopic %s\n", baseParameter, id, topic)

	err = errors.Join(
		os.WriteFile(d.File("recipe.yml"), []byte(awsRecipe), 0o600), os.WriteFile(d.File("here.yml"), []byte(hereRecipe), 0o600),
		os.WriteFile(d.File("bootstrap.sh"), []byte(hereScript), 0o700))
	for _, step := range []func(context.Context) error{d.stack(listen(cloud), python), d.road(cloud, topic)} {
		if err == nil {
			err = step(ctx)
		}
	}
	for _, violation := range cloud.Violations() {
		err = errors.Join(err, errors.New("a request or an answer broke AWS's model: "+violation))
	}
	return err
}

// debian returns the disk of the Debian base, which it builds unless a demo did.
func debian(ctx context.Context) (string, error) {
	kept := walk.Walk{Data: walk.Data}
	if !kept.HasDebian(ctx) {
		walk.Heading("A base to start from: a bootable Debian (built once, about a minute)")
		if err := kept.Show(ctx, "base", "build", walk.Debian); err != nil {
			return "", err
		}
	}

	text, err := kept.Output(ctx, "base", "list", "--json")
	if err != nil {
		return "", err
	}

	var list struct {
		Bases []struct{ Name, Disk string }
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return "", fmt.Errorf("read bases: %w", err)
	}
	for _, base := range list.Bases {
		if base.Name == walk.Debian {
			return base.Disk, nil
		}
	}
	return "", errors.New("the base debian:bookworm is not there")
}

// stack deploys the stack, has it build, and runs its state machines, which send the message.
func (d demo) stack(messenger *messenger, python string) func(context.Context) error {
	return func(ctx context.Context) error {
		walk.Heading("EC2 Image Builder: the stack, and a build (the test server plays the build; nothing runs)")
		if err := d.Show(ctx, "deploy", d.File("recipe.yml"), "--yes"); err != nil {
			return err
		}
		if err := errors.Join(d.Show(ctx, "start", "--follow", "--poll", "50ms"), d.Show(ctx, "status")); err != nil {
			return err
		}

		walk.Heading("The stack's own state machines are run for the event of that image; they send to its topic")
		return messenger.tell(ctx, python)
	}
}

// road bakes the AMI here, publishes the image, pulls it again and compares.
func (d demo) road(cloud *testbed.Cloud, topic string) func(context.Context) error {
	return func(ctx context.Context) error {
		walk.Heading("Here: the AMI's disk is pulled through the EBS direct APIs, and baked without an instance")
		if err := d.Show(ctx, "bake", d.File("here.yml")); err != nil {
			return err
		}
		walk.Heading("What publishing will send, take and cost; then the AMI, the parameter, the message")
		err := errors.Join(d.Show(ctx, "publish", "latest", "--plan"), d.Show(ctx, "publish", "latest", "--topic", topic, "--poll", "50ms"))
		if err != nil {
			return err
		}
		fmt.Printf("\n%s = %s\n", walk.Parameter, cloud.SSM.Value(walk.Parameter))
		fmt.Println("message:", strings.Join(cloud.SNS.Messages(topic), "\n"))

		walk.Heading("The AMI pulled again is the same disk, byte for byte")
		if err := d.Show(ctx, "base", "pull", cloud.SSM.Value(walk.Parameter), "--name", "again"); err != nil {
			return err
		}
		return d.compare(ctx)
	}
}

// compare compares the image's disk with that of the base that was pulled last.
func (d demo) compare(ctx context.Context) error {
	images, err := d.Output(ctx, "image", "show", "latest", "--json")
	if err != nil {
		return err
	}
	bases, err := d.Output(ctx, "base", "list", "--json")
	if err != nil {
		return err
	}
	var img struct{ Disk string }
	var list struct {
		Bases []struct{ Name, Disk string }
	}
	if err := errors.Join(json.Unmarshal([]byte(images), &img), json.Unmarshal([]byte(bases), &list)); err != nil {
		return fmt.Errorf("read disks: %w", err)
	}

	for _, base := range list.Bases {
		if base.Name != "again" {
			continue
		}
		fmt.Printf("\n$ cmp %s %s\n", img.Disk, base.Disk)
		cmp := exec.CommandContext(ctx, "cmp", img.Disk, base.Disk)
		cmp.Stdout = os.Stdout
		cmp.Stderr = os.Stderr
		if err := cmp.Run(); err != nil {
			return fmt.Errorf("the disks differ: %w", err)
		}
		fmt.Println("(equal)")
	}
	return nil
}
