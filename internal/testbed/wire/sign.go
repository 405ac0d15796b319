package wire

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// authorization is the header of a signed request.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$`)

// unsignedPayload replaces the hash of a body that is not signed.
const unsignedPayload = "UNSIGNED-PAYLOAD"

// clockSkew is the largest difference between the two sides' clocks.
const clockSkew = 15 * time.Minute

// SignedRegion returns the region that a request is signed for; "" if it is not signed.
func SignedRegion(r *http.Request) string {
	parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil {
		return ""
	}
	return parts[3]
}

// Unauthorized says why a request's signature is not that of the account's key for this service in Region; "" if it
// is. The result is one of the names in the services' error codes.
func Unauthorized(r *http.Request, service string, body []byte) string {
	return unauthorized(r, scope{service, Region}, body)
}

// scope is what a request is signed for.
type scope struct{ service, region string }

func unauthorized(r *http.Request, scope scope, body []byte) string {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "missing"
	}
	parts := authorization.FindStringSubmatch(header)
	if parts == nil {
		return "malformed"
	}

	when, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	switch {
	case parts[1] != AccessKey || r.Header.Get("X-Amz-Security-Token") != "":
		return "unknown"
	case err != nil || when.Format("20060102") != parts[2] || parts[3] != scope.region || parts[4] != scope.service:
		return "malformed"
	case time.Since(when).Abs() > clockSkew:
		return "skewed"
	case signature(r, strings.Split(parts[5], ";"), scope, when, body) != parts[6]:
		return "different"
	}

	return ""
}

// signature signs the request again, as its sender should have.
func signature(r *http.Request, signed []string, scope scope, when time.Time, body []byte) string {
	service := scope.service
	if !slices.Contains(signed, "host") || !slices.Contains(signed, "x-amz-date") {
		return ""
	}
	again := &http.Request{Method: r.Method, Host: r.Host, Header: http.Header{}, URL: &url.URL{
		Scheme: "http", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery,
	}}
	for _, name := range signed {
		if name == "content-length" {
			again.ContentLength = r.ContentLength
		} else if name != "host" {
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}

	sum := r.Header.Get("X-Amz-Content-Sha256")
	if sum == unsignedPayload && service == "ebs" && !slices.Contains(signed, "x-amz-checksum") {
		return "" // only this protects the body
	}

	if sum == "" || (service != "s3" && (service != "ebs" || sum != unsignedPayload)) {
		hash := sha256.Sum256(body)
		sum = hex.EncodeToString(hash[:])
	}

	credentials := aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	if err := signer.SignHTTP(context.Background(), credentials, again, sum, service, scope.region, when); err != nil {
		return ""
	}
	parts := authorization.FindStringSubmatch(again.Header.Get("Authorization"))
	if parts == nil {
		return ""
	}

	return parts[6]
}

// wordings are the errors for signatures, by protocol: they differ.
var wordings = map[string]map[string]Fault{
	"query": {
		"missing":   {"MissingAuthenticationToken", "Request is missing Authentication Token", 403, false, false},
		"malformed": {"IncompleteSignature", "Credential should be scoped to a valid region and service.", 403, false, false},
		"unknown":   {"InvalidClientTokenId", "The security token included in the request is invalid.", 403, false, false},
		"skewed":    {"SignatureDoesNotMatch", "Signature expired", 403, false, false},
		"different": {"SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.", 403, false, false},
	},
	"ec2": {
		"missing":   {"MissingAuthenticationToken", "Request is missing Authentication Token", 401, false, false},
		"malformed": {"AuthFailure", "Credential should be scoped to a valid region and service.", 401, false, false},
		"unknown":   {"AuthFailure", "AWS was not able to validate the provided access credentials", 401, false, false},
		"skewed":    {"RequestExpired", "Request has expired.", 400, false, false},
		"different": {"AuthFailure", "AWS was not able to validate the provided access credentials", 401, false, false},
	},
	"json": {
		"missing":   {"MissingAuthenticationTokenException", "Missing Authentication Token", 400, false, false},
		"malformed": {"InvalidSignatureException", "Credential should be scoped to a valid region and service.", 400, false, false},
		"unknown":   {"UnrecognizedClientException", "The security token included in the request is invalid.", 400, false, false},
		"skewed":    {"InvalidSignatureException", "Signature expired", 400, false, false},
		"different": {"InvalidSignatureException", "The request signature we calculated does not match the signature you provided.", 400, false, false},
	},
	"s3": {
		"missing":   {"AccessDenied", "Access Denied", 403, false, false},
		"malformed": {"AuthorizationHeaderMalformed", "The authorization header is malformed.", 400, false, false},
		"unknown":   {"InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403, false, false},
		"skewed":    {"RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", 403, false, false},
		"different": {"SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.", 403, false, false},
	},
}

// Denial is the error for a signature, in a protocol's words.
func Denial(protocol, why string) Fault {
	if protocol == "rest-json" {
		f := wordings["json"][why]
		f.Status = http.StatusForbidden
		return f
	}
	return wordings[protocol][why]
}
