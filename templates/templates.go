// Package templates holds the component documents that a bake consists of, as text.
//
// The same text runs in a local bake and in EC2 Image Builder, where a document may have 16,000 characters; what
// differs from bake to bake is a parameter of the document. The package never parses or runs them.
package templates

import (
	"embed"
	"fmt"
)

//go:embed components/*.yml
var components embed.FS

// Component returns the text of the component document of that name: bootstrap, git-mirrors, packages or
// docker-images. The error says that there is none of that name.
func Component(name string) ([]byte, error) {
	text, err := components.ReadFile("components/" + name + ".yml")
	if err != nil {
		return nil, fmt.Errorf("read component document %s: %w", name, err)
	}
	return text, nil
}
