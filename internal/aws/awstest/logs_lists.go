package awstest

import (
	"slices"
	"strings"
)

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
func (l *Logs) describeLogGroups(call Call) (Values, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	prefix := textOf(call.In, "logGroupNamePrefix")

	pattern := textOf(call.In, "logGroupNamePattern")
	if prefix != "" && pattern != "" {
		return nil, badLogRequest("logGroupNamePrefix and logGroupNamePattern are mutually exclusive parameters.")
	}
	groups := slices.DeleteFunc(slices.Clone(l.groups), func(g *logGroup) bool {
		return !strings.HasPrefix(g.name, prefix) || !strings.Contains(strings.ToLower(g.name), strings.ToLower(pattern))
	})

	slices.SortFunc(groups, func(a, b *logGroup) int { return strings.Compare(a.name, b.name) })
	return logPage(l, call, "logGroups", groups, l.encodeGroup)
}

func (l *Logs) encodeGroup(g *logGroup) Values {
	name := l.arn("logs", "log-group:"+g.name)
	out := Values{
		"logGroupName": g.name, "creationTime": g.created.UnixMilli(), "metricFilterCount": int64(0), "storedBytes": int64(0),
		"arn": name + ":*", "logGroupArn": name, "logGroupClass": "STANDARD",
	}
	if g.days > 0 {
		out["retentionInDays"] = g.days
	}
	return out
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html
func (l *Logs) describeLogStreams(call Call) (Values, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.named(call.In)
	if err != nil {
		return nil, err
	}

	prefix := textOf(call.In, "logStreamNamePrefix")
	byTime := textOf(call.In, "orderBy") == "LastEventTime"
	if byTime && prefix != "" {
		return nil, badLogRequest("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	streams := slices.DeleteFunc(slices.Clone(g.streams), func(s *logStream) bool { return !strings.HasPrefix(s.name, prefix) })
	slices.SortStableFunc(streams, func(a, b *logStream) int {
		order := strings.Compare(a.name, b.name)
		if byTime {
			order = a.last().Compare(b.last())
		}
		if truthOf(call.In, "descending") {
			return -order
		}
		return order
	})

	return logPage(l, call, "logStreams", streams, func(s *logStream) Values { return l.encodeStream(g, s) })
}

func (l *Logs) encodeStream(g *logGroup, s *logStream) Values {
	out := Values{
		"logStreamName": s.name, "creationTime": s.created.UnixMilli(), "storedBytes": int64(0),
		"arn": l.arn("logs", "log-group:"+g.name+":log-stream:"+s.name),
	}
	if len(s.events) > 0 {
		out["firstEventTimestamp"] = s.events[0].at.UnixMilli()
		out["lastEventTimestamp"] = s.last().UnixMilli()
		out["lastIngestionTime"] = s.events[len(s.events)-1].taken.UnixMilli()
	}
	return out
}

// logPage answers with a page of a list of groups or streams.
func logPage[T any](l *Logs, call Call, list string, items []T, encode func(T) Values) (Values, error) {
	size := numberOf(call.In, "limit", 50)
	if l.PageSize > 0 {
		size = min(size, l.PageSize)
	}

	window, next, ok := page(items, call.Operation, textOf(call.In, "nextToken"), size)
	if !ok {
		return nil, badLogRequest("The specified nextToken is invalid.")
	}
	rows := make([]any, len(window))
	for i, item := range window {
		rows[i] = encode(item)
	}

	out := Values{list: rows}
	if next != "" {
		out["nextToken"] = next
	}

	return out, nil
}
