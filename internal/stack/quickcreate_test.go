package stack

import (
	"net/url"
	"strings"
	"testing"
)

func TestQuickCreate(t *testing.T) {
	t.Parallel()
	for region, host := range map[string]string{
		"eu-central-1": "eu-central-1.console.aws.amazon.com", "cn-north-1": "cn-north-1.console.amazonaws.cn", "us-gov-west-1": "us-gov-west-1.console.amazonaws-us-gov.com",
	} {
		link := QuickCreate(region, "https://s3.example/a?b", "nightly-ami", map[string]string{"Packages": "jq tmux", "ScheduleExpression": "cron(0 0 * * ? *)"})
		before, query, _ := strings.Cut(link, "#/stacks/create/review?")
		if want := "https://" + host + "/cloudformation/home?region=" + region; before != want {
			t.Errorf("%s: the link begins %s, want %s", region, before, want)
		}
		if strings.ContainsAny(query, "+ ()?*") {
			t.Errorf("%s: not all is escaped: %s", region, query)
		}

		values, err := url.ParseQuery(query)
		if err != nil || values.Get("templateURL") != "https://s3.example/a?b" || values.Get("stackName") != "nightly-ami" ||
			values.Get("param_Packages") != "jq tmux" || values.Get("param_ScheduleExpression") != "cron(0 0 * * ? *)" {
			t.Errorf("%s: %v, %v", region, values, err)
		}
	}
}
