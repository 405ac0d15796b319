"""Asks Image Builder, EC2, SSM and CloudWatch Logs by boto3, which was not written here. Prints what Go compares."""
import json
import sys

import boto3
from botocore.exceptions import ClientError

pipeline, subnet, _ = sys.argv[1:]
builder, ec2, ssm, logs = (boto3.client(name) for name in ("imagebuilder", "ec2", "ssm", "logs"))


def code(call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        return e.response["Error"]["Code"]
    return "no error"


copied = ec2.copy_snapshot(SourceSnapshotId=sys.argv[3], SourceRegion="eu-central-1")["SnapshotId"]
ec2.describe_snapshots(OwnerIds=["self"])
registered = ec2.register_image(
    Name="registered", Architecture="x86_64", VirtualizationType="hvm", RootDeviceName="/dev/xvda",
    BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": copied}}])["ImageId"]
ec2.get_waiter("image_available").wait(ImageIds=[registered], WaiterConfig={"Delay": 0})
ec2.modify_image_attribute(ImageId=registered, LaunchPermission={"Add": [{"UserId": "210987654321"}]})
ec2.create_tags(Resources=[registered], Tags=[{"Key": "k", "Value": "v"}])
ec2.deregister_image(ImageId=ec2.copy_image(SourceImageId=registered, SourceRegion="eu-central-1", Name="copied")["ImageId"])
ec2.deregister_image(ImageId=registered)
assert not ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
base = {"ResourceType": "Parameter", "ResourceId": "/base"}
ssm.add_tags_to_resource(**base, Tags=[{"Key": "k", "Value": "v"}, {"Key": "gone", "Value": "v"}])
ssm.remove_tags_from_resource(**base, TagKeys=["gone"])
assert ssm.list_tags_for_resource(**base)["TagList"] == [{"Key": "k", "Value": "v"}]
image = builder.start_image_pipeline_execution(imagePipelineArn=pipeline, clientToken="one")["imageBuildVersionArn"]
statuses, waited = [], None
for _ in range(20):
    got = builder.get_image(imageBuildVersionArn=image)["image"]
    statuses.append(got["state"]["status"])
    if statuses[-1] in ("AVAILABLE", "FAILED"):
        break
ami = got["outputResources"]["amis"][0]["image"]
steps = []
for run in builder.list_workflow_executions(imageBuildVersionArn=image)["workflowExecutions"]:
    for step in builder.list_workflow_step_executions(workflowExecutionId=run["workflowExecutionId"])["steps"]:
        steps.append(builder.get_workflow_step_execution(stepExecutionId=step["stepExecutionId"])["name"])
failed = builder.start_image_pipeline_execution(imagePipelineArn=pipeline, clientToken="two")["imageBuildVersionArn"]
while (state := builder.get_image(imageBuildVersionArn=failed)["image"]["state"])["status"] != "FAILED":
    pass
running = builder.start_image_pipeline_execution(imagePipelineArn=pipeline, clientToken="three")["imageBuildVersionArn"]
builder.cancel_image_creation(imageBuildVersionArn=running, clientToken="four")
listed = builder.get_paginator("list_image_pipeline_images").paginate(imagePipelineArn=pipeline, PaginationConfig={"PageSize": 1})

group, stream = got["loggingConfiguration"]["logGroupName"], got["version"]
lines, token = [], {}
while True:
    page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, limit=5, **token)
    lines += [event["message"] for event in page["events"]]
    if page["nextForwardToken"] == token.get("nextToken"):
        break
    token = {"nextToken": page["nextForwardToken"]}

shown = builder.get_image_pipeline(imagePipelineArn=pipeline)["imagePipeline"]
recipe = builder.get_image_recipe(imageRecipeArn=shown["imageRecipeArn"])["imageRecipe"]
distribution = builder.get_distribution_configuration(distributionConfigurationArn=shown["distributionConfigurationArn"])
update = {name: shown[name] for name in ("imageRecipeArn", "infrastructureConfigurationArn", "distributionConfigurationArn", "schedule")}
builder.update_image_pipeline(imagePipelineArn=pipeline, clientToken="five", status="DISABLED", **update)
builder.delete_image(imageBuildVersionArn=failed)

described = ec2.describe_images(ImageIds=[ami])["Images"][0]
types = ec2.get_paginator("describe_instance_types").paginate(Filters=[{"Name": "processor-info.supported-architecture", "Values": ["arm64"]}])
offered = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.large"]}])
tables = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["RouteTables"]

print(json.dumps({
    "statuses": statuses,
    "steps": steps,
    "failure": [state["failureContext"]["failedStep"], state["failureContext"]["componentFailure"]["errorMessage"]],
    "cancelled": builder.get_image(imageBuildVersionArn=running)["image"]["state"]["status"],
    "images": len([i for page in listed for i in page["imageSummaryList"]]),
    "parameter is the AMI": ssm.get_parameter(Name="/out")["Parameter"]["Value"] == ami,
    "data type": ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["/out"]}])["Parameters"][0]["DataType"],
    "first line": lines[0].split(":")[0],
    "streams": [s["logStreamName"] for s in logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="1.0.0/1")["logStreams"]],
    "ERROR lines": len(logs.filter_log_events(logGroupName=group, filterPattern="ErrorMessage")["events"]),
    "source": described["SourceImageId"] == ssm.get_parameter(Name="/base")["Parameter"]["Value"],
    "volume": described["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"],
    "zones": [o["Location"] for o in offered["InstanceTypeOfferings"]],
    "t4g.small is arm64": any(t["InstanceType"] == "t4g.small" for page in types for t in page["InstanceTypes"]),
    "way out": tables[0]["Routes"][0]["GatewayId"][:4],
    "endpoints": len(ec2.describe_vpc_endpoints()["VpcEndpoints"]),
    "public subnet": ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["MapPublicIpOnLaunch"],
    "updated": [p["status"] for p in builder.list_image_pipelines(filters=[{"name": "name", "values": [shown["name"]]}])["imagePipelineList"]],
    "components": [builder.get_component(componentBuildVersionArn=c["componentArn"])["component"]["version"] for c in recipe["components"]],
    "instance types": builder.get_infrastructure_configuration(
        infrastructureConfigurationArn=shown["infrastructureConfigurationArn"])["infrastructureConfiguration"]["instanceTypes"],
    "output": distribution["distributionConfiguration"]["distributions"][0]["ssmParameterConfigurations"],
    "left": len(builder.list_image_build_versions(imageVersionArn=image.rsplit("/", 1)[0])["imageSummaryList"]),
    "groups": len(logs.describe_log_groups(logGroupNamePrefix="/aws/imagebuilder/")["logGroups"]),
    "parameters": sorted(p["Name"] for p in ssm.get_parameters_by_path(Path="/")["Parameters"]),
    "known": len(ssm.get_parameters(Names=["/out", "/none"])["Parameters"]),
    "removed": [
        ssm.delete_parameter(Name="/out")["ResponseMetadata"]["HTTPStatusCode"],
        ec2.deregister_image(ImageId=ami)["ResponseMetadata"]["HTTPStatusCode"],
        ec2.delete_snapshot(SnapshotId=described["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])["ResponseMetadata"]["HTTPStatusCode"],
    ],
    "errors": [
        code(builder.get_image, imageBuildVersionArn=image[:-1] + "9"),
        code(builder.start_image_pipeline_execution, imagePipelineArn=pipeline, clientToken="one", tags={"a": "b"}),
        code(ec2.describe_images, ImageIds=["ami-0123456789abcdef9"]),
        code(ec2.describe_instance_types, InstanceTypes=["t3.huge"]),
        code(ssm.get_parameter, Name="/none"),
        code(ssm.put_parameter, Name="/base", Value="x", Type="String"),
        code(logs.get_log_events, logGroupName="/none", logStreamName="x"),
    ],
}))
