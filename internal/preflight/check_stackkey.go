package preflight

import (
	"context"
	"fmt"
	"strings"
)

// stackKey checks the key that encrypts the stack's topics, log groups and queue. Whether its policy lets the services use
// it is not asked of KMS: it is told when the key is new to the stack, since a stack whose key they may not use fails.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
func (c *Checks) stackKey(_ context.Context, q asked) answer {
	const check = "stack key"
	arn := q.value("StackKeyArn")
	if arn == "" {
		return answer{}
	}

	region := strings.Split(arn, ":")[3]
	switch {
	case region != q.who.Region:
		return answer{results: []Result{{
			check, Failed, fmt.Sprintf("%s is in %s, the stack in %s: topics and logs take keys of their own region", arn, region, q.who.Region),
			"name a key in " + q.who.Region + ": --stack-key-arn",
		}}}
	case q.existing.Parameters["StackKeyArn"] == arn:
		return answer{results: []Result{{Name: check, Status: OK, Text: "the stack uses it already"}}}
	}

	return answer{results: []Result{{
		check, Warning, fmt.Sprintf("the policy of %s must let logs.%s.amazonaws.com, cloudwatch.amazonaws.com and events.amazonaws.com use it", arn, region),
		"add the statements of docs/05-stack.md, A key of your own, to the key's policy",
	}}}
}
