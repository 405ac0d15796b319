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
	type document struct {
		Content    string                `json:"content"`
		Parameters []component.Parameter `json:"parameters,omitempty"`
	}

	bootstrap, err := contentOf(r.Bootstrap)
	if err != nil {
		return "", err
	}
	documents := make([]document, 0, len(r.Components))
	for _, c := range r.Components {
		content, err := contentOf(c.Document)
		if err != nil {
			return "", err
		}
		documents = append(documents, document{content, c.Parameters})
	}

	base := r.Base
	if isPath(base) && !scheme.MatchString(base) {
		base = filepath.Base(base)
	}

	text, err := json.Marshal(map[string]any{
		"name": r.Name, "base": base, "bootstrap": bootstrap, "components": documents, "git-mirrors": r.GitMirrors,
		"docker-images": r.DockerImages, "packages": r.Packages, "output": r.Output, "schedule": r.Schedule,
		"timezone": r.TimeZone, "disk": r.Disk, "timeout": r.Timeout, "allow-leak": r.AllowLeak,
	})
	if err != nil {
		return "", fmt.Errorf("digest recipe: %w", err)
	}

	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
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
