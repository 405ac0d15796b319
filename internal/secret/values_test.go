package secret

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// v is a token that looks like one.
const v = "q7Rk2ZpX93bLmW4t"

func TestValuesOf(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"a token and its newline":           {v + "\n", v},
		"a token that looks like none":      {"0123456789ab\n", "0123456789ab"},
		"a token with a byte order mark":    {"\ufeff" + v, v},
		"old Macintosh line ends":           {"A=1\rT=" + v + "\rB=2", v},
		"Windows line ends":                 {"T=" + v + "\r\nB=2\r\n", v},
		"an environment":                    {"# c\nexport A_KEY='0123456789ab'\nB=short", "0123456789ab"},
		"quotes and a comment":              {`TOKEN="` + v + `" # prod`, v},
		"a comment":                         {"TOKEN=" + v + " # c", v},
		"a semicolon":                       {`export TOKEN="` + v + `";`, v},
		"several assignments":               {"export A=1 TOKEN=" + v, v},
		"Windows":                           {"set TOKEN=" + v, v},
		"PowerShell":                        {`$env:TOKEN = "` + v + `"`, v},
		"three quotes":                      {`KEY="""` + v + `"""`, v},
		"words under the name of a secret":  {`db.password = correct-horse-battery`, "correct-horse-battery"},
		"a phrase in a line":                {"A: 1\ncorrect horse battery staple\n", "correct horse battery staple"},
		"an escaped dollar":                 {`P="q7Rk\$2ZpX93bLm"`, "q7Rk$2ZpX93bLm"},
		"an escaped slash":                  {`{"k":"q7Rk\/2ZpX93bLm"}`, "q7Rk/2ZpX93bLm"},
		"an escaped quote":                  {`P='q7Rk'\''2ZpX93bLm'`, "q7Rk'2ZpX93bLm"},
		"YAML, a list":                      {"- token: " + v, v},
		"YAML, a list of strings":           {`- "` + v + `"`, v},
		"YAML, quotes and a comment":        {`token: "` + v + `" # c`, v},
		"YAML, in line":                     {"{token: " + v + "}", v},
		"YAML, with a tag":                  {`a: !!str "` + v + `"`, v},
		"YAML, a name with a dot":           {"\tpass.word: 0123456789ab", "0123456789ab"},
		"a colon without a blank":           {"token:" + v, v},
		"npm":                               {"//registry.npmjs.org/:_authToken=" + v, v},
		"PostgreSQL":                        {`db:5432:app:me:correct\:horse-battery`, "correct:horse-battery"},
		"git":                               {"https://user:correct%2Dhorse-battery@host", "correct-horse-battery"},
		"netrc":                             {"machine h login u password " + v, v},
		"JSON after a newline":              {"\n{\"a\":\"" + v + `"}`, v},
		"JSON after a byte order mark":      {"\ufeff{\"a\":\"" + v + `"}`, v},
		"a JSON string":                     {`"correct horse battery"`, "correct horse battery"},
		"a value with little in it":         {`{"a":"a\"b0123456789"}`, `a"b0123456789`},
		"JSON in a JSON string":             {`{"a":"{\"b\":\"` + v + `\"}"}`, v},
		"a user and a password, encoded":    {`{"auth":"` + base64.StdEncoding.EncodeToString([]byte("u:correct-horse-battery")) + `"}`, "correct-horse-battery"},
		"a key in one line":                 {`K="-----BEGIN X-----\nAAAABBBBCCCC\n-----END X-----\n"`, "AAAABBBBCCCC"},
		"the bytes of a key":                {"-----BEGIN X KEY-----\nMDEyMzQ1Njc4OWFi\n-----END X KEY-----", "0123456789ab"},
		"the bytes of an indented key":      {"k: |\n  -----BEGIN X KEY-----\n  MDEyMzQ1\n  Njc4OWFi\n  -----END X KEY-----", "0123456789ab"},
		"a key, not only its first line":    {"-----BEGIN OPENSSH PRIVATE KEY-----\n" + opensshHeader + "AAA\nQyNTUxOQAAACDexample\n", "QyNTUxOQAAACDexample"},
		"the proxy's password":              {"http://ci:correct-horse-battery@proxy:3128", "correct-horse-battery"},
		"the last part of a webhook":        {"https://hooks.example.com/services/T00/B00/" + v + v, v + v},
		"a key of a cloud, over its slash":  {"k = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzXqmWpKqTe", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzXqmWpKqTe"},
		"a value with a name for passwords": {`<key>Password</key><string>correct-horse</string>`, "correct-horse"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := valuesOf(test.text); !slices.Contains(got, test.want) {
				t.Errorf("%q is not among the values %q", test.want, got)
			}
		})
	}
}

func TestOrdinaryTextIsNoValue(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, ordinary string }{
		"too short":                        {"0123456789a\n", "0123456789a"},
		"one repeated character":           {"############\n", "############"},
		"a URL":                            {"a: 1\nuri: https://oauth2.example.com/token\n", "https://oauth2.example.com/token"},
		"a host":                           {"host=db.internal.example.com\npassword=" + v, "db.internal.example.com"},
		"a path":                           {"password_file = /run/secrets/db-password\n" + v, "/run/secrets/db-password"},
		"a path under a secret's name":     {"secret: /run/secrets/db-password\n" + v, "/run/secrets/db-password"},
		"a region":                         {"region = eu-central-1\nkey = " + v, "eu-central-1"},
		"a type":                           {`{"type":"authorized_user","k":"` + v + `"}`, "authorized_user"},
		"a setting":                        {"StrictHostKeyChecking yes\n# c: 1\nIdentityFile=~/.ssh/deploy", "StrictHostKeyChecking yes"},
		"a word after a name":              {"# token authentication\npassword = " + v, "authentication"},
		"a variable":                       {"password: ${DB_PASSWORD_FROM_VAULT}\nk: " + v, "${DB_PASSWORD_FROM_VAULT}"},
		"a section":                        {"[profile default]\nkey = " + v, "[profile default]"},
		"a version":                        {"image: postgres-16.4-bookworm\nkey: " + v, "postgres-16.4-bookworm"},
		"a media type":                     {"a: application/x-www-form-urlencoded\nkey: " + v, "application/x-www-form-urlencoded"},
		"a time":                           {"token_expiry: 2026-12-01T00:00:00Z\nkey: " + v, "2026-12-01T00:00:00Z"},
		"the header of every JWT":          {"k: eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.e30." + v, "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9"},
		"the first line of an OpenSSH key": {"-----BEGIN OPENSSH PRIVATE KEY-----\n" + opensshHeader + "AAA\n" + v, opensshHeader + "AAA"},
		"the head of a table":              {"User name,Password,Access key ID,Secret access key\nci,," + v, "User name,Password,Access key ID,Secret access key"},
		"the alphabet":                     {"a: abcdefghijklmnopqrstuvwxyz\nkey: " + v, "abcdefghijklmnopqrstuvwxyz"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := valuesOf(test.text); slices.Contains(got, test.ordinary) {
				t.Errorf("%q is among the values %q", test.ordinary, got)
			}
		})
	}
}

// What is published of a key is not a leak of it: the public key, and certificates.
func TestPublicKeysAreNoSecrets(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "example"}}
	for name, private := range map[string]crypto.Signer{"RSA": rsaKey, "EC": ecKey, "Ed25519": edKey} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			der, err := x509.MarshalPKCS8PrivateKey(private)
			if err != nil {
				t.Fatal(err)
			}
			certificate, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
			if err != nil {
				t.Fatal(err)
			}

			spki, err := x509.MarshalPKIXPublicKey(private.Public())
			if err != nil {
				t.Fatal(err)
			}

			certificatePEM := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
			publicPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
			file := certificatePEM + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
			set := NewSet([]Secret{{"pem", []byte(file)}, {"only public", []byte(certificatePEM + publicPEM)}})
			for _, shown := range []string{certificatePEM, publicPEM, string(certificate), string(spki), base64.StdEncoding.EncodeToString(certificate)} {
				if len(set.Search().occurrences(shown)) > 0 {
					t.Errorf("a public text is taken for a secret: %q, %v\n%s", shown, set.Search().occurrences(shown), file)
				}
			}

			if len(set.Search().occurrences(string(der))) == 0 {
				t.Error("the private key is not found")
			}
		})
	}
}

// A key that is written in another container is the same secret.
func TestKeyIsFoundInOtherContainers(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	if err != nil {
		t.Fatal(err)
	}

	set := NewSet([]Secret{{"key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}})
	if len(set.Search().occurrences(string(x509.MarshalPKCS1PrivateKey(rsaKey)))) == 0 {
		t.Error("the key is not found as PKCS #1")
	}
	if len(set.Search().occurrences("x"+string(rsaKey.D.Bytes()))) == 0 {
		t.Error("the private exponent is not found")
	}
}

func TestKnownHostsAreNoSecrets(t *testing.T) {
	t.Parallel()
	key := "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
	line := "github.com,140.82.121.3 ssh-ed25519 " + key
	hashed := "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 " + key
	set := NewSet([]Secret{{"known_hosts", []byte(line + "\n" + hashed + "\n")}, {"id.pub", []byte("ssh-ed25519 " + key + " ci@example.com\n")}})
	for _, text := range []string{line, hashed, key} {
		if len(set.Search().occurrences(text)) > 0 {
			t.Errorf("a public key is taken for a secret: %s", text)
		}
	}
}

// A document without line breaks must not make the patterns more than its length times a small number.
func TestValuesStayFew(t *testing.T) {
	t.Parallel()
	text := "[" + strings.Repeat(`{"password":`+"correcthorse"+`},`, 5000) + "]"
	total := 0
	for _, p := range patternsOf([]Secret{{"long", []byte(text)}}) {
		total += len(p.text)
	}
	if total > 1000*len(text) {
		t.Errorf("%d bytes of secrets become %d bytes of patterns", len(text), total)
	}
}
