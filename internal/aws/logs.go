package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"image-builder/internal/imagepipeline"
)

// Logs reads CloudWatch Logs.
type Logs struct {
	Session *Session

	once   sync.Once
	client *cloudwatchlogs.Client
}

func (l *Logs) open(ctx context.Context) (*cloudwatchlogs.Client, error) {
	cfg, err := l.Session.regional(ctx)
	if err != nil {
		return nil, err
	}
	l.once.Do(func() { l.client = cloudwatchlogs.NewFromConfig(cfg) })
	return l.client, nil
}

// Lines returns a page of a stream. It splits an event of several lines.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
func (l *Logs) Lines(ctx context.Context, group, stream, place string) (imagepipeline.Page, error) {
	client, err := l.open(ctx)
	if err != nil {
		return imagepipeline.Page{}, fmt.Errorf("read log: %w", err)
	}
	in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: &group, LogStreamName: &stream, StartFromHead: aws.Bool(true)}

	if place != "" {
		in.NextToken = &place
	}

	out, err := client.GetLogEvents(ctx, in)
	if absent := (*types.ResourceNotFoundException)(nil); errors.As(err, &absent) {
		return imagepipeline.Page{Next: place, Missing: true}, nil
	}
	if err != nil {
		return imagepipeline.Page{}, l.Session.explain(ctx, "read log "+group+" "+stream, err)
	}

	page := imagepipeline.Page{Next: aws.ToString(out.NextForwardToken)}
	for _, event := range out.Events {
		at := time.UnixMilli(aws.ToInt64(event.Timestamp)).UTC()
		for text := range strings.Lines(aws.ToString(event.Message)) {
			page.Lines = append(page.Lines, imagepipeline.Line{Time: at, Text: strings.TrimRight(text, "\r\n")})
		}
	}

	return page, nil
}

// Streams returns the names of a group's streams.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html
func (l *Logs) Streams(ctx context.Context, group string) ([]string, error) {
	client, err := l.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("list log streams: %w", err)
	}
	pages := cloudwatchlogs.NewDescribeLogStreamsPaginator(client, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &group})

	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if absent := (*types.ResourceNotFoundException)(nil); errors.As(err, &absent) {
			return nil, nil
		}
		if err != nil {
			return nil, l.Session.explain(ctx, "list log streams of "+group, err)
		}
		for _, stream := range page.LogStreams {
			names = append(names, aws.ToString(stream.LogStreamName))
		}
	}

	return names, nil
}
