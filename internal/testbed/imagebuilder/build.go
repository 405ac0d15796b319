package imagebuilder

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/wire"
)

// statuses are a build's statuses; with the default workflows, parameters are written in INTEGRATING.
var statuses = []string{"PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"}

// build is an image being built. It keeps its ingredients as they were when the build began.
type build struct {
	arn, name, version           string
	pipeline, recipe             wire.Values
	infrastructure, distribution wire.Values
	owner                        *pipeline
	scheduled                    bool
	tags                         wire.Values
	created                      time.Time
	status, reason               string
	failure                      wire.Values
	script                       Script
	seen                         int // reads in this status
	entered                      time.Time
	written                      int // of the script's lines
	cancelling, deleted          bool
	stops                        time.Time // when it is cancelled
	base, ami, instance          string
	copies                       map[string]string // AMIs in other regions
	workflows                    []*workflow
}

func (r *build) ended() bool {
	return r.status == "AVAILABLE" || r.status == "FAILED" || r.status == "CANCELLED"
}

// build returns the image of an ARN.
func (b *Service) build(arn string) *build {
	i := slices.IndexFunc(b.builds, func(r *build) bool { return r.arn == arn && !r.deleted })
	if i < 0 {
		return nil
	}
	return b.builds[i]
}

// start begins a build of a pipeline.
func (b *Service) start(p *pipeline, scheduled bool, tags wire.Values) *build {
	recipe := b.resources[wire.Text(p.doc, "imageRecipeArn")]
	name := wire.Text(recipe, "name")
	version := wire.Text(recipe, "version")
	stem := b.ARN("imagebuilder", "image/"+nameInARN(name)+"/"+version+"/")

	number := 1
	for slices.ContainsFunc(b.builds, func(r *build) bool { return r.arn == fmt.Sprint(stem, number) }) {
		number++
	}

	run := &build{
		arn: fmt.Sprint(stem, number), name: name, version: fmt.Sprint(version, "/", number), pipeline: p.doc, recipe: recipe,
		infrastructure: b.resources[wire.Text(p.doc, "infrastructureConfigurationArn")],
		distribution:   b.resources[wire.Text(p.doc, "distributionConfigurationArn")],
		owner:          p, scheduled: scheduled, tags: tags, created: b.Now(), entered: b.Now(), status: "PENDING",
	}

	if len(b.scripts) > 0 {
		run.script, b.scripts = b.scripts[0], b.scripts[1:]
	}

	p.last = run
	b.builds = append(b.builds, run)
	b.logs.WriteExisting(b.pipelineGroup(p.doc), b.Now().UTC().Format("2006/01/02"), b.Now(), "Pipeline execution started image "+run.arn)
	return run
}

func (b *Service) pipelineGroup(doc wire.Values) string {
	group := wire.Text(wire.Struct(doc, "loggingConfiguration"), "pipelineLogGroupName")
	return cmp.Or(group, "/aws/imagebuilder/pipeline/"+nameInARN(wire.Text(doc, "name")))
}

// logGroup is where a build writes: the pipeline's group, or the service's own, which it makes.
func (r *build) logGroup() string {
	group := wire.Text(wire.Struct(r.pipeline, "loggingConfiguration"), "imageLogGroupName")
	return cmp.Or(group, "/aws/imagebuilder/"+nameInARN(r.name))
}

// log writes to the build's stream, named version/build.
func (b *Service) log(r *build, format string, args ...any) {
	if strings.HasPrefix(r.logGroup(), "/aws/imagebuilder/") {
		b.logs.AddGroup(r.logGroup(), 0)
	}
	b.logs.WriteExisting(r.logGroup(), cmp.Or(r.script.Stream, r.version), b.moment(), fmt.Sprintf(format, args...))
}

// advance advances a build by one step: within its status, or to the next one.
func (b *Service) advance(r *build) {
	r.seen++
	polls := max(1, r.script.Polls[r.status])

	switch {
	case r.ended():
	case r.cancelling && !b.moment().Before(r.stops):
		r.stop("CANCELLED", b.moment())
		b.enter(r, "CANCELLED")
	case r.seen < polls:
		b.goOn(r, r.seen+1, polls)
	case r.script.FailIn == r.status:
		b.writeLines(r, len(r.script.Lines))
		b.failAsTold(r)
	default:
		b.leave(r)
	}
}

// goOn shows the nth of so many parts of a build's status.
func (b *Service) goOn(r *build, nth, of int) {
	if r.status == "BUILDING" {
		b.writeLines(r, len(r.script.Lines)*nth/of)
	}
	if r.status == "BUILDING" || r.status == "TESTING" {
		steps := r.current().steps
		over := 1 + (nth-1)*(len(steps)-1)/of
		if r.script.FailIn == r.status {
			over = min(over, r.componentStep())
		}
		b.runSteps(r, over)
	}
}

func (b *Service) writeLines(r *build, count int) {
	for ; r.written < count; r.written++ {
		b.log(r, "%s", r.script.Lines[r.written])
	}
}

// leave ends a status, and begins the next.
func (b *Service) leave(r *build) {
	switch r.status {
	case "BUILDING":
		b.writeLines(r, len(r.script.Lines))
		b.finishWorkflow(r)
		r.ami = b.registerAMI(r)
	case "TESTING":
		b.finishWorkflow(r)
	case "DISTRIBUTING":
		if !b.distribute(r) {
			return
		}
	}

	next := statuses[slices.Index(statuses, r.status)+1]
	if tests, _ := wire.Struct(r.pipeline, "imageTestsConfiguration")["imageTestsEnabled"].(bool); next == "TESTING" && !tests {
		next = "DISTRIBUTING"
	}

	b.enter(r, next)
}

// enter begins a status.
func (b *Service) enter(r *build, status string) {
	r.status = status
	r.seen = 0
	r.entered = b.moment()
	b.log(r, "Image transitioned to %s state for Image ARN: %s", status, r.arn)

	switch status {
	case "BUILDING":
		b.beginBuilding(r)
	case "TESTING":
		b.startWorkflow(r, "TEST", testSteps)
		b.goOn(r, 1, max(1, r.script.Polls[status]))
	case "INTEGRATING":
		b.writeParameters(r)
	case "AVAILABLE":
		r.owner.failures = 0
	case "FAILED":
		b.countFailure(r)
	}
}

// countFailure disables the pipeline if too many scheduled builds in a row have failed.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_AutoDisablePolicy.html
func (b *Service) countFailure(r *build) {
	if !r.scheduled {
		return
	}
	r.owner.failures++
	policy := wire.Struct(wire.Struct(r.owner.doc, "schedule"), "autoDisablePolicy")
	if r.owner.failures >= wire.Number(policy, "failureCount", 5) {
		r.owner.doc = wire.With(r.owner.doc, "status", "DISABLED")
		b.logs.WriteExisting(b.pipelineGroup(r.owner.doc), b.Now().UTC().Format("2006/01/02"), b.Now(),
			fmt.Sprintf("Pipeline disabled after %d consecutive failures", r.owner.failures))
	}
}

// beginBuilding finds the base and launches an instance of it.
func (b *Service) beginBuilding(r *build) {
	parent := wire.Text(r.recipe, "parentImage")
	base, err := b.resolve(parent)
	if err != nil {
		b.fail(r, fmt.Sprintf("Error resolving parent image %s of recipe %s: %v", parent, wire.Text(r.recipe, "arn"), err), wire.Values{"imageStatus": r.status})
		return
	}

	r.base = base.ID
	b.log(r, "Resolved Image Recipe parent image %s to AMI %s.", parent, base.ID)
	b.startWorkflow(r, "BUILD", buildSteps)
	kind := ""

	if types := wire.List[string](r.infrastructure, "instanceTypes"); len(types) > 0 {
		kind = types[0]
	}

	if err := b.ec2.Launchable(base, kind, r.rootSize()); err != nil {
		b.runSteps(r, 0)
		b.failStep(r, r.current().steps[0], "EC2 Client Error: '"+messageOf(err)+"'", nil)
		return
	}
	r.instance = wire.HexID("i", len(b.builds))
	b.goOn(r, 1, max(1, r.script.Polls["BUILDING"]))
}

// resolve finds a recipe's AMI, by a parameter or by ID.
func (b *Service) resolve(parent string) (ec2.AMI, error) {
	id := parent

	if name, ok := strings.CutPrefix(parent, "ssm:"); ok {
		p, known := b.ssm.Parameter(name)
		if !known {
			return ec2.AMI{}, wire.Fault{Code: "ParameterNotFound", Message: "parameter " + name + " does not exist"}
		}
		id = p.Value
	}

	ami, ok := b.ec2.AMI(id)
	if !ok || (ami.Owner != b.Number && !ami.Public) {
		return ec2.AMI{}, wire.Fault{Code: "InvalidAMIID.NotFound", Message: "The image id '[" + id + "]' does not exist"}
	}

	return ami, nil
}

// rootSize is the recipe's size for the root volume, in GiB; 0 if it sets none.
func (r *build) rootSize() int64 {
	for _, mapping := range wire.List[wire.Values](r.recipe, "blockDeviceMappings") {
		return wire.Number(wire.Struct(mapping, "ebs"), "volumeSize", 0)
	}
	return 0
}

var buildDate = regexp.MustCompile(`\{\{\s*imagebuilder:buildDate\s*\}\}`)
