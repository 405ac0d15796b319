package imagebuilder

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"image-builder/internal/schedule"

	"image-builder/internal/testbed/wire"
)

// pipeline is a pipeline: its document in the model's form, and the history of its builds.
type pipeline struct {
	doc      wire.Values
	failures int64 // scheduled builds in a row
	last     *build
}

// AddPipeline makes a pipeline and the resources it refers to, and returns its ARN.
func (b *Service) AddPipeline(p Pipeline) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(p.Components) == 0 {
		p.Components = []string{"bootstrap"}
	}

	doc := wire.Values{
		"name": p.Name, "imageRecipeArn": b.addRecipe(p), "infrastructureConfigurationArn": b.addInfrastructure(p),
		"distributionConfigurationArn": b.addDistribution(p), "executionRole": "arn:aws:iam::" + b.Number + ":role/execution",
		"enhancedImageMetadataEnabled": false, "imageTestsConfiguration": wire.Values{"imageTestsEnabled": !p.NoTests, "timeoutMinutes": int64(720)},
		"loggingConfiguration": b.addGroups(p),
	}

	if p.Disabled {
		doc["status"] = "DISABLED"
	}

	if p.Schedule != "" {
		timing := wire.Values{
			"scheduleExpression": p.Schedule, "timezone": cmp.Or(p.TimeZone, "Etc/UTC"),
			"pipelineExecutionStartCondition": "EXPRESSION_MATCH_ONLY",
		}
		if p.DisableAfter > 0 {
			timing["autoDisablePolicy"] = wire.Values{"failureCount": p.DisableAfter}
		}
		doc["schedule"] = timing
	}

	arn, _ := b.create("image-pipeline", doc)
	return arn
}

func (b *Service) addRecipe(p Pipeline) string {
	var components []any
	for _, name := range p.Components {
		arn, _ := b.create("component", wire.Values{"name": p.Name + "-" + name, "version": "1.0.0"})
		components = append(components, wire.Values{"componentArn": arn})
	}

	recipe := wire.Values{
		"name": p.Name, "version": cmp.Or(p.Version, "1.0.0"), "parentImage": p.Base, "components": components, "workingDirectory": "/tmp",
	}

	if p.RootDevice != "" {
		ebs := wire.Values{"volumeType": "gp3", "deleteOnTermination": true}
		if p.RootSize > 0 {
			ebs["volumeSize"] = p.RootSize
		}
		recipe["blockDeviceMappings"] = []any{wire.Values{"deviceName": p.RootDevice, "ebs": ebs}}
	}

	arn, _ := b.create("image-recipe", recipe)
	return arn
}

func (b *Service) addInfrastructure(p Pipeline) string {
	doc := wire.Values{
		"name": p.Name, "instanceTypes": []any{cmp.Or(p.InstanceType, "t3.large")}, "instanceProfileName": nameInARN(p.Name),
		"terminateInstanceOnFailure": true,
	}
	if p.Subnet != "" {
		doc["subnetId"] = p.Subnet
		doc["securityGroupIds"] = []any{wire.HexID("sg", 1)}
	}
	arn, _ := b.create("infrastructure-configuration", doc)
	return arn
}

func (b *Service) addDistribution(p Pipeline) string {
	name := cmp.Or(p.AMIName, p.Name+" {{ imagebuilder:buildDate }}")
	region := wire.Values{"region": b.Region, "amiDistributionConfiguration": wire.Values{"name": name, "amiTags": wire.Values{"Name": p.Name}}}

	if p.Output != "" {
		output := wire.Values{"parameterName": p.Output}
		if p.OutputDataType != "" {
			output["dataType"] = p.OutputDataType
		}
		region["ssmParameterConfigurations"] = []any{output}
	}

	arn, _ := b.create("distribution-configuration", wire.Values{"name": p.Name, "distributions": []any{region}})
	return arn
}

func (b *Service) addGroups(p Pipeline) wire.Values {
	images := cmp.Or(p.LogGroup, "/aws/imagebuilder/"+nameInARN(p.Name))
	runs := cmp.Or(p.PipelineLogs, "/aws/imagebuilder/pipeline/"+nameInARN(p.Name))
	b.logs.AddGroup(images, 0)
	b.logs.AddGroup(runs, 0)
	return wire.Values{"imageLogGroupName": images, "pipelineLogGroupName": runs}
}

// nameInARN is a resource's name in the form that it has in ARNs.
func nameInARN(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

// create makes a resource of a kind (image-recipe…) from a document in the model's form, and returns its ARN.
func (b *Service) create(kind string, doc wire.Values) (string, error) {
	id := kind + "/" + nameInARN(wire.Text(doc, "name"))
	if version := wire.Text(doc, "version"); version != "" {
		version = b.nextVersion(id, version)
		doc, id = wire.With(doc, "version", version), id+"/"+version
	}

	if kind == "component" {
		id = b.nextBuild(id)
	}

	arn := b.ARN("imagebuilder", id)
	if b.resources[arn] != nil || b.pipeline(arn) != nil {
		return "", b.refuse("ResourceAlreadyExistsException", "The resource %s already exists.", arn)
	}

	return arn, b.keep(kind, arn, doc)
}

// keep makes a resource of a kind under its ARN.
func (b *Service) keep(kind, arn string, doc wire.Values) error {
	doc = wire.With(wire.With(doc, "arn", arn), "dateCreated", date(b.Now()))

	switch kind {
	case "image-pipeline":
		return b.addDocument(doc)
	case "image-recipe":
		doc["type"] = "AMI"
		doc["platform"] = "Linux"
		doc["owner"] = b.Number
		doc["version"] = path.Base(arn)

	case "component":
		doc["platform"] = "Linux"
		doc["owner"] = b.Number
		doc["type"] = "BUILD"
	case "distribution-configuration":
		doc["timeoutMinutes"] = int64(360)
	}

	b.resources[arn] = doc
	return nil
}

// nextVersion replaces the x of a version like 1.0.x with the next number.
func (b *Service) nextVersion(id, version string) string {
	prefix, ok := strings.CutSuffix(version, "x")
	for n := 0; ok; n++ {
		next := fmt.Sprint(prefix, n)
		if b.resources[b.ARN("imagebuilder", id+"/"+next)] == nil {
			return next
		}
	}
	return version
}

func (b *Service) nextBuild(id string) string {
	for n := 1; ; n++ {
		next := fmt.Sprint(id, "/", n)
		if b.resources[b.ARN("imagebuilder", next)] == nil {
			return next
		}
	}
}

// addDocument makes a pipeline from a document, whose defaults it fills in.
func (b *Service) addDocument(doc wire.Values) error {
	doc, err := b.checked(doc)
	if err == nil {
		b.pipelines = append(b.pipelines, &pipeline{doc: doc})
	}
	return err
}

// checked fills in a pipeline's defaults, and refuses impossible settings.
func (b *Service) checked(doc wire.Values) (wire.Values, error) {
	for _, name := range []string{"imageRecipeArn", "infrastructureConfigurationArn", "distributionConfigurationArn"} {
		if arn := wire.Text(doc, name); arn != "" && b.resources[arn] == nil {
			return nil, b.refuse("InvalidParameterValueException", "The value supplied for parameter '%s' is not valid. The resource %s does not exist.", name, arn)
		}
	}

	if (wire.Text(doc, "imageRecipeArn") == "") == (wire.Text(doc, "containerRecipeArn") == "") {
		return nil, b.refuse("InvalidParameterCombinationException", "Exactly one of 'imageRecipeArn' and 'containerRecipeArn' must be specified.")
	}

	if timing := wire.Struct(doc, "schedule"); timing != nil {
		if _, err := schedule.Parse(wire.Text(timing, "scheduleExpression"), wire.Text(timing, "timezone")); err != nil {
			return nil, b.refuse("InvalidParameterValueException", "The value supplied for parameter 'schedule.scheduleExpression' is not valid. %v", err)
		}
	}

	out := wire.Values{
		"platform": "Linux", "status": "ENABLED", "enhancedImageMetadataEnabled": true, "dateUpdated": date(b.Now()),
		"imageTestsConfiguration": wire.Values{"imageTestsEnabled": true, "timeoutMinutes": int64(720)},
	}
	for name, value := range doc {
		out[name] = value
	}

	return out, nil
}

// Pipelines returns the ARNs of all pipelines, oldest first.
func (b *Service) Pipelines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, p := range b.pipelines {
		all = append(all, wire.Text(p.doc, "arn"))
	}
	return all
}

// RemovePipeline removes a pipeline; its images stay.
func (b *Service) RemovePipeline(arn string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pipelines = slices.DeleteFunc(b.pipelines, func(p *pipeline) bool { return wire.Text(p.doc, "arn") == arn })
}

// SetStatus enables or disables a pipeline, as a user does in the console: ENABLED or DISABLED.
func (b *Service) SetStatus(arn, status string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pipeline(arn); p != nil {
		p.doc, p.failures = wire.With(p.doc, "status", status), 0
	}
}

func (b *Service) pipeline(arn string) *pipeline {
	i := slices.IndexFunc(b.pipelines, func(p *pipeline) bool { return wire.Text(p.doc, "arn") == arn })
	if i < 0 {
		return nil
	}
	return b.pipelines[i]
}
