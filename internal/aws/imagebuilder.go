package aws

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder/types"

	"image-builder/internal/imagepipeline"
)

// ImageBuilder reads EC2 Image Builder's pipelines and builds, starts builds and cancels them.
type ImageBuilder struct {
	Session *Session

	once   sync.Once
	client *imagebuilder.Client
}

func (b *ImageBuilder) open(ctx context.Context) (*imagebuilder.Client, error) {
	cfg, err := b.Session.regional(ctx)
	if err != nil {
		return nil, err
	}
	b.once.Do(func() { b.client = imagebuilder.NewFromConfig(cfg) })
	return b.client, nil
}

// StartBuild starts a build and returns the image build version's ARN.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_StartImagePipelineExecution.html
func (b *ImageBuilder) StartBuild(ctx context.Context, pipeline, token string) (string, error) {
	client, err := b.open(ctx)
	if err != nil {
		return "", fmt.Errorf("start build: %w", err)
	}
	out, err := client.StartImagePipelineExecution(ctx, &imagebuilder.StartImagePipelineExecutionInput{
		ImagePipelineArn: &pipeline, ClientToken: &token,
	})
	if err != nil {
		return "", b.Session.explain(ctx, "start build", err)
	}

	return aws.ToString(out.ImageBuildVersionArn), nil
}

// CancelBuild asks for the end of a build, which comes later.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CancelImageCreation.html
func (b *ImageBuilder) CancelBuild(ctx context.Context, image, token string) error {
	client, err := b.open(ctx)
	if err != nil {
		return fmt.Errorf("cancel build: %w", err)
	}
	_, err = client.CancelImageCreation(ctx, &imagebuilder.CancelImageCreationInput{ImageBuildVersionArn: &image, ClientToken: &token})
	if err != nil {
		return b.Session.explain(ctx, "cancel build "+imagepipeline.VersionOf(image), err)
	}
	return nil
}

// Pipeline reads a pipeline.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_GetImagePipeline.html
func (b *ImageBuilder) Pipeline(ctx context.Context, pipeline string) (imagepipeline.Pipeline, error) {
	client, err := b.open(ctx)
	if err != nil {
		return imagepipeline.Pipeline{}, fmt.Errorf("get image pipeline: %w", err)
	}
	out, err := client.GetImagePipeline(ctx, &imagebuilder.GetImagePipelineInput{ImagePipelineArn: &pipeline})
	if err != nil {
		return imagepipeline.Pipeline{}, b.Session.explain(ctx, "get image pipeline "+nameInARN(pipeline), err)
	}
	return pipelineOf(out.ImagePipeline), nil
}

func pipelineOf(p *types.ImagePipeline) imagepipeline.Pipeline {
	found := imagepipeline.Pipeline{
		ARN: aws.ToString(p.Arn), Name: aws.ToString(p.Name), Enabled: p.Status == types.PipelineStatusEnabled,
		Failures: int(aws.ToInt32(p.ConsecutiveFailures)), NextRun: timeOf(p.DateNextRun),
		FailureLimit: defaultFailureLimit,
	}

	if s := p.Schedule; s != nil {
		found.Expression = aws.ToString(s.ScheduleExpression)
		found.Zone = aws.ToString(s.Timezone)
		if s.AutoDisablePolicy != nil {
			found.FailureLimit = int(aws.ToInt32(s.AutoDisablePolicy.FailureCount))
		}
	}

	return found
}

// Enable turns a pipeline's schedule on. It sends all other settings as they are: an update clears what it leaves
// out. https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_UpdateImagePipeline.html
func (b *ImageBuilder) Enable(ctx context.Context, pipeline, token string) error {
	client, err := b.open(ctx)
	if err != nil {
		return fmt.Errorf("enable image pipeline: %w", err)
	}
	out, err := client.GetImagePipeline(ctx, &imagebuilder.GetImagePipelineInput{ImagePipelineArn: &pipeline})
	if err != nil {
		return b.Session.explain(ctx, "get image pipeline "+nameInARN(pipeline), err)
	}

	p := out.ImagePipeline
	_, err = client.UpdateImagePipeline(ctx, &imagebuilder.UpdateImagePipelineInput{
		ImagePipelineArn: p.Arn, ClientToken: &token, Status: types.PipelineStatusEnabled,
		ImageRecipeArn: p.ImageRecipeArn, ContainerRecipeArn: p.ContainerRecipeArn,
		InfrastructureConfigurationArn: p.InfrastructureConfigurationArn, DistributionConfigurationArn: p.DistributionConfigurationArn,
		Description: p.Description, Schedule: p.Schedule, ExecutionRole: p.ExecutionRole, Workflows: p.Workflows,
		ImageTestsConfiguration: p.ImageTestsConfiguration, ImageScanningConfiguration: p.ImageScanningConfiguration,
		EnhancedImageMetadataEnabled: p.EnhancedImageMetadataEnabled, LoggingConfiguration: p.LoggingConfiguration, ImageTags: p.ImageTags,
	})
	if err != nil {
		return b.Session.explain(ctx, "enable image pipeline "+nameInARN(pipeline), err)
	}

	return nil
}

// defaultFailureLimit applies to a pipeline without an auto-disable policy.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_AutoDisablePolicy.html
const defaultFailureLimit = 5

// ListImages returns all images of a pipeline.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListImagePipelineImages.html
func (b *ImageBuilder) ListImages(ctx context.Context, pipeline string) ([]imagepipeline.Image, error) {
	client, err := b.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	pages := imagebuilder.NewListImagePipelineImagesPaginator(client, &imagebuilder.ListImagePipelineImagesInput{ImagePipelineArn: &pipeline})

	var found []imagepipeline.Image
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.Session.explain(ctx, "list images of "+nameInARN(pipeline), err)
		}
		for _, one := range page.ImageSummaryList {
			found = append(found, imageOf(one.Arn, one.State, one.DateCreated, one.BuildType, one.OutputResources))
		}
	}

	return found, nil
}

// Image reads one image.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_GetImage.html
func (b *ImageBuilder) Image(ctx context.Context, image string) (imagepipeline.Image, error) {
	client, err := b.open(ctx)
	if err != nil {
		return imagepipeline.Image{}, fmt.Errorf("get image: %w", err)
	}
	out, err := client.GetImage(ctx, &imagebuilder.GetImageInput{ImageBuildVersionArn: &image})
	if err != nil {
		return imagepipeline.Image{}, b.Session.explain(ctx, "get image "+imagepipeline.VersionOf(image), err)
	}
	one := out.Image
	return imageOf(one.Arn, one.State, one.DateCreated, one.BuildType, one.OutputResources), nil
}

func imageOf(name *string, state *types.ImageState, created *string, build types.BuildType, outputs *types.OutputResources) imagepipeline.Image {
	image := imagepipeline.Image{
		ARN: aws.ToString(name), Version: imagepipeline.VersionOf(aws.ToString(name)), Created: timeOf(created),
		Scheduled: build == types.BuildTypeScheduled,
	}

	if state != nil {
		image.State = imagepipeline.State(state.Status)
		image.Reason = aws.ToString(state.Reason)
	}

	if outputs != nil {
		image.AMI, image.Copies = sortAMIs(image.ARN, outputs.Amis)
	}

	return image
}

// sortAMIs returns the AMI in the image's own region and account, and the copies that a distribution made elsewhere.
func sortAMIs(image string, amis []types.Ami) (here string, copies []imagepipeline.Copy) {
	own, err := arn.Parse(image)
	if err != nil {
		return "", nil
	}

	for _, ami := range amis {
		one := imagepipeline.Copy{Region: aws.ToString(ami.Region), Account: aws.ToString(ami.AccountId), AMI: aws.ToString(ami.Image)}
		if one.Region == own.Region && one.Account == own.AccountID {
			here = one.AMI
			continue
		}
		copies = append(copies, one)
	}

	return here, copies
}

// Running returns the ARNs of the images that a pipeline is building.
func (b *ImageBuilder) Running(ctx context.Context, pipeline string) ([]string, error) {
	images, err := b.ListImages(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	var running []string
	for _, one := range images {
		if one.State.Building() {
			running = append(running, one.ARN)
		}
	}

	return running, nil
}

// ListWorkflows returns the runs of workflows of an image's build.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListWorkflowExecutions.html
func (b *ImageBuilder) ListWorkflows(ctx context.Context, image string) ([]imagepipeline.Workflow, error) {
	client, err := b.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("list workflows: %w", err)
	}
	pages := imagebuilder.NewListWorkflowExecutionsPaginator(client, &imagebuilder.ListWorkflowExecutionsInput{ImageBuildVersionArn: &image})

	var found []imagepipeline.Workflow
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.Session.explain(ctx, "list workflows of "+imagepipeline.VersionOf(image), err)
		}
		for _, one := range page.WorkflowExecutions {
			found = append(found, imagepipeline.Workflow{
				ID: aws.ToString(one.WorkflowExecutionId), Name: workflowName(one), Type: string(one.Type), Status: string(one.Status),
				Message: aws.ToString(one.Message), Started: timeOf(one.StartTime), Finished: timeOf(one.EndTime),
			})
		}
	}

	return found, nil
}

// workflowName is the name in a workflow's ARN: arn:…:workflow/build/build-image/1.0.2/1.
func workflowName(one types.WorkflowExecutionMetadata) string {
	parts := strings.Split(aws.ToString(one.WorkflowBuildVersionArn), "/")
	if len(parts) < 3 {
		return strings.ToLower(string(one.Type))
	}
	return parts[2]
}

// Steps returns the steps of a workflow, also those that are still to run.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListWorkflowStepExecutions.html
func (b *ImageBuilder) Steps(ctx context.Context, workflow string) ([]imagepipeline.Step, error) {
	client, err := b.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("list steps: %w", err)
	}
	pages := imagebuilder.NewListWorkflowStepExecutionsPaginator(client, &imagebuilder.ListWorkflowStepExecutionsInput{WorkflowExecutionId: &workflow})

	var found []imagepipeline.Step
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.Session.explain(ctx, "list steps of "+workflow, err)
		}
		for _, one := range page.Steps {
			found = append(found, imagepipeline.Step{
				ID: aws.ToString(one.StepExecutionId), Name: aws.ToString(one.Name), Action: aws.ToString(one.Action),
				Status: imagepipeline.StepStatus(one.Status), Message: aws.ToString(one.Message),
				Started: timeOf(one.StartTime), Finished: timeOf(one.EndTime),
			})
		}
	}

	return found, nil
}

// nameInARN is what follows an ARN's last slash.
func nameInARN(full string) string { return full[strings.LastIndexByte(full, '/')+1:] }

// timeOf parses Image Builder's times, such as 2026-09-09T19:12:23.175Z. It returns the zero time for any other text.
func timeOf(text *string) time.Time {
	read, err := time.Parse(time.RFC3339, aws.ToString(text))
	if err != nil {
		return time.Time{}
	}
	return read
}
