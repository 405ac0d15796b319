package preflight

import (
	"iter"

	"go.yaml.in/yaml/v4"
)

// get returns the value of a map's key; nil if the map lacks it, or is not a map.
func get(node *yaml.Node, key string) *yaml.Node {
	for name, value := range entries(node) {
		if name == key {
			return value
		}
	}
	return nil
}

// entries yields the keys of a map and their values, in order.
func entries(node *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if node == nil || node.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if !yield(node.Content[i].Value, node.Content[i+1]) {
				return
			}
		}
	}
}

// scalar returns a node's text; "" if it is not a scalar.
func scalar(node *yaml.Node) string {
	if node == nil {
		return ""
	}
	return node.Value
}
