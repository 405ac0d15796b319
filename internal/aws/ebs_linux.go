package aws

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/smithy-go"

	"image-builder/internal/snapshot"
)

// EBS reads and writes snapshots through the EBS direct APIs. It sends each request once; package snapshot retries.
// https://docs.aws.amazon.com/ebs/latest/APIReference/API_Operations.html
type EBS struct {
	Session *Session

	once   sync.Once
	client *ebs.Client
}

// The service recommends one HTTP/1.1 connection for each request in flight.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebsapi-performance.html
const (
	ebsConnections = 256
	ebsConnect     = 5 * time.Second
)

func (e *EBS) open(ctx context.Context) (*ebs.Client, error) {
	cfg, err := e.Session.regional(ctx)
	if err != nil {
		return nil, err
	}

	e.once.Do(func() {
		client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns = ebsConnections
			t.MaxIdleConnsPerHost = ebsConnections
			t.ForceAttemptHTTP2 = false
			t.WriteBufferSize = 64 << 10
			t.ReadBufferSize = 64 << 10
		}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = ebsConnect })

		e.client = ebs.NewFromConfig(cfg, func(o *ebs.Options) {
			o.HTTPClient = client
			o.Retryer = aws.NopRetryer{}
		})
	})

	return e.client, nil
}

// Start begins a snapshot.
// https://docs.aws.amazon.com/ebs/latest/APIReference/API_StartSnapshot.html
func (e *EBS) Start(ctx context.Context, request snapshot.Request) (snapshot.Started, error) {
	client, err := e.open(ctx)
	if err != nil {
		return snapshot.Started{}, err
	}

	in := &ebs.StartSnapshotInput{
		VolumeSize: &request.VolumeSize, ParentSnapshotId: optional(request.Parent), Description: optional(request.Description),
		ClientToken: &request.Token, Timeout: aws.Int32(int32(request.Timeout)),
	}
	for _, name := range slices.Sorted(maps.Keys(request.Tags)) { // the same token with the tags in another order would be a conflict
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(name), Value: aws.String(request.Tags[name])})
	}

	out, err := client.StartSnapshot(ctx, in)
	if err != nil {
		return snapshot.Started{}, e.explain(ctx, "begin snapshot", err)
	}
	if out.SnapshotId == nil || out.BlockSize == nil {
		return snapshot.Started{}, cutOff("begin snapshot")
	}

	return snapshot.Started{ID: aws.ToString(out.SnapshotId), State: string(out.Status), BlockSize: int64(aws.ToInt32(out.BlockSize))}, nil
}

// Put writes a block.
// https://docs.aws.amazon.com/ebs/latest/APIReference/API_PutSnapshotBlock.html
func (e *EBS) Put(ctx context.Context, id string, index int64, block []byte, digest snapshot.Digest) error {
	client, err := e.open(ctx)
	if err != nil {
		return err
	}

	_, err = client.PutSnapshotBlock(ctx, &ebs.PutSnapshotBlockInput{
		SnapshotId: &id, BlockIndex: aws.Int32(int32(index)), BlockData: bytes.NewReader(block), DataLength: aws.Int32(int32(len(block))),
		Checksum: encoded(digest), ChecksumAlgorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256,
	})
	return e.explain(ctx, "put block", err)
}

// Complete ends the writing of a snapshot.
// https://docs.aws.amazon.com/ebs/latest/APIReference/API_CompleteSnapshot.html
func (e *EBS) Complete(ctx context.Context, id string, blocks int64, sum snapshot.Digest) error {
	client, err := e.open(ctx)
	if err != nil {
		return err
	}

	_, err = client.CompleteSnapshot(ctx, &ebs.CompleteSnapshotInput{
		SnapshotId: &id, ChangedBlocksCount: aws.Int32(int32(blocks)), Checksum: encoded(sum),
		ChecksumAlgorithm:         types.ChecksumAlgorithmChecksumAlgorithmSha256,
		ChecksumAggregationMethod: types.ChecksumAggregationMethodChecksumAggregationLinear,
	})

	return e.explain(ctx, "complete snapshot", err)
}

func encoded(digest snapshot.Digest) *string {
	return aws.String(base64.StdEncoding.EncodeToString(digest[:]))
}

// pageOfBlocks is how many blocks a page has at most.
const pageOfBlocks = 10_000

// Blocks lists the blocks of a snapshot.
// https://docs.aws.amazon.com/ebs/latest/APIReference/API_ListSnapshotBlocks.html
func (e *EBS) Blocks(ctx context.Context, id, page string) (snapshot.Page, error) {
	client, err := e.open(ctx)
	if err != nil {
		return snapshot.Page{}, err
	}

	out, err := client.ListSnapshotBlocks(ctx, &ebs.ListSnapshotBlocksInput{
		SnapshotId: &id, NextToken: optional(page), MaxResults: aws.Int32(pageOfBlocks),
	})
	if err != nil {
		return snapshot.Page{}, e.explain(ctx, "list blocks", err)
	}

	found, err := pageOf("list blocks", out.NextToken, out.BlockSize, out.VolumeSize)
	for _, block := range out.Blocks {
		found.Blocks = append(found.Blocks, snapshot.Location{Index: int64(aws.ToInt32(block.BlockIndex)), Token: aws.ToString(block.BlockToken)})
	}

	return found, err
}

// ChangedBlocks lists the blocks of a snapshot that differ from those of an earlier one.
// https://docs.aws.amazon.com/ebs/latest/APIReference/API_ListChangedBlocks.html
func (e *EBS) ChangedBlocks(ctx context.Context, first, second, page string) (snapshot.Page, error) {
	client, err := e.open(ctx)
	if err != nil {
		return snapshot.Page{}, err
	}

	out, err := client.ListChangedBlocks(ctx, &ebs.ListChangedBlocksInput{
		FirstSnapshotId: &first, SecondSnapshotId: &second, NextToken: optional(page), MaxResults: aws.Int32(pageOfBlocks),
	})
	if err != nil {
		return snapshot.Page{}, e.explain(ctx, "list changed blocks", err)
	}

	found, err := pageOf("list changed blocks", out.NextToken, out.BlockSize, out.VolumeSize)
	for _, block := range out.ChangedBlocks {
		found.Blocks = append(found.Blocks, snapshot.Location{Index: int64(aws.ToInt32(block.BlockIndex)), Token: aws.ToString(block.SecondBlockToken)})
	}

	return found, err
}

// pageOf returns a page without its blocks. An answer without a block size was cut off on its way.
func pageOf(what string, next *string, blockSize *int32, volume *int64) (snapshot.Page, error) {
	if blockSize == nil {
		return snapshot.Page{}, cutOff(what)
	}
	return snapshot.Page{Next: aws.ToString(next), BlockSize: int64(*blockSize), Volume: aws.ToInt64(volume)}, nil
}

// Block reads a block, unless its digest equals the caller's.
// https://docs.aws.amazon.com/ebs/latest/APIReference/API_GetSnapshotBlock.html
func (e *EBS) Block(ctx context.Context, id string, at snapshot.Location, into []byte, held snapshot.Digest) (digest snapshot.Digest, err error) {
	client, err := e.open(ctx)
	if err != nil {
		return digest, err
	}

	out, err := client.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{
		SnapshotId: &id, BlockIndex: aws.Int32(int32(at.Index)), BlockToken: &at.Token,
	})
	if err != nil {
		return digest, e.explain(ctx, "get block", err)
	}
	defer func() { err = errors.Join(err, out.BlockData.Close()) }()

	sum, err := base64.StdEncoding.DecodeString(aws.ToString(out.Checksum))
	if err != nil || len(sum) != len(digest) || out.ChecksumAlgorithm != types.ChecksumAlgorithmChecksumAlgorithmSha256 {
		return digest, fmt.Errorf("get block: its checksum %q is not a SHA-256", aws.ToString(out.Checksum))
	}
	digest = snapshot.Digest(sum)
	if digest == held {
		return digest, nil
	}
	if _, err := io.ReadFull(out.BlockData, into); err != nil {
		return digest, e.explain(ctx, "get block", err)
	}

	return digest, nil
}

// cutOff is the error for an answer that lacks a required header: the SDK takes a body that was cut off before its
// first byte for an empty one.
func cutOff(what string) error {
	return classified(snapshot.ErrPassing, fmt.Errorf("%s: the answer was cut off", what))
}

// explain translates an error into package snapshot's terms.
func (e *EBS) explain(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	return classified(kindOf(err), e.Session.explain(ctx, what, err))
}

// refused is an error of one of package snapshot's kinds.
type refused struct {
	error
	kind error
}

func (r *refused) Unwrap() []error { return []error{r.error, r.kind} }

func classified(kind, err error) error {
	if kind == nil {
		return err
	}
	return &refused{err, kind}
}

// transient are the error codes that the SDK would retry.
var transient = retry.IsErrorRetryables(retry.DefaultRetryables)

// throttles are the error codes for an exceeded quota.
var throttles = retry.IsErrorThrottles(retry.DefaultThrottles)

// kindOf returns the kind of an EBS or EC2 error; nil if retrying cannot help.
func kindOf(err error) error {
	var invalid *types.ValidationException
	if errors.As(err, &invalid) {
		return kindOfInvalid(invalid.Reason)
	}

	var api smithy.APIError
	code := ""

	if errors.As(err, &api) {
		code = api.ErrorCode()
	}

	switch {
	case code == "RequestThrottledException", code == "ConcurrentLimitExceededException", throttles.IsErrorThrottle(err) == aws.TrueTernary:
		return snapshot.ErrThrottled
	case code == "ResourceNotFoundException", code == "InvalidSnapshot.NotFound":
		return snapshot.ErrNotFound
	case code == "ConflictException":
		return snapshot.ErrConflict
	case code == "InternalServerException", transient.IsErrorRetryable(err) == aws.TrueTernary:
		return snapshot.ErrPassing
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.As(err, new(net.Error)):
		return snapshot.ErrPassing
	}

	return nil
}

func kindOfInvalid(reason types.ValidationExceptionReason) error {
	switch reason {
	case types.ValidationExceptionReasonUnrelatedSnapshots:
		return snapshot.ErrUnrelated
	case types.ValidationExceptionReasonWriteRequestTimeout, types.ValidationExceptionReasonConflictingBlockUpdate:
		return snapshot.ErrPassing
	}
	return snapshot.ErrInvalid
}
