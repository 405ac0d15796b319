package wire

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

// Home is a service's location, for its ARNs, and its clock.
type Home struct {
	Number, Region string // of the account
	Now            func() time.Time
}

// NewHome returns the home of the services of a Server.
func NewHome() Home { return Home{Number: Account, Region: Region, Now: time.Now} }

// ARN names a resource of the account; resource is what follows the account's number.
func (h Home) ARN(service, resource string) string {
	return "arn:aws:" + service + ":" + h.Region + ":" + h.Number + ":" + resource
}

// Text returns a text member, "" if it is not set.
func Text(in Values, name string) string {
	text, _ := in[name].(string)
	return text
}

// Number returns a number member, or the default if it is not set.
func Number(in Values, name string, otherwise int64) int64 {
	if n, ok := in[name].(int64); ok {
		return n
	}
	return otherwise
}

// Truth returns a boolean member, false if it is not set.
func Truth(in Values, name string) bool {
	truth, _ := in[name].(bool)
	return truth
}

// Struct returns a structure member; reading from a missing one yields nothing.
func Struct(in Values, name string) Values {
	inner, _ := in[name].(Values)
	return inner
}

// List returns the items of a member that is a list of T.
func List[T any](in Values, name string) []T {
	items, _ := in[name].([]any)
	list := make([]T, 0, len(items))
	for _, item := range items {
		if typed, ok := item.(T); ok {
			list = append(list, typed)
		}
	}
	return list
}

// Any turns a Go list into a model's.
func Any[T any](items []T) []any {
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = item
	}
	return list
}

// Page returns the page of a list that a token names, and the token of the next one. The token contains the list's
// name, so that any other list refuses it.
func Page[T any](items []T, list, token string, size int64) (window []T, next string, ok bool) {
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

// HexID makes an ID in EC2's form: a prefix and 17 hexadecimal digits.
func HexID(prefix string, n int) string {
	return fmt.Sprintf("%s-0%x", prefix, sha256.Sum256(fmt.Appendf(nil, "%s %d", prefix, n)))[:len(prefix)+18]
}

// UUID makes an ID in the form of a UUID, with a prefix.
func UUID(prefix, seed string) string {
	sum := sha256.Sum256([]byte(prefix + seed))
	return fmt.Sprintf("%s%x-%x-%x-%x-%x", prefix, sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// With returns the values with one member replaced; the given values stay as they are.
func With(in Values, name string, value any) Values {
	out := maps.Clone(in)
	if out == nil {
		out = Values{}
	}
	out[name] = value
	return out
}

// SortedKeys are the keys of a map in order.
func SortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Tags writes tags as EC2's and EBS's lists of Key and Value, in the order of the keys.
func Tags(tags map[string]string) []any {
	list := []any{}
	for _, key := range SortedKeys(tags) {
		list = append(list, Values{"Key": key, "Value": tags[key]})
	}
	return list
}
