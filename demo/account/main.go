// Command account runs the test server by itself: an AWS account of one region on loopback, for this program, awscli,
// coldsnap, Terraform or anything else that follows AWS_ENDPOINT_URL. It prints the environment that points a program
// at it, and serves until Ctrl-C:
//
//	go run ./demo/account --disk base.raw --parameter /buildkite/base-ami --topic images >account.env &
//	. ./account.env; aws ec2 describe-images --owners self
//
// When it ends, it prints which calls were made, and all that it knows is lost. It is not AWS: it knows no IAM, launches
// nothing and delivers no message.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/venv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "account:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	disk := flag.String("disk", "", "raw disk of which the account has a public AMI")
	parameter := flag.String("parameter", "/buildkite/base-ami", "SSM parameter that names the AMI")
	topic := flag.String("topic", "images", "SNS topic that exists")
	latency := flag.Duration("latency", 0, "how long the EBS direct APIs wait before each call")
	unlimited := flag.Bool("no-quotas", false, "let the EBS direct APIs take blocks as fast as they can: AWS takes 1,000 a second and snapshot")
	flag.Parse()

	python, err := venv.Interpreter()
	if err != nil {
		return fmt.Errorf("find AWS's service models: %w", err)
	}
	cloud, err := testbed.Open(python)
	if err != nil {
		return fmt.Errorf("start account: %w", err)
	}
	defer func() { err = errors.Join(err, cloud.Close()) }()

	cloud.EBS.Limit(limits(*latency, *unlimited))
	ami := ec2.AMI{Name: "buildkite-stack-linux", BootMode: "uefi-preferred", ENA: true, IMDS: "v2.0"}
	id := ""
	if *disk == "" {
		id = cloud.EC2.AddAMI(ami)
	} else {
		id, err = cloud.AddDiskAMI(ami, *disk)
	}
	if err != nil {
		return err
	}
	cloud.SSM.Put(ssm.Parameter{Name: *parameter, Type: "String", Value: id})
	arn := cloud.SNS.AddTopic(*topic)

	for _, variable := range cloud.Env() {
		fmt.Println("export", variable)
	}
	fmt.Printf("# %s = %s; topic %s; Ctrl-C ends the account\n", *parameter, id, arn)

	<-ctx.Done()
	report(cloud)
	return nil
}

func limits(latency time.Duration, unlimited bool) ebs.Limits {
	set := ebs.Limits{Latency: latency}
	if unlimited {
		set.Puts = -1
		set.Gets = -1
		set.Lists = -1
	}
	return set
}

// report prints which calls were made, as comments of the environment, and what was wrong with them.
func report(cloud *testbed.Cloud) {
	for _, made := range cloud.Made() {
		service, operation, _ := strings.Cut(made, ".")
		fmt.Printf("# %s %d\n", made, cloud.Calls(service, operation))
	}
	for _, violation := range cloud.Violations() {
		fmt.Fprintln(os.Stderr, "account: a request or an answer broke AWS's model:", violation)
	}
}
