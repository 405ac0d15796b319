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
// It does not depend on the recipe's directory. It does not cover secrets: neither their values nor their location.
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

// digestBase drops the directory of a disk's path.
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

// contentOf stands for a script or document: a local file's digest, or else the URL.
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
