package secrettest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
)

// writings are the ways in which formats write a value.
var writings = map[string]any{
	"json":       asJSON,
	"slashes":    func(s string) string { return strings.ReplaceAll(asJSON(s), "/", `\/`) }, // PHP's json_encode
	"unicode":    asUnicode,
	"oneline":    func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) + `\n` },
	"sq":         func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) },
	"dq":         func(s string) string { return backslash(s, "\\\"$`") },
	"php":        func(s string) string { return backslash(s, `\'`) },
	"powershell": strings.NewReplacer("`", "``", "$", "`$", `"`, "`\"").Replace,
	"prop":       func(s string) string { return backslash(s, `\:=#!`) }, // java.util.Properties.store
	"pgpass":     func(s string) string { return backslash(s, `\:`) },
	"xml":        html.EscapeString,
	"yaml":       func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" },
	"yamlsingle": func(s string) string { return strings.ReplaceAll(s, "'", "''") },
	"pct":        func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") },
	"b64":        func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"after":      func(before, s string) string { return before + s },
	"before":     func(after, s string) string { return s + after },
	"bom":        func(s string) string { return "\ufeff" + s },
	"crlf":       func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"cr":         func(s string) string { return strings.ReplaceAll(s, "\n", "\r") },
}

// asJSON writes a string as json.Marshal does, without its quotes.
func asJSON(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(text), `"`), `"`)
}

// asUnicode escapes what is neither a letter nor a digit (RFC 8259, 7).
func asUnicode(s string) string {
	var out strings.Builder
	for _, r := range s {
		if strings.ContainsRune(base62, r) {
			out.WriteRune(r)
			continue
		}
		fmt.Fprintf(&out, `\u%04x`, r)
	}
	return out.String()
}

// backslash puts a backslash before each of the given characters.
func backslash(s, special string) string {
	var out strings.Builder
	for _, r := range s {
		if strings.ContainsRune(special, r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}
