package awstest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// account is where a service is: what its ARNs say, and its clock.
type account struct {
	number, region string
	now            func() time.Time
}

// arn names a resource of the account; resource is what follows the account's number.
func (a account) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + a.region + ":" + a.number + ":" + resource
}

// textOf returns a member that is a string, "" if it is not set.
func textOf(in Values, name string) string {
	text, _ := in[name].(string)
	return text
}

// numberOf returns a member that is a number, otherwise the default.
func numberOf(in Values, name string, otherwise int64) int64 {
	if n, ok := in[name].(int64); ok {
		return n
	}
	return otherwise
}

// truthOf returns a member that is a truth value, false if it is not set.
func truthOf(in Values, name string) bool {
	truth, _ := in[name].(bool)
	return truth
}

// structOf returns a member that is a structure; reading from what is not set yields nothing.
func structOf(in Values, name string) Values {
	inner, _ := in[name].(Values)
	return inner
}

// listOf returns the items of a member that is a list of T.
func listOf[T any](in Values, name string) []T {
	items, _ := in[name].([]any)
	list := make([]T, 0, len(items))
	for _, item := range items {
		if typed, ok := item.(T); ok {
			list = append(list, typed)
		}
	}
	return list
}

// anyOf makes a list of the model's out of one of Go's.
func anyOf[T any](items []T) []any {
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = item
	}
	return list
}

// page cuts out of a list what belongs on the page that a token names, and says how the next one is named. The token
// holds the list's name, so that it is refused anywhere else.
func page[T any](items []T, list, token string, size int64) (window []T, next string, ok bool) {
	start := 0

	if token != "" {
		text, err := base64.RawURLEncoding.DecodeString(token)
		at, found := strings.CutPrefix(string(text), list+" ")
		if err != nil || !found {
			return nil, "", false
		}
		start, err = strconv.Atoi(at)
		if err != nil || start < 0 || start > len(items) {
			return nil, "", false
		}
	}

	end := min(len(items), start+int(size))
	if end < len(items) {
		next = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d", list, end))
	}

	return items[start:end], next, true
}

// hexID makes an ID as EC2 has them: a prefix and 17 hexadecimal digits.
func hexID(prefix string, n int) string {
	return fmt.Sprintf("%s-0%x", prefix, sha256.Sum256(fmt.Appendf(nil, "%s %d", prefix, n)))[:len(prefix)+18]
}

// uuidOf makes an ID in the form of a UUID, with a prefix.
func uuidOf(prefix, seed string) string {
	sum := sha256.Sum256([]byte(prefix + seed))
	return fmt.Sprintf("%s%x-%x-%x-%x-%x", prefix, sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// with returns the values with one member set to something else; those given stay as they are.
func with(in Values, name string, value any) Values {
	out := maps.Clone(in)
	if out == nil {
		out = Values{}
	}
	out[name] = value
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
