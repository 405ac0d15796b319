package preflight

import (
	"context"
	"fmt"
	"strings"
)

// key tells what the build needs to read an object that is encrypted with a KMS key of one's own. The stack lets the
// build instance decrypt what it may read, through S3 alone; the key's policy must agree.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
func (q asked) key(url, arn string) []Result {
	const check = "encryption key"
	if arn == "" {
		return nil
	}
	if account := accountOf(arn); account != "" && account != q.who.Account {
		return []Result{{
			check, Warning, fmt.Sprintf("%s is encrypted with %s of account %s, whose policy decides who may decrypt", url, arn, account),
			fmt.Sprintf("allow kms:Decrypt to account %s in the key's policy; a key that AWS manages there cannot be shared: encrypt the object with another", q.who.Account),
		}}
	}

	return []Result{{check, OK, fmt.Sprintf("%s is encrypted with %s; the stack lets the build decrypt it, if the key's policy lets IAM policies of account %s decide, as it does unless it was changed", url, arn, q.who.Account), ""}}
}

// accountOf returns the account in an ARN; "" if there is none.
func accountOf(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// secretsRegion refuses a bucket of secrets in another region: nothing documents that S3Download reads from there.
func (c *Checks) secretsRegion(ctx context.Context, q asked) answer {
	bucket := q.value("SecretsBucket")
	if bucket == "" {
		return answer{}
	}

	region, err := c.Buckets.Region(ctx, bucket, "")
	if err != nil || region == "" || region == q.who.Region {
		return answer{} // the check of the secrets themselves says what is wrong with the bucket
	}

	return answer{results: []Result{{
		"secrets", Failed, fmt.Sprintf("bucket %s is in %s, the stack in %s: it is not documented that S3Download reads from another region", bucket, region, q.who.Region),
		"copy the secrets to a bucket in " + q.who.Region,
	}}}
}
