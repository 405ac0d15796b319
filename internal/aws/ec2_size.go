package aws

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// SnapshotData returns the size of all of a snapshot's blocks, in bytes; 0 if EC2 does not say. A snapshot of another
// account's public AMI is mostly not shown, and so not found.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Snapshot.html
func (e *EC2) SnapshotData(ctx context.Context, id string) (int64, error) {
	client, err := e.open(ctx)
	if err != nil {
		return 0, err
	}
	out, err := client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
	if err != nil {
		return 0, e.explain(ctx, "look at "+id, err)
	}
	if len(out.Snapshots) == 0 {
		return 0, fmt.Errorf("look at %s: %w", id, fs.ErrNotExist)
	}
	return aws.ToInt64(out.Snapshots[0].FullSnapshotSizeInBytes), nil
}
