package aws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// Topics sends messages to SNS topics.
type Topics struct{ Session *Session }

// Send sends a message to a topic, by ARN, in the ARN's region.
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
func (t *Topics) Send(ctx context.Context, topic, message string) error {
	cfg, err := t.Session.regional(ctx)
	if err != nil {
		return err
	}
	client := sns.NewFromConfig(cfg, func(o *sns.Options) {
		if parts := strings.Split(topic, ":"); len(parts) == 6 && regionName.MatchString(parts[3]) {
			o.Region = parts[3]
		}
	})

	_, err = client.Publish(ctx, &sns.PublishInput{TopicArn: &topic, Message: &message})
	return t.Session.explain(ctx, "send message to "+topic, err)
}
