package recipe

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/finding"
	"image-builder/internal/image"
)

const publishForms = "write publish: {regions: [eu-central-1]}, or publish: true"

// checkPublish takes true, false and regions, separated by commas.
func checkPublish(v value) (string, *fault) {
	if v.text == "true" || v.text == "false" {
		return v.text, nil
	}
	for _, region := range splitList(v.text) {
		if !image.IsRegion(region) {
			return "", &fault{code: finding.RecipePublish, message: fmt.Sprintf("%q is not the name of a region", region), right: publishForms}
		}
	}
	return v.text, nil
}

// setPublish sets the regions. Whom the AMI is shared with, and the topic, stay as the recipe says.
func setPublish(r *Recipe, text string) {
	switch {
	case text == "false":
		r.Publish = nil
		return
	case r.Publish == nil:
		r.Publish = &Publish{}
	}
	if text != "true" {
		r.Publish.Regions = splitList(text)
	}
}

// publishMember is a member of publish: a list of texts, or one text.
type publishMember struct {
	name  string
	right string
	good  func(text string) bool // one of its texts
	set   func(p *Publish, texts []string)
}

var publishMembers = []publishMember{
	{"regions", "write regions: [eu-central-1]", image.IsRegion, func(p *Publish, texts []string) { p.Regions = texts }},
	{
		"share-with", `write share-with: ["123456789012"], or an organizational unit's ARN`,
		func(text string) bool { return image.IsAccount(text) || image.IsUnit(text) }, func(p *Publish, texts []string) { p.ShareWith = texts },
	},
	{"topic", "write topic: arn:aws:sns:eu-central-1:123456789012:images", image.IsTopic, func(p *Publish, texts []string) { p.Topic = strings.Join(texts, "") }},
}

// readPublish reads {regions: […], share-with: […], topic: …}.
func (b *builder) readPublish(node *yaml.Node) {
	b.recipe.Publish = &Publish{}
	b.recipe.positions["publish"] = []finding.Position{b.value(node).at}

	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		at := slices.IndexFunc(publishMembers, func(m publishMember) bool { return m.name == key.Value })
		if at < 0 {
			b.unknownKey(b.value(key), []string{"regions", "share-with", "topic"})
			continue
		}

		member := publishMembers[at]
		texts, ok := b.publishTexts(member, resolve(node.Content[i+1]))
		if ok {
			member.set(b.recipe.Publish, texts)
		}
	}
}

// publishTexts reads a member's texts.
func (b *builder) publishTexts(member publishMember, node *yaml.Node) (texts []string, ok bool) {
	items := node.Content
	if node.Kind == yaml.ScalarNode {
		items = []*yaml.Node{node}
	}

	isList := node.Kind == yaml.SequenceNode
	if (!isList && node.Kind != yaml.ScalarNode) || (isList && member.name == "topic") {
		b.add(finding.RecipeType, b.value(node), fmt.Sprintf("%s is not a %s here", member.name, kindName(node)), member.right)
		return nil, false
	}

	for _, item := range items {
		item = resolve(item)
		if item.Kind != yaml.ScalarNode || !member.good(item.Value) {
			b.add(finding.RecipePublish, b.value(item), fmt.Sprintf("%q does not belong in %s", item.Value, member.name), member.right)
			return nil, false
		}
		texts = append(texts, item.Value)
	}

	return texts, true
}
