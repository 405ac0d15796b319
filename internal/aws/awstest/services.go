package awstest

import (
	"os"
	"time"
)

// Services are the services of a Cloud, but for S3.
type Services struct {
	CloudFormation *CloudFormation
	STS            *STS
	EC2            *EC2
	SSM            *SSM
	Logs           *Logs
	ImageBuilder   *ImageBuilder
	EBS            *EBS
	SNS            *SNS
}

// newServices makes the services of an account; each may call the others by cloud.Do. The models are
// botocore's data.
func newServices(cloud *Cloud, data string, file *os.File) Services {
	here := account{number: Account, region: Region, now: time.Now}
	disks := newEBS(here, file)
	ec2 := newEC2(here)
	ec2.disks = disks
	logs := newLogs(here)
	ssm := newSSM(here, ec2)
	builder := newImageBuilder(here, ec2, ssm, logs)
	stacks := newCloudFormation(cloud, data)
	builder.follow(stacks)
	return Services{CloudFormation: stacks, STS: &STS{}, EC2: ec2, SSM: ssm, Logs: logs, ImageBuilder: builder, EBS: disks, SNS: newSNS(here)}
}

// list returns the services that are served.
func (s Services) list() []Service {
	return []Service{s.CloudFormation, s.STS, s.EC2, s.SSM, s.Logs, s.ImageBuilder, s.EBS, s.SNS}
}
