package testbed

import (
	"os"

	"image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/ecr"
	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/logs"
	"image-builder/internal/testbed/sns"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/sts"
	"image-builder/internal/testbed/wire"
)

// Services are the services of a Cloud, except S3.
type Services struct {
	CloudFormation *cloudformation.Service
	STS            *sts.Service
	EC2            *ec2.Service
	SSM            *ssm.Service
	Logs           *logs.Service
	ImageBuilder   *imagebuilder.Service
	EBS            *ebs.Service
	SNS            *sns.Service
	ECR            *ecr.Service
}

// newServices makes an account's services. They call each other directly, or through server.Do where AWS's services
// act as each other's clients. Data are botocore's models.
func newServices(server *wire.Server, data string, objects func(bucket, key string) ([]byte, error), blocks *os.File) Services {
	here := wire.NewHome()
	s := Services{
		CloudFormation: cloudformation.New(server, data, objects), STS: &sts.Service{}, Logs: logs.New(here), EBS: ebs.New(here, blocks),
		SNS: sns.New(here), ECR: ecr.New(here),
	}
	s.EBS.OnKeys(func(action string) { server.Count("kms", action) })
	s.EC2 = ec2.New(here, s.EBS)
	s.SSM = ssm.New(here, s.EC2)
	s.ImageBuilder = imagebuilder.New(here, s.EC2, s.SSM, s.Logs)
	s.ImageBuilder.Follow(s.CloudFormation)
	return s
}

// list returns the served services.
func (s Services) list() []wire.Service {
	return []wire.Service{s.CloudFormation, s.STS, s.EC2, s.SSM, s.Logs, s.ImageBuilder, s.EBS, s.SNS, s.ECR}
}
