// Package imagebuilder is a test server's EC2 Image Builder: pipelines, and builds that follow a script written by
// the test.
//
// It runs no component and no instance. A build advances one step each time its image is read, or by the service's clock.
package imagebuilder

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/logs"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// Service is EC2 Image Builder: pipelines, and the images that they build. A build advances one state each time its
// image is read; it writes logs, an AMI and SSM parameters as it goes.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/Welcome.html
type Service struct {
	wire.Home
	ec2  *ec2.Service
	ssm  *ssm.Service
	logs *logs.Service
	far  map[string]peer // other regions

	// pageSize is the length of a page; 0: the service's own.
	pageSize int64

	mu        sync.Mutex
	serial    int
	resources map[string]wire.Values // recipes, components, configurations by ARN
	pipelines []*pipeline            // oldest first
	builds    []*build               // oldest first
	scripts   []Script               // of the builds to come
	answered  map[string]answered
	then      time.Time // when what is being caught up on happened; zero: now
}

// answered is the answer to a call with a client token.
type answered struct{ in, out wire.Values }

// Pipeline is a pipeline with its recipe, infrastructure and distribution, as this project's stack makes it.
type Pipeline struct {
	Name           string
	Version        string   // of the recipe; 1.0.0 if blank
	Base           string   // an AMI's ID, or ssm: and a parameter's name
	Components     []string // names of the documents, in order; "bootstrap" if there are none
	RootDevice     string   // with RootSize, the AMI's root volume has another size
	RootSize       int64    // GiB
	InstanceType   string   // t3.large if blank
	Subnet         string
	Output         string // SSM parameter that receives the AMI's ID; blank: none
	OutputDataType string // blank: the service's default, text
	AMIName        string // "NAME {{ imagebuilder:buildDate }}" if blank
	Schedule       string // cron(0 0 * * ? *); blank: started by hand only
	TimeZone       string // Etc/UTC if blank
	DisableAfter   int64  // scheduled builds in a row that fail; 0: no policy, which means 5
	LogGroup       string // blank: the service's own
	PipelineLogs   string
	Disabled       bool
	NoTests        bool
}

// Script says how a build goes, as far as the service itself does not decide it.
type Script struct {
	// FailIn is the status in which the build fails: CREATING, BUILDING, TESTING, DISTRIBUTING or INTEGRATING. Blank:
	// it succeeds.
	FailIn string
	// Reason is the image's reason for that. Blank: in the service's words.
	Reason string
	// Component is the document that fails in BUILDING or TESTING, by name (the recipe's last one if blank); Step its
	// step, Error the message.
	Component, Step, Error string
	// Lines are the documents' log lines in status BUILDING.
	Lines []string
	// Polls is how often the image can be read in a status before it advances; missing: once.
	Polls map[string]int
	// Lasts is how long each status lasts by the service's clock. A build that has it does not advance when it is read:
	// it is where it would be by now, and Polls is in how many equal parts a status goes by. A missing status is over
	// at once.
	Lasts map[string]time.Duration
	// Stops is how long it goes on after it was asked to end, by the service's clock.
	Stops time.Duration
	// Unexplained lets the build fail without a reason.
	Unexplained bool
	// Stream is the name of its log stream. Blank: its version.
	Stream string
}

// Image is the state of an image.
type Image struct {
	ARN       string
	Version   string // 1.0.0/1
	Pipeline  string // its ARN
	Status    string
	Reason    string
	Base, AMI string // blank until they are known
	Scheduled bool
}

// New returns the service without a pipeline.
func New(where wire.Home, ec2 *ec2.Service, ssm *ssm.Service, logs *logs.Service) *Service {
	return &Service{
		Home: where, ec2: ec2, ssm: ssm, logs: logs,
		far: map[string]peer{}, resources: map[string]wire.Values{}, answered: map[string]answered{},
	}
}

// peer is another region of the account.
type peer struct {
	ec2 *ec2.Service
	ssm *ssm.Service
}

// Peer makes a region known that AMIs are distributed to.
func (b *Service) Peer(region string, machines *ec2.Service, parameters *ssm.Service) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.far[region] = peer{machines, parameters}
}

// SetPageSize makes lists come in pages of n; 0: the service's own size.
func (b *Service) SetPageSize(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pageSize = n
}

// Model names the model.
func (b *Service) Model() string { return "imagebuilder" }

// Operation returns what is served.
func (b *Service) Operation(name string) func(wire.Call) (wire.Values, error) {
	do := map[string]func(wire.Call) (wire.Values, error){
		"GetImagePipeline":               b.getImagePipeline,
		"ListImagePipelines":             b.listImagePipelines,
		"UpdateImagePipeline":            b.updateImagePipeline,
		"StartImagePipelineExecution":    b.startImagePipelineExecution,
		"GetImage":                       b.getImage,
		"CancelImageCreation":            b.cancelImageCreation,
		"DeleteImage":                    b.deleteImage,
		"ListImagePipelineImages":        b.listImagePipelineImages,
		"ListImageBuildVersions":         b.listImageBuildVersions,
		"ListWorkflowExecutions":         b.listWorkflowExecutions,
		"ListWorkflowStepExecutions":     b.listWorkflowStepExecutions,
		"GetWorkflowStepExecution":       b.getWorkflowStepExecution,
		"GetImageRecipe":                 b.getResource("imageRecipe", "imageRecipeArn"),
		"GetInfrastructureConfiguration": b.getResource("infrastructureConfiguration", "infrastructureConfigurationArn"),
		"GetDistributionConfiguration":   b.getResource("distributionConfiguration", "distributionConfigurationArn"),
		"GetComponent":                   b.getResource("component", "componentBuildVersionArn"),
	}[name]
	if do == nil {
		return nil
	}

	return func(call wire.Call) (wire.Values, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.catchUp()
		out, err := do(call)
		if err != nil {
			return nil, err
		}
		return wire.With(out, "requestId", b.UUID("")), nil
	}
}

// Next says how the next started build of any pipeline goes; several scripts are for as many builds.
func (b *Service) Next(s Script) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scripts = append(b.scripts, s)
}

// RunScheduled starts a build as the schedule does, and returns the image's ARN; "" if the pipeline is disabled, or has
// nothing new to build from and wants that.
func (b *Service) RunScheduled(pipeline string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pipeline(pipeline)
	if p == nil || wire.Text(p.doc, "status") != "ENABLED" || !b.due(p) {
		return ""
	}
	return b.start(p, true, nil).arn
}

// Finish runs a build to its end, and returns its last status; "" if there is no such image.
func (b *Service) Finish(image string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	run := b.build(image)
	if run == nil {
		return ""
	}
	for !run.ended() {
		b.step(run)
	}
	return run.status
}

// Images returns all images, oldest first.
func (b *Service) Images() []Image {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Image
	for _, run := range b.builds {
		all = append(all, Image{
			ARN: run.arn, Version: run.version, Pipeline: wire.Text(run.pipeline, "arn"), Status: run.status, Reason: run.reason,
			Base: run.base, AMI: run.ami, Scheduled: run.scheduled,
		})
	}
	return all
}

// Image returns the image of an ARN.
func (b *Service) Image(arn string) (Image, bool) {
	all := b.Images()
	i := slices.IndexFunc(all, func(image Image) bool { return image.ARN == arn })
	if i < 0 {
		return Image{}, false
	}
	return all[i], true
}

// Failure returns the failureContext of an image, which is newer than the SDK.
func (b *Service) Failure(arn string) wire.Values {
	b.mu.Lock()
	defer b.mu.Unlock()
	if run := b.build(arn); run != nil {
		return run.failure
	}
	return nil
}

// Workflows returns the kinds of the workflows that an image had so far: BUILD, TEST.
func (b *Service) Workflows(arn string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var kinds []string
	if run := b.build(arn); run != nil {
		for _, workflow := range run.workflows {
			kinds = append(kinds, workflow.Kind)
		}
	}
	return kinds
}

// Resources returns the ARNs of everything but pipelines and images, in order.
func (b *Service) Resources() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return wire.SortedKeys(b.resources)
}

// UUID returns the next ID with a prefix.
func (b *Service) UUID(prefix string) string {
	b.serial++
	return wire.UUID(prefix, fmt.Sprint(b.serial))
}

func (b *Service) refuse(code, format string, args ...any) error {
	return wire.Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (b *Service) missing(arn string) error {
	return b.refuse("ResourceNotFoundException", "The resource with ARN '%s' could not be found.", arn)
}

// once carries a call out unless its client token was seen before: then it returns the earlier answer, if the call is
// the same.
func (b *Service) once(call wire.Call, do func() (wire.Values, error)) (wire.Values, error) {
	key := call.Operation + " " + wire.Text(call.In, "clientToken")
	if before, known := b.answered[key]; known {
		if !reflect.DeepEqual(before.in, call.In) {
			return nil, b.refuse("IdempotentParameterMismatchException",
				"The client token was used before with other parameters. Use another one, or the same parameters.")
		}
		return before.out, nil
	}

	out, err := do()
	if err == nil {
		out = wire.With(out, "clientToken", wire.Text(call.In, "clientToken"))
		b.answered[key] = answered{in: maps.Clone(call.In), out: out}
	}

	return out, err
}

// date writes a time as text, as Image Builder does.
func date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
