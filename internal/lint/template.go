package lint

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/component"
	"image-builder/internal/finding"
	"image-builder/internal/schedule"
)

// maxInline is how many characters a component's Data may have.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-imagebuilder-component.html
const maxInline = 16000

// template is a CloudFormation template being checked.
type template struct {
	linter *Linter
	file   string
	lines  [][]rune
	found  finding.List
	steps  []int // lines of the template on which steps of embedded documents begin
}

func (l *Linter) template(file string, text []byte) finding.List {
	t := &template{linter: l, file: file, lines: runeLines(string(text))}
	var root yaml.Node
	if err := yaml.Load(withoutTabs(text), &root); err != nil {
		t.syntax(err)
		return t.found
	}
	if len(root.Content) == 1 {
		t.resources(get(root.Content[0], "Resources"))
	}
	return sorted(silence(file, string(text), t.steps, t.found))
}

// withoutTabs makes tab-indented JSON readable as YAML; columns stay.
func withoutTabs(text []byte) []byte {
	if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || trimmed[0] != '{' || !bytes.Contains(text, []byte("\t")) {
		return text
	}
	return bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
}

func (t *template) syntax(err error) {
	f := finding.Finding{
		Code: finding.TemplateSyntax, Position: finding.Position{File: t.file, Line: 1, Column: 1}, Message: "this is neither YAML nor JSON: " + err.Error(),
		Right: "see that it deploys: `aws cloudformation validate-template`",
	}

	var wrong *yaml.LoadError
	if errors.As(err, &wrong) && wrong.Mark.Line > 0 {
		f.Line = wrong.Mark.Line
		f.Column = wrong.Mark.Column
		f.Message = "this is neither YAML nor JSON: " + wrong.Message
	}

	t.found = append(t.found, f)
}

// resources visits the resources that lint knows. Macros and transforms may add anything, so it skips whatever is not
// a map.
func (t *template) resources(resources *yaml.Node) {
	for i := 0; resources != nil && resources.Kind == yaml.MappingNode && i+1 < len(resources.Content); i += 2 {
		key := resources.Content[i]
		resource := resolve(resources.Content[i+1])
		kind := get(resource, "Type")
		properties := get(resource, "Properties")
		if kind == nil {
			continue
		}

		switch kind.Value {
		case "AWS::ImageBuilder::Component":
			t.component(key, properties)
		case "AWS::ImageBuilder::ImagePipeline":
			t.pipeline(properties)
		}
	}
}

func (t *template) add(code finding.Code, node *yaml.Node, message, right string) {
	length := 0
	if node.Kind == yaml.ScalarNode && node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		length = utf8.RuneCountInString(node.Value)
	}
	t.found = append(t.found, finding.Finding{
		Code: code, Position: finding.Position{File: t.file, Line: node.Line, Column: node.Column}, Length: length, Message: message, Right: right,
	})
}

var (
	// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateComponent.html
	componentName = regexp.MustCompile(`^[-_A-Za-z0-9][-_A-Za-z0-9 ]{1,126}[-_A-Za-z0-9]$`)
	threeNumbers  = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)
	platforms     = []string{string(component.Linux), string(component.Windows), string(component.MacOS)}
)

func (t *template) component(key, properties *yaml.Node) {
	if properties == nil || properties.Kind != yaml.MappingNode {
		t.add(finding.TemplateMissing, key, "the component has no Properties", "add Name, Platform, Version and Data")
		return
	}
	if get(properties, "Fn::Transform") != nil || get(properties, "<<") != nil {
		return
	}

	for _, name := range []string{"Name", "Platform", "Version"} {
		if get(properties, name) == nil {
			t.add(finding.TemplateMissing, key, "the component has no "+name, "add "+name)
		}
	}

	if name := plain(get(properties, "Name")); name != nil && !componentName.MatchString(name.Value) {
		t.add(finding.TemplateName, name, fmt.Sprintf("%q is not a valid component name", name.Value), "write 3 to 128 of A-Z a-z 0-9 - _ and blanks inside")
	}

	if version := plain(get(properties, "Version")); version != nil && !threeNumbers.MatchString(version.Value) {
		t.add(finding.TemplateVersion, version, fmt.Sprintf("%q is not a version", version.Value), "write three numbers, like 1.0.0")
	}

	platform := plain(get(properties, "Platform"))
	if platform != nil && !slices.Contains(platforms, platform.Value) {
		right := "write Linux, Windows or macOS"
		if near := finding.Nearest(platform.Value, platforms); near != "" {
			right = "did you mean " + near + "?"
		}
		t.add(finding.TemplatePlatform, platform, fmt.Sprintf("there is no platform %q", platform.Value), right)
		platform = nil
	}

	t.data(key, properties, platform)
}

// plain returns a node that is plain text, not an intrinsic function.
func plain(node *yaml.Node) *yaml.Node {
	if node == nil || node.Kind != yaml.ScalarNode || (strings.HasPrefix(node.Tag, "!") && !strings.HasPrefix(node.Tag, "!!")) {
		return nil
	}
	return node
}

func (t *template) data(key, properties, platform *yaml.Node) {
	data := get(properties, "Data")
	uri := get(properties, "Uri")
	if (data != nil && uri != nil) || (data == nil && uri == nil) {
		t.add(finding.TemplateData, key, "a component has exactly one of Data and Uri", "keep one of them")
		return
	}
	if data == nil {
		return
	}

	text := t.textOf(data)
	if text == nil {
		return
	}
	t.limit(data, text)
	t.embedded(text, platform)
}

func (t *template) limit(data *yaml.Node, text *span) {
	count := 0
	for _, filled := range text.filled {
		if !filled {
			count++
		}
	}
	if count > maxInline {
		t.add(finding.TemplateLimit, &yaml.Node{Line: data.Line, Column: data.Column},
			fmt.Sprintf("Data has %d characters, %d are allowed", count, maxInline), "put the document into S3 and name it by Uri")
	}
}

// embedded checks the embedded document and moves its findings to their places in the template.
func (t *template) embedded(text *span, platform *yaml.Node) {
	on := t.linter.Platform
	if platform != nil {
		on = component.Platform(platform.Value)
	}

	doc, found := t.linter.check(t.file, []byte(string(text.runes)), on)
	for _, f := range found {
		if f.Code == finding.TooLargeInline || text.touchesFill(f.Line, f.Column, f.Length) {
			continue
		}
		at := text.at(f.Line, f.Column)
		f.Line = at.line
		f.Column = at.column
		t.found = append(t.found, f)
	}

	if doc == nil {
		return
	}

	for _, line := range stepLines(doc) {
		t.steps = append(t.steps, text.at(line, 1).line)
	}
}

func (t *template) pipeline(properties *yaml.Node) {
	when := get(properties, "Schedule")
	expression := plain(get(when, "ScheduleExpression"))

	zone := plain(get(when, "Timezone"))
	for _, part := range []struct {
		node  *yaml.Node
		check func(text string) error
	}{
		{expression, func(text string) error { _, err := schedule.Parse(text, ""); return err }},
		{zone, func(text string) error { _, err := schedule.Zone(text); return err }},
	} {
		if part.node == nil {
			continue
		}
		var wrong *schedule.Error
		if errors.As(part.check(part.node.Value), &wrong) {
			message := strings.TrimPrefix(wrong.Field+": "+wrong.Message, ": ")
			t.add(finding.TemplateSchedule, part.node, message, wrong.Right)
		}
	}
}

// get returns the value of a key of a map; nil if there is none.
func get(node *yaml.Node, key string) *yaml.Node {
	node = resolve(node)
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return resolve(node.Content[i+1])
		}
	}
	return nil
}

func resolve(node *yaml.Node) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}
