package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

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

// aws walks the road on AWS.
func (d demo) aws(ctx context.Context) (err error) {
	d.data = d.file("data")
	disk, err := d.debian(ctx)
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

	heading("An AWS account on loopback: the test server, as strict as AWS's service models, with an AMI of a Debian disk")
	id, err := cloud.AddDiskAMI(ec2.AMI{Name: "buildkite-stack-linux", BootMode: "uefi-preferred", ENA: true, IMDS: "v2.0"}, disk)
	if err != nil {
		return err
	}
	cloud.SSM.Put(ssm.Parameter{Name: baseParameter, Type: "String", Value: id})
	topic := cloud.SNS.AddTopic("images")
	d.env = cloud.Env()
	fmt.Printf("%s = %s\ntopic %s\n", baseParameter, id, topic)

	err = errors.Join(
		os.WriteFile(d.file("recipe.yml"), []byte(awsRecipe), 0o600), os.WriteFile(d.file("here.yml"), []byte(hereRecipe), 0o600),
		os.WriteFile(d.file("bootstrap.sh"), []byte(hereScript), 0o700))
	for _, step := range []func(context.Context) error{d.stack, d.road(cloud, topic)} {
		if err == nil {
			err = step(ctx)
		}
	}
	for _, violation := range cloud.Violations() {
		err = errors.Join(err, errors.New("a request or an answer broke AWS's model: "+violation))
	}
	return err
}

// debian returns the disk of the Debian base that demo builds.
func (d demo) debian(ctx context.Context) (string, error) {
	kept := demo{program: d.program, data: "build/demo-data"}
	if err := kept.base(ctx); err != nil {
		return "", err
	}
	text, err := kept.output(ctx, "base", "list", "--json")
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
		if base.Name == "debian:bookworm" {
			return base.Disk, nil
		}
	}
	return "", errors.New("the base debian:bookworm is not there")
}

// stack deploys the stack and has it build.
func (d demo) stack(ctx context.Context) error {
	heading("EC2 Image Builder: the stack, and a build (the test server plays the build; nothing runs)")
	if err := d.show(ctx, "deploy", d.file("recipe.yml"), "--yes"); err != nil {
		return err
	}
	return errors.Join(d.show(ctx, "start", "--follow", "--poll", "50ms"), d.show(ctx, "status"))
}

// road bakes the AMI here, publishes the image, pulls it again and compares.
func (d demo) road(cloud *testbed.Cloud, topic string) func(context.Context) error {
	return func(ctx context.Context) error {
		heading("Here: the AMI's disk is pulled through the EBS direct APIs, and baked without an instance")
		if err := d.show(ctx, "bake", d.file("here.yml")); err != nil {
			return err
		}
		heading("What publishing will send, take and cost; then the AMI, the parameter, the message")
		err := errors.Join(d.show(ctx, "publish", "latest", "--plan"), d.show(ctx, "publish", "latest", "--topic", topic, "--poll", "50ms"))
		if err != nil {
			return err
		}
		fmt.Printf("\n%s = %s\n", parameter, cloud.SSM.Value(parameter))
		fmt.Println("message:", strings.Join(cloud.SNS.Messages(topic), "\n"))

		heading("The AMI pulled again is the same disk, byte for byte")
		if err := d.show(ctx, "base", "pull", cloud.SSM.Value(parameter), "--name", "again"); err != nil {
			return err
		}
		return d.compare(ctx)
	}
}

// compare compares the image's disk with that of the base that was pulled last.
func (d demo) compare(ctx context.Context) error {
	images, err := d.output(ctx, "image", "show", "latest", "--json")
	if err != nil {
		return err
	}
	bases, err := d.output(ctx, "base", "list", "--json")
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
