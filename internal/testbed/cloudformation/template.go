package cloudformation

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/testbed/cloudformation/intrinsic"

	"image-builder/internal/testbed/wire"
)

// template is a template that CloudFormation accepts.
type template struct {
	text, description string
	data              intrinsic.Template
}

// The largest templates, in bytes.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const (
	mostInBody = 51200
	mostInS3   = 1 << 20
)

// given returns the template in a request, or the stack's own.
func (c *Service) given(in wire.Values, s *stack) (*template, error) {
	text, inBody := in["TemplateBody"].(string)
	url, inS3 := in["TemplateURL"].(string)
	switch {
	case wire.Truth(in, "UsePreviousTemplate") && s != nil && s.template != nil:
		return s.template, nil
	case inBody == inS3:
		return nil, invalid("Either Template URL or Template Body must be specified.")
	case inS3:
		fetched, err := c.fetch(url)
		if err != nil {
			return nil, err
		}
		text = fetched

	case len(text) > mostInBody:
		return nil, invalid("1 validation error detected: Value '%s' at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", text, mostInBody)
	}

	return parseTemplate(text)
}

// location matches an object's URL: bucket and key by host or by path.
var location = regexp.MustCompile(`^https://(?:([a-z0-9.-]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com|s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/([a-z0-9.-]+))/(.+)$`)

func (c *Service) fetch(url string) (string, error) {
	parts := location.FindStringSubmatch(url)
	if parts == nil {
		return "", invalid("TemplateURL must be a supported URL.")
	}
	body, err := c.objects(parts[1]+parts[2], parts[3])
	if err != nil {
		return "", invalid("S3 error: The specified key does not exist.\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html")
	}
	if len(body) > mostInS3 {
		return "", invalid("Template may not exceed %d bytes in size.", mostInS3)
	}

	return string(body), nil
}

// parseTemplate reads a template, with the checks that CloudFormation makes before it looks at any resource type.
func parseTemplate(text string) (*template, error) {
	var root yaml.Node
	if err := yaml.Load([]byte(text), &root); err != nil {
		return nil, invalid("Template format error: YAML not well-formed. (%v)", err)
	}
	if len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return nil, invalid("Template format error: unsupported structure.")
	}
	if path := null(root.Content[0], ""); path != "" {
		return nil, invalid("[%s] 'null' values are not allowed in templates", path)
	}

	data, err := intrinsic.Parse([]byte(text))
	if err != nil {
		return nil, invalid("Template format error: %v", err)
	}
	t := &template{text: text, data: data}
	t.description, _ = data["Description"].(string)
	for _, check := range []func() error{t.checkNames, t.checkResources, t.checkOutputs, t.checkReferences} {
		if err := check(); err != nil {
			return nil, err
		}
	}

	return t, nil
}

// null returns the place of a null in a template.
func null(n *yaml.Node, path string) string {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return path
	}

	for i, child := range n.Content {
		below := fmt.Sprintf("%s/%d", path, i)
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			below = path + "/" + n.Content[i-1].Value
		}
		if found := null(child, below); found != "" {
			return found
		}
	}

	return ""
}

var alphanumeric = regexp.MustCompile(`^[A-Za-z0-9]+$`)

func (t *template) checkNames() error {
	for _, section := range []string{"Parameters", "Resources"} {
		for name := range t.data.Section(section) {
			if !alphanumeric.MatchString(name) {
				return invalid("Template format error: %s name %s is non alphanumeric.", strings.TrimSuffix(section, "s"), name)
			}
		}
	}
	return nil
}

var resourceMembers = []string{
	"Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy", "CreationPolicy", "UpdatePolicy",
}

func (t *template) checkResources() error {
	section, given := t.data["Resources"]
	resources, ok := section.(map[string]any)
	switch {
	case given && !ok:
		return invalid("Template format error: Any Resources member must be an object.")
	case len(resources) == 0:
		return invalid("Template format error: At least one Resources member must be defined.")
	}

	for _, name := range slices.Sorted(maps.Keys(resources)) {
		body, ok := resources[name].(map[string]any)
		if !ok {
			return invalid("Template format error: Any Resources member must be an object.")
		}
		if _, ok := body["Type"].(string); !ok {
			return invalid("Template format error: [/Resources/%s] Every Resources object must contain a Type member.", name)
		}

		for member := range body {
			if !slices.Contains(resourceMembers, member) {
				return invalid("Invalid template resource property '%s'", member)
			}
		}
	}

	return nil
}

func (t *template) checkOutputs() error {
	for _, body := range t.data.Section("Outputs") {
		if output, ok := body.(map[string]any); !ok || output["Value"] == nil {
			return invalid("Template format error: Every Outputs member must contain a Value object")
		}
	}
	return nil
}

// checkReferences finds undeclared references of resources.
func (t *template) checkReferences() error {
	resources := t.data.Section("Resources")
	parameters := t.data.Section("Parameters")
	for _, block := range []string{"Resources", "Outputs"} {
		var missing []string
		for _, r := range references(t.data.Section(block)) {
			if resources[r.name] == nil && parameters[r.name] == nil && !strings.HasPrefix(r.name, "AWS::") && !slices.Contains(missing, r.name) {
				missing = append(missing, r.name)
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			return invalid("Template format error: Unresolved resource dependencies [%s] in the %s block of the template", strings.Join(missing, ", "), block)
		}
	}

	return nil
}

// resource returns the body of a resource, empty if there is none.
func (t *template) resource(name string) map[string]any {
	body, _ := t.data.Section("Resources")[name].(map[string]any)
	return body
}

// kind is the type of a resource.
func (t *template) kind(name string) string { return wire.Text(t.resource(name), "Type") }

// capabilities returns the capability that the template needs: "" for none.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
func (t *template) capability() string {
	needed := ""
	for name := range t.data.Section("Resources") {
		if !strings.HasPrefix(t.kind(name), "AWS::IAM::") {
			continue
		}

		if needed == "" {
			needed = "CAPABILITY_IAM"
		}

		properties := wire.Struct(t.resource(name), "Properties")
		for _, named := range []string{"RoleName", "UserName", "GroupName", "ManagedPolicyName", "InstanceProfileName"} {
			if properties[named] != nil && t.kind(name) == "AWS::IAM::"+strings.TrimSuffix(named, "Name") {
				needed = "CAPABILITY_NAMED_IAM"
			}
		}
	}

	return needed
}

// allowed checks that the caller has acknowledged the needed capability.
func (t *template) allowed(capabilities []any) error {
	needed := t.capability()
	if needed == "" || slices.Contains(capabilities, any(needed)) || (needed == "CAPABILITY_IAM" && slices.Contains(capabilities, any("CAPABILITY_NAMED_IAM"))) {
		return nil
	}
	return wire.Fault{Code: "InsufficientCapabilitiesException", Message: "Requires capabilities : [" + needed + "]"}
}
