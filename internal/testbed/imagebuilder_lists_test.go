package testbed

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder/types"
	"github.com/google/go-cmp/cmp"

	imagebuildertest "image-builder/internal/testbed/imagebuilder"
)

func TestListImagesInShortPages(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pipeline, _ := c.nightly(nil)
	other, _ := c.nightly(func(p *imagebuildertest.Pipeline) { p.Name = "other" })

	for i := range 3 {
		started(t, c.builder(), pipeline, fmt.Sprint("token", i))
	}

	started(t, c.builder(), other, "other")
	c.ImageBuilder.SetPageSize(1)
	list := func(filters ...types.Filter) (versions []string, pages int) {
		all := imagebuilder.NewListImageBuildVersionsPaginator(c.builder(), &imagebuilder.ListImageBuildVersionsInput{Filters: filters})
		for all.HasMorePages() {
			page, err := all.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, image := range page.ImageSummaryList {
				versions = append(versions, *image.Name+" "+*image.Version)
			}
		}

		slices.Sort(versions)
		return versions, pages
	}

	all, _ := list()
	if diff := cmp.Diff([]string{"Nightly AMI 1.0.0/1", "Nightly AMI 1.0.0/2", "Nightly AMI 1.0.0/3", "other 1.0.0/1"}, all); diff != "" {
		t.Error(diff)
	}
	// A page without matches is empty, but is not the last one.
	some, pages := list(types.Filter{Name: aws.String("name"), Values: []string{"other"}})
	if diff := cmp.Diff([]string{"other 1.0.0/1"}, some); diff != "" || pages != 4 {
		t.Errorf("%s in %d pages", diff, pages)
	}

	_, err := c.builder().ListImageBuildVersions(t.Context(), &imagebuilder.ListImageBuildVersionsInput{
		Filters: []types.Filter{{Name: aws.String("color"), Values: []string{"red"}}},
	})
	refused(t, err, "InvalidParameterValueException")
	_, err = c.builder().ListImageBuildVersions(t.Context(), &imagebuilder.ListImageBuildVersionsInput{NextToken: aws.String("x")})
	refused(t, err, "InvalidPaginationTokenException")

	none, err := c.builder().ListImagePipelineImages(t.Context(), &imagebuilder.ListImagePipelineImagesInput{ImagePipelineArn: aws.String(pipeline + "-none")})
	if err != nil || len(none.ImageSummaryList) != 0 {
		t.Errorf("images of a pipeline that there is not: %+v, %v", none, err)
	}
}

func TestPipelines(t *testing.T) {
	t.Parallel()
	c := Start(t)
	ctx := t.Context()
	client := c.builder()
	pipeline, _ := c.nightly(nil)
	got, err := client.GetImagePipeline(ctx, &imagebuilder.GetImagePipelineInput{ImagePipelineArn: &pipeline})
	if err != nil {
		t.Fatal(err)
	}

	p := got.ImagePipeline
	if *p.Schedule.ScheduleExpression != "cron(0 0 * * ? *)" || *p.Schedule.AutoDisablePolicy.FailureCount != 2 || p.Status != "ENABLED" || p.DateNextRun == nil {
		t.Errorf("%+v", p)
	}
	list, err := client.ListImagePipelines(ctx, &imagebuilder.ListImagePipelinesInput{Filters: []types.Filter{{Name: aws.String("name"), Values: []string{"Nightly AMI"}}}})
	if err != nil || len(list.ImagePipelineList) != 1 {
		t.Errorf("%+v, %v", list, err)
	}

	// An update replaces the whole pipeline: it clears what it leaves out.
	update := &imagebuilder.UpdateImagePipelineInput{
		ImagePipelineArn: &pipeline, ClientToken: aws.String("u"), ImageRecipeArn: p.ImageRecipeArn, InfrastructureConfigurationArn: p.InfrastructureConfigurationArn,
	}
	if _, err := client.UpdateImagePipeline(ctx, update); err != nil {
		t.Fatal(err)
	}

	got, err = client.GetImagePipeline(ctx, &imagebuilder.GetImagePipelineInput{ImagePipelineArn: &pipeline})
	if err != nil || got.ImagePipeline.Schedule != nil || got.ImagePipeline.DistributionConfigurationArn != nil || *got.ImagePipeline.Name != "Nightly AMI" || !*got.ImagePipeline.EnhancedImageMetadataEnabled {
		t.Errorf("%+v, %v", got.ImagePipeline, err)
	}
	update.ClientToken = aws.String("v")
	update.ImageRecipeArn = aws.String(strings.Replace(*p.ImageRecipeArn, "1.0.0", "9.9.9", 1))
	_, err = client.UpdateImagePipeline(ctx, update)
	refused(t, err, "InvalidParameterValueException")
	update.ClientToken = aws.String("w")
	update.ImageRecipeArn = nil

	_, err = client.UpdateImagePipeline(ctx, update)

	refused(t, err, "InvalidParameterCombinationException")
	update.ClientToken = aws.String("x")
	update.ImageRecipeArn = p.ImageRecipeArn
	update.Schedule = &types.Schedule{ScheduleExpression: aws.String("cron(0 0 * * *)")}
	_, err = client.UpdateImagePipeline(ctx, update)
	refused(t, err, "InvalidParameterValueException")
	c.ImageBuilder.RemovePipeline(pipeline)
	_, err = client.StartImagePipelineExecution(ctx, &imagebuilder.StartImagePipelineExecutionInput{ImagePipelineArn: &pipeline, ClientToken: aws.String("y")})
	refused(t, err, "ResourceNotFoundException")
}

func TestGetImageByVersion(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pipeline, _ := c.nightly(nil)
	client := c.builder()
	stem := strings.TrimSuffix(started(t, client, pipeline, "one"), "1.0.0/1")
	second := started(t, client, pipeline, "two")
	_, err := client.GetImage(t.Context(), &imagebuilder.GetImageInput{ImageBuildVersionArn: aws.String(stem + "x.x.x")})
	refused(t, err, "ResourceNotFoundException") // none is available
	c.ImageBuilder.Finish(second)

	for _, version := range []string{"x.x.x", "1.x.x", "1.0.x", "1.0.0"} {
		out, err := client.GetImage(t.Context(), &imagebuilder.GetImageInput{ImageBuildVersionArn: aws.String(stem + version)})
		if err != nil || *out.Image.Arn != second {
			t.Errorf("%s: %+v, %v", version, out, err)
		}
	}
}

func TestResourcesOfAPipeline(t *testing.T) {
	t.Parallel()
	c := Start(t)
	ctx := t.Context()
	client := c.builder()
	pipeline, _ := c.nightly(func(p *imagebuildertest.Pipeline) {
		p.Subnet = "subnet-0123456789abcdef0"
		p.RootDevice = "/dev/xvda"
		p.RootSize = 20
	})

	got, err := client.GetImagePipeline(ctx, &imagebuilder.GetImagePipelineInput{ImagePipelineArn: &pipeline})
	if err != nil {
		t.Fatal(err)
	}
	recipe, err := client.GetImageRecipe(ctx, &imagebuilder.GetImageRecipeInput{ImageRecipeArn: got.ImagePipeline.ImageRecipeArn})
	if err != nil || *recipe.ImageRecipe.ParentImage != "ssm:/base" || len(recipe.ImageRecipe.Components) != 2 || *recipe.ImageRecipe.BlockDeviceMappings[0].Ebs.VolumeSize != 20 {
		t.Fatalf("%+v, %v", recipe, err)
	}
	if _, err := client.GetComponent(ctx, &imagebuilder.GetComponentInput{ComponentBuildVersionArn: recipe.ImageRecipe.Components[0].ComponentArn}); err != nil {
		t.Error(err)
	}

	infra, err := client.GetInfrastructureConfiguration(ctx, &imagebuilder.GetInfrastructureConfigurationInput{InfrastructureConfigurationArn: got.ImagePipeline.InfrastructureConfigurationArn})
	if err != nil || *infra.InfrastructureConfiguration.SubnetId != "subnet-0123456789abcdef0" {
		t.Errorf("%+v, %v", infra, err)
	}
	to, err := client.GetDistributionConfiguration(ctx, &imagebuilder.GetDistributionConfigurationInput{DistributionConfigurationArn: got.ImagePipeline.DistributionConfigurationArn})
	if err != nil || *to.DistributionConfiguration.Distributions[0].SsmParameterConfigurations[0].ParameterName != "/out" {
		t.Errorf("%+v, %v", to, err)
	}

	c.ImageBuilder.Finish(started(t, client, pipeline, "one"))
	if amis := c.EC2.AMIs(); len(amis) != 1 || amis[0].RootSize != 20 {
		t.Errorf("%+v", amis)
	}
}
