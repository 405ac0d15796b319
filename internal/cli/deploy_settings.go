package cli

import "image-builder/internal/preflight"

// deploySettings are the flags of `deploy` for the stack parameters of the same name. Their help is the template's
// description of the parameter. A missing flag keeps the stack's value; an empty one empties the parameter.
type deploySettings struct {
	OutputAMIDataType    *string `name:"output-ami-data-type" help:"Data type of --output. An existing parameter keeps its type for ever, so give that one; launch templates that resolve the parameter need aws:ec2:image." placeholder:"TYPE"`
	DockerUsernsRemap    *string `name:"docker-userns-remap" help:"The user whose IDs containers get. The default suits Elastic CI Stacks whose EnableDockerUserNamespaceRemap is true, which is their default; leave it blank for one where it is false." placeholder:"USER"`
	SecretNames          *string `name:"secret-names" help:"Names of secrets in Secrets Manager, separated by commas; each becomes a file in /tmp/secrets named after the part that follows its last slash. The base AMI needs the AWS CLI, which those of Elastic CI Stacks have." placeholder:"NAME,NAME"`
	SecretsKeyARN        *string `name:"secrets-key-arn" help:"KMS key of your own that --secrets or the secrets are encrypted with." placeholder:"ARN"`
	BuildWhen            *string `name:"build-when" help:"always builds each time --schedule says so; base-changed only if --base then names another AMI than that of the last build. Neither compares scripts, packages, repositories and Docker images." placeholder:"WHEN"`
	DisableAfterFailures *string `name:"disable-after-failures" help:"The schedule is switched off after so many scheduled builds have failed in a row; FailureTopic says so." placeholder:"COUNT"`
	InstanceType         *string `name:"instance-type" help:"Instance type of the build and test instances. Its architecture must be that of the base AMI." placeholder:"TYPE"`
	InstanceTypes        *string `name:"instance-types" help:"Several instance types of one architecture, separated by commas, instead of --instance-type. Image Builder takes one that is available." placeholder:"TYPE,TYPE"`
	SubnetID             *string `name:"subnet-id" help:"Where the build and test instances run; it needs a way out to the internet or to the endpoints of S3, SSM, CloudWatch Logs and Image Builder. If blank, a simple public-subnet VPC is created." placeholder:"SUBNET"`
	AvailabilityZone     *string `name:"availability-zone" help:"Zone of the subnet that is created, one that offers the instance types. It cannot be changed later. If blank, EC2 chooses." placeholder:"ZONE"`
	InstancePolicyARNs   *string `name:"instance-policy-arns" help:"Managed policies for what your script or documents do on the build instance, separated by commas. Without them it may read the script and the secrets, and nothing else of yours." placeholder:"ARN,ARN"`
	ExpressWorkflows     *string `name:"express-workflows" help:"Whether to build and test with Image Builder's express workflows. They save minutes by waiting until an instance runs, not until EC2 has checked its status." placeholder:"true|false"`
	AMIIMDSv2            *string `name:"ami-imdsv2" help:"Whether instances of the AMI take requests for metadata with a token only (IMDSv2), unless a launch template says otherwise. An AMI that requires it does so for ever; as-base leaves the AMI as the base AMI makes it." placeholder:"required|as-base"`
	RootDeviceName       *string `name:"root-device-name" help:"The root device of the base AMI, needed for another size, type or key - /dev/xvda for Amazon Linux, /dev/sda1 for Ubuntu." placeholder:"DEVICE"`
	RootVolumeType       *string `name:"root-volume-type" help:"Type of the root volume if --root-device-name is given." placeholder:"TYPE"`
	ImageKeyARN          *string `name:"image-key-arn" help:"KMS key that encrypts the AMI. Anyone who launches the AMI must be allowed to use it." placeholder:"ARN"`
	Regions              *string `name:"regions" help:"Up to four further regions, separated by commas, that get a copy of each AMI, and --output with the copy's ID. The message comes when all are there." placeholder:"REGION,REGION"`
	ShareWith            *string `name:"share-with" help:"Accounts that may launch the AMIs, separated by commas." placeholder:"ACCOUNT,ACCOUNT"`
	ShareWithUnits       *string `name:"share-with-units" help:"Organizational units, by ARN, whose accounts may launch the AMIs, separated by commas." placeholder:"ARN,ARN"`
	KeepImages           *string `name:"keep-images" help:"How many of the newest images are kept. Older ones are deleted with their AMIs and snapshots; 0 keeps all. An image or AMI with the tag image-builder:keep and the AMI that --output names are always kept." placeholder:"COUNT"`
	KeepLaunchedDays     *string `name:"keep-launched-days" help:"An AMI that was launched within so many days is kept in any case." placeholder:"DAYS"`
	AlarmAfterDays       *string `name:"alarm-after-days" help:"FailureTopic is told every day once so many days have passed without a new image. 0 tells nothing." placeholder:"DAYS"`
	StackKeyARN          *string `name:"stack-key-arn" help:"KMS key in the stack's region that encrypts its topics, log groups and queue. The key's policy must let CloudWatch Logs, CloudWatch and EventBridge use it." placeholder:"ARN"`
	TraceMachines        *string `name:"trace-machines" help:"Whether the state machines that send the messages write logs and X-Ray traces." placeholder:"true|false"`
	LogRetentionDays     *string `name:"log-retention-days" help:"Days for which logs are kept." placeholder:"DAYS"`
}

// given returns the settings that were given, by stack parameter.
func (s *deploySettings) given() preflight.Settings {
	given := preflight.Settings{}
	for name, value := range map[string]*string{
		"OutputAmiDataType":    s.OutputAMIDataType,
		"DockerUsernsRemap":    s.DockerUsernsRemap,
		"SecretNames":          s.SecretNames,
		"SecretsKeyArn":        s.SecretsKeyARN,
		"BuildWhen":            s.BuildWhen,
		"DisableAfterFailures": s.DisableAfterFailures,
		"InstanceType":         s.InstanceType,
		"InstanceTypes":        s.InstanceTypes,
		"SubnetId":             s.SubnetID,
		"AvailabilityZone":     s.AvailabilityZone,
		"InstancePolicyArns":   s.InstancePolicyARNs,
		"ExpressWorkflows":     s.ExpressWorkflows,
		"AmiImdsv2":            s.AMIIMDSv2,
		"RootDeviceName":       s.RootDeviceName,
		"RootVolumeType":       s.RootVolumeType,
		"ImageKeyArn":          s.ImageKeyARN,
		"Regions":              s.Regions,
		"ShareWith":            s.ShareWith,
		"ShareWithUnits":       s.ShareWithUnits,
		"KeepImages":           s.KeepImages,
		"KeepLaunchedDays":     s.KeepLaunchedDays,
		"AlarmAfterDays":       s.AlarmAfterDays,
		"StackKeyArn":          s.StackKeyARN,
		"TraceMachines":        s.TraceMachines,
		"LogRetentionDays":     s.LogRetentionDays,
	} {
		if value != nil {
			given[name] = *value
		}
	}

	return given
}
