package logs

import (
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
func (l *Service) describeLogGroups(call wire.Call) (wire.Values, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	prefix := wire.Text(call.In, "logGroupNamePrefix")

	pattern := wire.Text(call.In, "logGroupNamePattern")
	if prefix != "" && pattern != "" {
		return nil, badLogRequest("logGroupNamePrefix and logGroupNamePattern are mutually exclusive parameters.")
	}
	groups := slices.DeleteFunc(slices.Clone(l.groups), func(g *logGroup) bool {
		return !strings.HasPrefix(g.name, prefix) || !strings.Contains(strings.ToLower(g.name), strings.ToLower(pattern))
	})

	slices.SortFunc(groups, func(a, b *logGroup) int { return strings.Compare(a.name, b.name) })
	return logPage(l, call, "logGroups", groups, l.encodeGroup)
}

func (l *Service) encodeGroup(g *logGroup) wire.Values {
	name := l.ARN("logs", "log-group:"+g.name)
	out := wire.Values{
		"logGroupName": g.name, "creationTime": g.created.UnixMilli(), "metricFilterCount": int64(0), "storedBytes": int64(0),
		"arn": name + ":*", "logGroupArn": name, "logGroupClass": "STANDARD",
	}
	if g.days > 0 {
		out["retentionInDays"] = g.days
	}
	return out
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html
func (l *Service) describeLogStreams(call wire.Call) (wire.Values, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.named(call.In)
	if err != nil {
		return nil, err
	}

	prefix := wire.Text(call.In, "logStreamNamePrefix")
	byTime := wire.Text(call.In, "orderBy") == "LastEventTime"
	if byTime && prefix != "" {
		return nil, badLogRequest("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	streams := slices.DeleteFunc(slices.Clone(g.streams), func(s *logStream) bool { return !strings.HasPrefix(s.name, prefix) })
	slices.SortStableFunc(streams, func(a, b *logStream) int {
		order := strings.Compare(a.name, b.name)
		if byTime {
			order = a.last().Compare(b.last())
		}
		if wire.Truth(call.In, "descending") {
			return -order
		}
		return order
	})

	return logPage(l, call, "logStreams", streams, func(s *logStream) wire.Values { return l.encodeStream(g, s) })
}

func (l *Service) encodeStream(g *logGroup, s *logStream) wire.Values {
	out := wire.Values{
		"logStreamName": s.name, "creationTime": s.created.UnixMilli(), "storedBytes": int64(0),
		"arn": l.ARN("logs", "log-group:"+g.name+":log-stream:"+s.name),
	}
	if len(s.events) > 0 {
		out["firstEventTimestamp"] = s.events[0].at.UnixMilli()
		out["lastEventTimestamp"] = s.last().UnixMilli()
		out["lastIngestionTime"] = s.events[len(s.events)-1].taken.UnixMilli()
	}
	return out
}

// logPage answers with a page of a list of groups or streams.
func logPage[T any](l *Service, call wire.Call, list string, items []T, encode func(T) wire.Values) (wire.Values, error) {
	size := wire.Number(call.In, "limit", 50)
	if l.pageSize > 0 {
		size = min(size, l.pageSize)
	}

	window, next, ok := wire.Page(items, call.Operation, wire.Text(call.In, "nextToken"), size)
	if !ok {
		return nil, badLogRequest("The specified nextToken is invalid.")
	}
	rows := make([]any, len(window))
	for i, item := range window {
		rows[i] = encode(item)
	}

	out := wire.Values{list: rows}
	if next != "" {
		out["nextToken"] = next
	}

	return out, nil
}
