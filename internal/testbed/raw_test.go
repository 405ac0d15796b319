package testbed

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"image-builder/internal/testbed/wire"
)

// post sends a signed request that no SDK would send.
func post(t *testing.T, c *Cloud, service, scope, body string, header http.Header) (int, string) {
	t.Helper()
	return postAt(t, c, service, scope, body, header, time.Now())
}

func postAt(t *testing.T, c *Cloud, service, scope, body string, header http.Header, when time.Time) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Endpoint(service)+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	for name, values := range header {
		r.Header[name] = values
	}

	sum := sha256.Sum256([]byte(body))
	credentials := aws.Credentials{AccessKeyID: wire.AccessKey, SecretAccessKey: wire.SecretKey}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), scope, wire.Region, when); err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()

	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Header.Get("X-Amzn-Requestid") == "" {
		t.Error("an answer without a request ID")
	}

	return answer.StatusCode, string(text)
}

// Requests that no SDK would send are refused as well.
func TestRequestsThatNoSDKSends(t *testing.T) {
	t.Parallel()
	form := func(pairs ...string) string {
		v := url.Values{"Version": {"2010-05-15"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v.Encode()
	}

	for name, test := range map[string]struct{ service, body, target, says string }{
		"query: unknown field":      {"cloudformation", form("Action", "DescribeStacks", "Stack", "s"), "", "Unknown parameter 'Stack'"},
		"query: nested unknown":     {"cloudformation", form("Action", "CreateStack", "StackName", "s", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v", "Tags.member.1.Val", "v"), "", "'Tags.1.Val'"},
		"query: list without names": {"cloudformation", form("Action", "CreateStack", "StackName", "s", "Tags.1.Key", "k"), "", "a list has member.N only"},
		"query: missing required":   {"cloudformation", form("Action", "ExecuteChangeSet"), "", "'changeSetName' failed to satisfy constraint: Member must not be null"},
		"query: no boolean":         {"cloudformation", form("Action", "DescribeChangeSet", "ChangeSetName", "c", "IncludePropertyValues", "maybe"), "", "IncludePropertyValues"},
		"query: no operation":       {"cloudformation", form("Action", "MakeStack"), "", "no such operation"},
		"ec2: unknown field":        {"ec2", form("Action", "DescribeImages", "Filters.1.Name", "n"), "", "Unknown parameter 'Filters'"},
		"ec2: index":                {"ec2", form("Action", "DescribeImages", "Owner.0", "self"), "", "want a number from 1"},
		"json: unknown field":       {"ssm", `{"Name":"/a","Names":["/b"]}`, "AmazonSSM.GetParameter", "Unknown parameter 'names'"},
		"json: missing required":    {"ssm", `{}`, "AmazonSSM.GetParameter", "Member must not be null"},
		"json: type":                {"ssm", `{"Name":7}`, "AmazonSSM.GetParameter", "Member must be a string"},
		"json: no boolean":          {"ssm", `{"Name":"/a","WithDecryption":"true"}`, "AmazonSSM.GetParameter", "Member must be a boolean"},
		"json: something behind":    {"ssm", `{"Name":"/a"}{}`, "AmazonSSM.GetParameter", "something follows"},
		"json: no operation":        {"ssm", `{}`, "AmazonSSM.Get", "no such operation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := startEcho(t, test.service, nil)
			header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}

			if test.target != "" {
				header = http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {test.target}}
			}

			if status, text := post(t, c, test.service, test.service, test.body, header); status != http.StatusBadRequest {
				t.Errorf("status %d: %s", status, text)
			}
			wantViolation(t, c, test.says)

			c.Overlook(func(found string) bool { return strings.Contains(found, test.says) })
			if status, text := post(t, c, test.service, test.service, test.body, header); status != http.StatusOK && test.says != "no such operation" {
				t.Errorf("something else than %q makes it status %d: %s %q", test.says, status, text, c.Violations())
			}
			c.Violations()
		})
	}
}

func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	c := Start(t)
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	for since, want := range map[time.Duration]int{time.Minute: http.StatusOK, time.Hour: http.StatusForbidden, -time.Hour: http.StatusForbidden} {
		if status, text := postAt(t, c, "sts", "sts", body, header, time.Now().Add(-since)); status != want {
			t.Errorf("signed %v ago: status %d: %s", since, status, text)
		}
	}
}
