package testbed

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

func (c *Cloud) logReader() *cloudwatchlogs.Client {
	return cloudwatchlogs.NewFromConfig(c.config("logs"))
}

func texts(events []types.OutputLogEvent) string {
	var all []string
	for _, e := range events {
		all = append(all, *e.Message)
	}
	return strings.Join(all, " ")
}

func TestFollowAStream(t *testing.T) {
	t.Parallel()
	c := Start(t)
	c.Logs.SetPageSize(2)
	c.Logs.AnswerEmpty(2)
	c.Logs.Write("/g", "1.0.0/1", "a", "b", "c")
	var token *string
	read := func() (string, bool) {
		t.Helper()
		out, err := c.logReader().GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: aws.String("/g"), LogStreamName: aws.String("1.0.0/1"), StartFromHead: aws.Bool(true), NextToken: token,
		})
		if err != nil {
			t.Fatal(err)
		}
		same := token != nil && *token == *out.NextForwardToken
		token = out.NextForwardToken
		return texts(out.Events), same
	}
	for i, want := range []string{"", "", "a b", "c"} { // empty pages first, each with another token
		if got, same := read(); got != want || same {
			t.Errorf("page %d: %q, same token: %v", i, got, same)
		}
	}

	for range 2 {
		if got, same := read(); got != "" || !same {
			t.Errorf("at the end: %q, same token: %v", got, same)
		}
	}

	c.Logs.Write("/g", "1.0.0/1", "d")
	if got, same := read(); got != "d" || same {
		t.Errorf("after more was written: %q, same token: %v", got, same)
	}
}

func TestReadAStreamBackward(t *testing.T) {
	t.Parallel()
	c := Start(t)
	c.Logs.Write("/g", "s", "a", "b", "c")
	in := cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/g"), LogStreamName: aws.String("s"), Limit: aws.Int32(2)}
	last, err := c.logReader().GetLogEvents(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}

	in.NextToken = last.NextBackwardToken
	first, err := c.logReader().GetLogEvents(t.Context(), &in)
	if err != nil || texts(last.Events) != "b c" || texts(first.Events) != "a" {
		t.Errorf("%q, then %q, %v", texts(last.Events), texts(first.Events), err)
	}
	in.NextToken = last.NextForwardToken // without startFromHead
	_, err = c.logReader().GetLogEvents(t.Context(), &in)
	refused(t, err, "InvalidParameterException")
}

func TestEventsOfATime(t *testing.T) {
	t.Parallel()
	c := Start(t)
	day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	c.Logs.WriteAt("/g", "s", day.Add(time.Hour), "late")
	c.Logs.WriteAt("/g", "s", day, "early")

	out, err := c.logReader().GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String("/g"), LogStreamName: aws.String("s"), StartTime: aws.Int64(day.UnixMilli()), EndTime: aws.Int64(day.Add(time.Hour).UnixMilli()),
	})
	if err != nil || texts(out.Events) != "early" || *out.Events[0].Timestamp != day.UnixMilli() {
		t.Errorf("%q, %v", texts(out.Events), err)
	}
}

func TestListGroupsAndStreams(t *testing.T) {
	t.Parallel()
	c := Start(t)
	ctx := t.Context()
	client := c.logReader()
	c.Logs.AddGroup("/aws/x", 30)

	for i := range 3 {
		c.Logs.WriteAt("/aws/x", fmt.Sprintf("1.0.%d/1", i), time.Unix(int64(100-i), 0), "x")
	}

	groups, err := client.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/aws/")})
	if err != nil || len(groups.LogGroups) != 1 || *groups.LogGroups[0].RetentionInDays != 30 || !strings.HasSuffix(*groups.LogGroups[0].Arn, ":/aws/x:*") {
		t.Errorf("%+v, %v", groups, err)
	}

	for order, want := range map[types.OrderBy]string{"LogStreamName": "1.0.0/1 1.0.1/1 1.0.2/1", "LastEventTime": "1.0.2/1 1.0.1/1 1.0.0/1"} {
		var names []string
		pages := cloudwatchlogs.NewDescribeLogStreamsPaginator(client, &cloudwatchlogs.DescribeLogStreamsInput{
			LogGroupName: aws.String("/aws/x"), OrderBy: order, Limit: aws.Int32(2),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range page.LogStreams {
				names = append(names, *s.LogStreamName)
			}
		}

		if got := strings.Join(names, " "); got != want {
			t.Errorf("by %s: %s", order, got)
		}
	}

	_, err = client.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{
		LogGroupName: aws.String("/aws/x"), OrderBy: "LastEventTime", LogStreamNamePrefix: aws.String("1"),
	})
	refused(t, err, "InvalidParameterException")
	_, err = client.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/none")})
	refused(t, err, "ResourceNotFoundException")
	_, err = client.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{})
	refused(t, err, "InvalidParameterException")
}

func TestFilterEvents(t *testing.T) {
	t.Parallel()
	c := Start(t)
	c.Logs.SetPageSize(1)
	c.Logs.WriteAt("/g", "one", time.Unix(1, 0), "ERROR exit status 1")
	c.Logs.WriteAt("/g", "two", time.Unix(2, 0), "all is well")
	c.Logs.WriteAt("/g", "two", time.Unix(3, 0), "ERROR again")

	find := func(in cloudwatchlogs.FilterLogEventsInput) (string, error) {
		in.LogGroupName = aws.String("/g")
		var all []string

		pages := cloudwatchlogs.NewFilterLogEventsPaginator(c.logReader(), &in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				return "", err
			}
			for _, e := range page.Events {
				all = append(all, *e.LogStreamName+":"+*e.Message)
			}
		}

		return strings.Join(all, ", "), nil
	}
	for pattern, want := range map[string]string{
		"ERROR": "one:ERROR exit status 1, two:ERROR again", `"exit status"`: "one:ERROR exit status 1", "ERROR well": "",
	} {
		if got, err := find(cloudwatchlogs.FilterLogEventsInput{FilterPattern: &pattern}); got != want || err != nil {
			t.Errorf("%s: %q, %v", pattern, got, err)
		}
	}

	if got, err := find(cloudwatchlogs.FilterLogEventsInput{LogStreamNamePrefix: aws.String("t")}); got != "two:all is well, two:ERROR again" {
		t.Errorf("%q, %v", got, err)
	}
	_, err := find(cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"one"}, LogStreamNamePrefix: aws.String("t")})
	refused(t, err, "InvalidParameterException")
	_, err = find(cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"none"}})
	refused(t, err, "ResourceNotFoundException")
	_, err = find(cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("?ERROR ?WARN")})
	refused(t, err, "InvalidParameterException")
}
