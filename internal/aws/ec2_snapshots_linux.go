package aws

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"image-builder/internal/snapshot"
)

// Snapshot returns a snapshot. It sends one request; package snapshot retries.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html
func (e *EC2) Snapshot(ctx context.Context, id string) (snapshot.Snapshot, error) {
	client, err := e.open(ctx)
	if err != nil {
		return snapshot.Snapshot{}, err
	}

	out, err := client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}}, once)
	if err == nil && len(out.Snapshots) == 0 {
		return snapshot.Snapshot{}, fmt.Errorf("look at %s: %w", id, snapshot.ErrNotFound)
	}
	if err != nil {
		return snapshot.Snapshot{}, classified(kindOf(err), e.explain(ctx, "look at "+id, err))
	}

	return snapshotOf(out.Snapshots[0]), nil
}

// once turns the SDK's retries off, for callers that retry themselves.
func once(o *ec2.Options) { o.Retryer = aws.NopRetryer{} }

func snapshotOf(s types.Snapshot) snapshot.Snapshot {
	found := snapshot.Snapshot{
		ID: aws.ToString(s.SnapshotId), Owner: aws.ToString(s.OwnerId), State: string(s.State), Message: aws.ToString(s.StateMessage),
		VolumeSize: int64(aws.ToInt32(s.VolumeSize)), Encrypted: aws.ToBool(s.Encrypted), Tags: map[string]string{},
	}
	for _, tag := range s.Tags {
		found.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return found
}

// DeleteSnapshot deletes a snapshot. A snapshot that does not exist is not an error.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html
func (e *EC2) DeleteSnapshot(ctx context.Context, id string) error {
	client, err := e.open(ctx)
	if err != nil {
		return err
	}

	_, err = client.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: &id}, once)
	if err == nil {
		return nil
	}
	err = classified(kindOf(err), e.explain(ctx, "delete "+id, err))
	if errors.Is(err, snapshot.ErrNotFound) {
		return nil
	}

	return err
}

// OwnSnapshots returns this account's snapshots that have a tag with this value, except those in status error.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html
func (e *EC2) OwnSnapshots(ctx context.Context, tag, value string) ([]snapshot.Snapshot, error) {
	client, err := e.open(ctx)
	if err != nil {
		return nil, err
	}

	var found []snapshot.Snapshot
	err = eachPage(func(token *string) (*string, error) {
		page, err := client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{
			OwnerIds: []string{"self"}, NextToken: token,
			Filters: []types.Filter{filter("tag:"+tag, value), {Name: aws.String("status"), Values: []string{snapshot.Pending, snapshot.Completed}}},
		})
		if err != nil {
			return nil, e.explain(ctx, "look for snapshots with the tag "+tag, err)
		}

		for _, one := range page.Snapshots {
			found = append(found, snapshotOf(one))
		}

		return page.NextToken, nil
	})

	return found, err
}

// OwnSnapshot reports whether a snapshot belongs to this account.
func (e *EC2) OwnSnapshot(ctx context.Context, id string) (bool, error) {
	client, err := e.open(ctx)
	if err != nil {
		return false, err
	}
	out, err := client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"}, Filters: []types.Filter{filter("snapshot-id", id)},
	})
	if err != nil {
		return false, e.explain(ctx, "look at "+id, err)
	}

	return len(out.Snapshots) > 0, nil
}
