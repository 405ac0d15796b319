package recipe

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"image-builder/internal/component"
)

// Digest is the SHA-256 (hex) over what the recipe asks for and the contents of every script and document it names.
//
// It is the same wherever the recipe lies, and says nothing about secrets: neither their values nor where they are.
func (r *Recipe) Digest() (string, error) {
	covered := map[string]any{}
	for _, f := range fields() {
		if f.digest == nil {
			continue
		}
		part, err := f.digest(r)
		if err != nil {
			return "", err
		}
		covered[f.name] = part
	}

	text, err := json.Marshal(covered)
	if err != nil {
		return "", fmt.Errorf("digest recipe: %w", err)
	}
	sum := sha256.Sum256(text)

	return hex.EncodeToString(sum[:]), nil
}

func digestScript(r *Recipe) (any, error) { return contentOf(r.Bootstrap) }

// digestBase leaves the directory of a disk out.
func digestBase(r *Recipe) (any, error) {
	if isPath(r.Base) && !scheme.MatchString(r.Base) {
		return filepath.Base(r.Base), nil
	}
	return r.Base, nil
}

func digestDocuments(r *Recipe) (any, error) {
	type document struct {
		Content    string                `json:"content"`
		Parameters []component.Parameter `json:"parameters,omitempty"`
	}

	documents := make([]document, 0, len(r.Components))
	for _, c := range r.Components {
		content, err := contentOf(c.Document)
		if err != nil {
			return nil, err
		}
		documents = append(documents, document{content, c.Parameters})
	}

	return documents, nil
}

// contentOf stands for a script or document: the digest of a local file, else its URL.
func contentOf(reference string) (string, error) {
	if reference == "" || scheme.MatchString(reference) {
		return reference, nil
	}
	file, err := os.Open(reference)
	if err != nil {
		return "", fmt.Errorf("digest recipe: %w", err)
	}
	defer file.Close()

	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("digest recipe: %w", err)
	}

	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
