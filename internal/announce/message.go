package announce

import (
	"context"

	"image-builder/internal/image"
)

// Topics sends messages. Satisfied by *aws.Topics.
type Topics interface {
	// Send sends a message to a topic, by its ARN.
	Send(ctx context.Context, topic, message string) error
}

// Send announces an AMI to a topic.
func Send(ctx context.Context, topics Topics, topic, ami string) error {
	message, err := image.NewImage(ami)
	if err != nil {
		return err
	}
	return topics.Send(ctx, topic, message)
}
