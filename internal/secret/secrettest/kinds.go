package secrettest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"text/template"
)

// kinds is how many files a template yields. Their values differ in kind:
//
//	0: tokens of letters and digits, passwords of letters and digits
//	1: tokens in hexadecimal, passwords with much punctuation
//	2: tokens with hyphens and underscores, passwords of dictionary words
const kinds = 3

const (
	lower       = "abcdefghijklmnopqrstuvwxyz"
	digits      = "0123456789"
	base62      = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + lower + digits
	punctuation = "!#$%&()*+,-./:<=>?@[]^_{|}~"
)

// shortest is the shortest value that is searched for, in bytes.
const shortest = 12

// generator makes the values of one file and records them.
type generator struct {
	random *rand.Rand
	kind   int
	made   []string
}

func newGenerator(name string, kind int) *generator {
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(name)) // a hash takes everything
	return &generator{random: rand.New(rand.NewPCG(seed.Sum64(), uint64(kind))), kind: kind}
}

// note records a value of the file.
func (g *generator) note(value string) string {
	if len(value) >= shortest && !slices.Contains(g.made, value) {
		g.made = append(g.made, value)
	}
	return value
}

func (g *generator) chars(alphabet string, length int) string {
	out := make([]byte, length)
	for i := range out {
		out[i] = alphabet[g.random.IntN(len(alphabet))]
	}
	return string(out)
}

func (g *generator) bytes(length int) []byte {
	out := make([]byte, length)
	for i := range out {
		out[i] = byte(g.random.Uint32())
	}
	return out
}

// placeholders are the functions of the templates: generators, which record what they make, and ways of writing.
func (g *generator) placeholders() template.FuncMap {
	made := template.FuncMap{
		"token": func(prefix ...string) string { return g.note(strings.Join(prefix, "") + g.token()) },
		"pass":  func() string { return g.note(g.password()) },
		"uuid":  func() string { return g.note(g.uuid()) },
		"hexkey": func(size int, prefix ...string) string {
			return g.note(strings.Join(prefix, "") + hex.EncodeToString(g.bytes(size)))
		},
		"b64key": func(size int, prefix ...string) string {
			return g.note(strings.Join(prefix, "") + base64.StdEncoding.EncodeToString(g.bytes(size)))
		},
		"b64url": func(size int, prefix ...string) string {
			return g.note(strings.Join(prefix, "") + base64.RawURLEncoding.EncodeToString(g.bytes(size)))
		},
		"upper":  func(prefix string, length int) string { return g.note(prefix + g.chars(base62[:26]+"234567", length)) },
		"azure":  func() string { return g.note(g.chars(base62, 3) + "8Q~" + g.chars(base62+"._-~", 34)) },
		"atlas":  func() string { return g.note(g.chars(base62, 14) + ".atlasv1." + g.chars(base62, 67)) },
		"django": func() string { return g.note("django-insecure-" + g.chars(lower+digits+"!@#$%^&*(-_=+)", 50)) },
		"salt":   func() string { return g.note(g.chars(base62+"!@#$%^&*()-_[]{}<>~+=,.;:/?| ", 62) + g.chars(base62, 2)) },
		"nasty": func() string {
			return g.note(g.chars(base62, 5) + `"/\` + g.chars(base62, 6) + `'$ !` + g.chars(base62, 5))
		},
		"dollars": func() string {
			return g.note(g.chars(base62, 6) + "$" + g.chars(base62, 6) + "$$" + g.chars(base62, 4))
		},
		"quotes":  func() string { return g.note(g.chars(base62, 7) + "'" + g.chars(base62, 9)) },
		"phrase":  func() string { return g.note(strings.Join(g.words(5), " ")) },
		"jwt":     g.jwt,
		"nested":  g.nested,
		"pem":     func(kind string, size int) string { return g.pem(kind, g.bytes(size)) },
		"pembody": func(size int) string { return g.body(g.bytes(size)) },
		"openssh": g.openssh,
	}
	for name, write := range writings {
		made[name] = write
	}

	return made
}

func (g *generator) token() string {
	switch g.kind {
	case 0:
		return g.chars(base62, 36)
	case 1:
		return hex.EncodeToString(g.bytes(20))
	}
	return g.chars(base62, 12) + "-" + g.chars(base62, 11) + "_" + g.chars(base62, 8)
}

func (g *generator) password() string {
	switch g.kind {
	case 0:
		return g.chars(base62, 16)
	case 1:
		return g.chars(base62, 3) + g.chars(base62+punctuation+punctuation, 16) + g.chars(base62, 1)
	}
	return strings.Join(g.words(4), "-")
}

// words picks words as a person with a dictionary does.
func (g *generator) words(count int) []string {
	list := strings.Fields("correct horse battery staple orange window travel silver garden castle winter pepper rocket " +
		"button marble kitten copper shadow thunder pillow ladder museum violin carpet")
	picked := make([]string, count)
	for i := range picked {
		picked[i] = list[g.random.IntN(len(list))]
	}
	return picked
}

func (g *generator) uuid() string {
	text := hex.EncodeToString(g.bytes(16))
	return strings.Join([]string{text[:8], text[8:12], "4" + text[13:16], "a" + text[17:20], text[20:]}, "-")
}

// jwt makes a JSON Web Token (RFC 7519). Its header is the same as in all others.
func (g *generator) jwt() string {
	encode := base64.RawURLEncoding.EncodeToString
	header := encode([]byte(`{"alg":"RS256","typ":"JWT"}`))
	claims := encode([]byte(`{"sub":"ci","aud":"https://api.example.com","exp":1893456000}`))
	return g.note(strings.Join([]string{header, claims, encode(g.bytes(256))}, "."))
}

// nested makes a JSON document in a JSON string.
func (g *generator) nested() string {
	inner := `{"user":"app","password":"` + asJSON(g.note(g.password())) + `","note":"` + asJSON(g.note(g.chars(base62, 9)+`"`+g.chars(base62, 9))) + `"}`
	return asJSON(inner)
}

// pem makes a PEM block (RFC 7468) and records the lines of its body and the bytes in it.
func (g *generator) pem(kind string, der []byte) string {
	g.note(string(der))
	text := string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "-----") {
			g.note(strings.TrimSpace(line))
		}
	}
	return strings.TrimSuffix(text, "\n")
}

// body makes the lines of a PEM block alone.
func (g *generator) body(data []byte) string {
	var lines []string
	for chunk := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(data)), 64) {
		lines = append(lines, g.note(string(chunk)))
	}
	return strings.Join(lines, "\n")
}

// openssh makes the content of a private key from ssh-keygen without a passphrase. Its first line reveals nothing.
func (g *generator) openssh() string {
	header := "openssh-key-v1\x00\x00\x00\x00\x04none\x00\x00\x00\x04none\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x33\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
	blob := header + string(g.bytes(230))
	g.note(blob)

	var lines []string
	for chunk := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString([]byte(blob))), 70) {
		lines = append(lines, string(chunk))
	}

	for _, line := range lines[1:] {
		g.note(line)
	}

	return "-----BEGIN OPENSSH PRIVATE KEY-----\n" + strings.Join(lines, "\n") + "\n-----END OPENSSH PRIVATE KEY-----"
}
