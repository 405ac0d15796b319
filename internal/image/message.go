package image

import (
	"encoding/json"
	"fmt"
)

// NewImage is the message that announces an image by its ID. It must never change by a byte: subscribers parse it.
func NewImage(id string) (string, error) {
	quoted, err := json.Marshal(id)
	if err != nil {
		return "", fmt.Errorf("write message: %w", err)
	}
	return fmt.Sprintf(`{"event": "NewImage", "NewImage": {"ami": %s}}`, quoted), nil
}
