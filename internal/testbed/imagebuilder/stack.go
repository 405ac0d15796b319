package imagebuilder

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/wire"
)

// Follow makes the resources that stacks declare: recipes, configurations, pipelines and log groups. So the pipeline
// of a stack deployed here builds.
func (b *Service) Follow(c *cloudformation.Service) {
	for _, kind := range []string{"Component", "ImageRecipe", "InfrastructureConfiguration", "DistributionConfiguration", "ImagePipeline"} {
		c.OnCreate("AWS::ImageBuilder::"+kind, b.made)
		c.OnUpdate("AWS::ImageBuilder::"+kind, b.changed)
		c.OnDelete("AWS::ImageBuilder::"+kind, b.unmade)
	}

	c.OnCreate("AWS::Logs::LogGroup", func(r cloudformation.Resource) error {
		days, _ := strconv.ParseInt(fmt.Sprint(r.Properties["RetentionInDays"]), 10, 64)
		b.logs.AddGroup(r.PhysicalID, days)
		return nil
	})

	c.OnDelete("AWS::Logs::LogGroup", func(r cloudformation.Resource) error {
		b.logs.RemoveGroup(r.PhysicalID)
		return nil
	})
}

// made makes a stack's resource under the ARN that the stack gave it.
func (b *Service) made(r cloudformation.Resource) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	doc := asModel(r.Properties, "")
	kind := strings.Split(strings.TrimPrefix(r.PhysicalID, b.ARN("imagebuilder", "")), "/")[0]
	if b.resources[r.PhysicalID] != nil || b.pipeline(r.PhysicalID) != nil {
		return b.refuse("AlreadyExists", "Resource of type '%s' with identifier '%s' already exists.", r.Type, r.PhysicalID)
	}
	return b.keep(kind, r.PhysicalID, doc)
}

// changed gives a resource other properties; updates replace all kinds except pipelines and configurations.
func (b *Service) changed(r cloudformation.Resource) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	doc := wire.With(wire.With(asModel(r.Properties, ""), "arn", r.PhysicalID), "dateCreated", date(b.Now()))

	if p := b.pipeline(r.PhysicalID); p != nil {
		checked, err := b.checked(doc)
		if err == nil {
			p.doc = checked
			p.failures = 0
		}
		return err
	}

	if b.resources[r.PhysicalID] == nil {
		return b.missing(r.PhysicalID)
	}

	for _, name := range []string{"type", "platform", "owner", "timeoutMinutes", "version", "dateCreated"} {
		if old := b.resources[r.PhysicalID][name]; old != nil {
			doc[name] = old
		}
	}

	b.resources[r.PhysicalID] = doc
	return nil
}

func (b *Service) unmade(r cloudformation.Resource) error {
	b.RemovePipeline(r.PhysicalID)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.resources, r.PhysicalID)
	return nil
}

// freeForm are maps with free keys, by their name in the model.
var freeForm = map[string]bool{"tags": true, "amiTags": true, "imageTags": true, "resourceTags": true}

// otherwise are members whose name in the model is another than in templates.
var otherwise = map[string]string{"launchPermissionConfiguration": "launchPermission"}

// asModel writes a resource's properties in the model's form: members begin with a small letter, and numbers and
// booleans are not texts, as they may be in a template. Under is the member that contains the value.
func asModel(value any, under string) wire.Values {
	converted, _ := converted(value, under).(wire.Values)
	if converted == nil {
		return wire.Values{}
	}
	delete(converted, "uri") // of a component: the service has read it
	return converted
}

func converted(value any, under string) any {
	switch v := value.(type) {
	case map[string]any:
		out := wire.Values{}
		for key, inner := range v {
			name := key
			if !freeForm[under] {
				first, size := utf8.DecodeRuneInString(key)
				name = strings.ToLower(string(first)) + key[size:]
			}
			out[cmp.Or(otherwise[name], name)] = converted(inner, name)
		}
		if len(out) == 0 && freeForm[under] {
			return nil
		}
		return out

	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = converted(inner, under)
		}
		return out

	case string:
		return typed(v, under)
	case int:
		return int64(v)
	case float64:
		return int64(v)
	}

	return value
}

// typed reads text that the model declares as a number or a boolean.
func typed(text, member string) any {
	switch member {
	case "volumeSize", "iops", "throughput", "timeoutMinutes", "httpPutResponseHopLimit", "failureCount":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case "encrypted", "deleteOnTermination", "imageTestsEnabled", "enhancedImageMetadataEnabled", "terminateInstanceOnFailure":
		if truth, err := strconv.ParseBool(text); err == nil {
			return truth
		}
	}

	return text
}
