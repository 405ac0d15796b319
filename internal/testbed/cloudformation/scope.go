package cloudformation

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"image-builder/internal/testbed/cloudformation/intrinsic"

	"image-builder/internal/testbed/wire"
)

// knownAfterApply stands for the future name of a resource.
const knownAfterApply = "{{changeSet:KNOWN_AFTER_APPLY}}"

// foreseen evaluates a template before its resources exist; resources that stay have their names.
func foreseen(s *stack, t *template, parameters []parameterValue, stays func(name string) bool) intrinsic.Scope {
	return intrinsic.Scope{
		Template: t.data, Values: effective(parameters), Pseudo: s.pseudo(), Unknown: knownAfterApply,
		Physical: func(name string) (any, error) {
			if stays(name) {
				return s.resources[name].physicalID, nil
			}
			return knownAfterApply, nil
		},
		Attribute: func(name, attribute string) (any, error) {
			if stays(name) {
				return s.resources[name].attribute(attribute), nil
			}
			return knownAfterApply, nil
		},
	}
}

// actual evaluates a stack's template while its resources are created.
func (s *stack) actual() intrinsic.Scope {
	there := func(name string) (*resource, error) {
		if r := s.resources[name]; r != nil && r.physicalID != "" {
			return r, nil
		}
		return nil, fmt.Errorf("resource %s is not there yet", name)
	}

	return intrinsic.Scope{
		Template: s.template.data, Values: effective(s.parameters), Pseudo: s.pseudo(),
		Physical: func(name string) (any, error) {
			r, err := there(name)
			if err != nil {
				return nil, err
			}
			return r.physicalID, nil
		},
		Attribute: func(name, attribute string) (any, error) {
			r, err := there(name)
			if err != nil {
				return nil, err
			}
			return r.attribute(attribute), nil
		},
	}
}

func (s *stack) pseudo() map[string]any {
	notifications := s.notifications
	if notifications == nil {
		notifications = []any{}
	}
	return map[string]any{
		"AWS::Partition": "aws", "AWS::Region": wire.Region, "AWS::AccountId": wire.Account, "AWS::StackName": s.name, "AWS::StackId": s.id,
		"AWS::URLSuffix": "amazonaws.com", "AWS::NotificationARNs": notifications,
	}
}

// evaluated returns the properties of a resource.
func evaluated(scope intrinsic.Scope, name string) (map[string]any, error) {
	body := scope.Template.Section("Resources")[name].(map[string]any)
	if body["Properties"] == nil {
		return map[string]any{}, nil
	}
	value, err := scope.Value(body["Properties"])
	if err != nil {
		return nil, fmt.Errorf("resource %s: %w", name, err)
	}
	properties, _ := value.(map[string]any)
	return properties, nil
}

// identity makes up the physical ID of a new resource: its name if it has one, in the form of its service.
func (c *Service) identity(s *stack, logicalID, kind string, properties map[string]any) string {
	name := fmt.Sprintf("%s-%s-%s", s.name, logicalID, strings.ToUpper(strings.ReplaceAll(uuid.NewString(), "-", "")[:12]))
	service, noun := kindWords(kind)

	if given, ok := properties["Name"].(string); ok {
		name = given
	}

	if given := ownName(kind, properties); given != "" {
		name = given
	}

	arn := func(service, resource string) string {
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, wire.Region, wire.Account, resource)
	}
	version, _ := properties["Version"].(string)

	switch kind {
	case "AWS::SNS::Topic":
		return arn("sns", name)
	case "AWS::StepFunctions::StateMachine":
		return arn("states", "stateMachine:"+name)
	case "AWS::ImageBuilder::ImageRecipe":
		return c.numbered(arn("imagebuilder", "image-recipe/"+strings.ToLower(name)+"/"+version))
	case "AWS::ImageBuilder::Component":
		return arn("imagebuilder", "component/"+strings.ToLower(name)+"/"+version+"/1")
	}

	switch service {
	case "imagebuilder":
		return arn(service, dashed(noun)+"/"+strings.ToLower(name))
	case "ec2":
		return strings.ToLower(dashed(noun)) + "-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:17]
	}

	return name
}

// ownName is the name that a template gives to a resource whose name is its identity, like RoleName; "" if it has
// none. https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
func ownName(kind string, properties map[string]any) string {
	_, noun := kindWords(kind)
	given, _ := properties[noun+"Name"].(string)
	return given
}

// numbered replaces the x at the end of a version with the next number.
func (c *Service) numbered(id string) string {
	prefix, open := strings.CutSuffix(id, "x")
	if !open {
		return id
	}
	c.numbers[prefix]++
	return prefix + strconv.Itoa(c.numbers[prefix]-1)
}

// kindWords are the service and the noun in a type's name: AWS::SNS::Topic is sns and Topic.
func kindWords(kind string) (service, noun string) {
	parts := strings.Split(kind, "::")
	if len(parts) != 3 {
		return "", kind
	}
	return strings.ToLower(parts[1]), parts[2]
}

// dashed writes ImagePipeline as image-pipeline.
func dashed(noun string) string {
	var words strings.Builder
	for i, r := range noun {
		if i > 0 && r >= 'A' && r <= 'Z' && noun[i-1] >= 'a' {
			words.WriteByte('-')
		}
		words.WriteRune(r)
	}
	return strings.ToLower(words.String())
}

// attribute is what Fn::GetAtt yields.
func (r *resource) attribute(name string) any {
	service, noun := kindWords(r.kind)
	switch {
	case r.properties[name] != nil:
		return r.properties[name]
	case strings.HasPrefix(r.physicalID, "arn:") && strings.HasSuffix(name, "Name"):
		return r.physicalID[strings.LastIndexAny(r.physicalID, ":/")+1:]
	case strings.HasPrefix(r.physicalID, "arn:") || name == "GroupId" || name == noun+"Id":
		return r.physicalID

	case name == "VpcId": // for resources in a subnet
		subnet, _ := r.properties["SubnetId"].(string)
		return strings.Replace(subnet, "subnet-", "vpc-", 1)
	case r.kind == "AWS::Logs::LogGroup":
		return fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s:*", wire.Region, wire.Account, r.physicalID)

	case service == "iam":
		return fmt.Sprintf("arn:aws:iam::%s:%s/%s", wire.Account, dashed(noun), r.physicalID)
	case name == "Arn":
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s/%s", service, wire.Region, wire.Account, dashed(noun), r.physicalID)
	}

	return r.physicalID + "." + name
}

// schemas are AWS's schemas of resource types, from cfn-lint.
type schemas struct {
	data string // botocore's, beside which they lie

	once  sync.Once
	files map[string]string // by type
}

// recreated says what a property change does to the resource: Never, Conditionally or Always recreates it. A type
// without a schema is never recreated.
func (s *schemas) recreated(kind, property string) string {
	s.once.Do(s.load)
	var schema struct{ CreateOnlyProperties, ConditionalCreateOnlyProperties []string }

	text, err := os.ReadFile(s.files[kind])
	if err != nil || json.Unmarshal(text, &schema) != nil {
		return "Never"
	}

	path := "/properties/" + property
	switch {
	case slices.Contains(schema.CreateOnlyProperties, path):
		return "Always"
	case slices.Contains(schema.ConditionalCreateOnlyProperties, path):
		return "Conditionally"
	}

	return "Never"
}

func (s *schemas) load() {
	dir := filepath.Join(filepath.Dir(filepath.Dir(s.data)), "cfnlint", "data", "schemas")
	s.files = map[string]string{}

	text, err := os.ReadFile(filepath.Join(dir, "providers", wire.Region+".json"))
	if err != nil {
		return
	}
	var names map[string]string
	if json.Unmarshal(text, &names) != nil {
		return
	}

	for kind, name := range names {
		s.files[kind] = filepath.Join(dir, "resources", name+".json")
	}
}
