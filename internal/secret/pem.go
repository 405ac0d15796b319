package secret

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"regexp"
	"strings"
)

// pemBlock matches a PEM block (RFC 7468) or an armoured one of OpenPGP, indented or not.
var pemBlock = regexp.MustCompile(`-----BEGIN ([A-Z0-9 ]+)-----([^-]*(?:-[^-]+)*)-----END [A-Z0-9 ]+-----`)

// publicBlock matches the kinds of blocks that are made for publishing.
var publicBlock = regexp.MustCompile(`CERTIFICATE|PUBLIC KEY|CRL|PARAMETERS|PKCS7|CMS`)

// publicKey matches a public key as OpenSSH writes it into .pub files, authorized_keys and known_hosts, and the host's
// name before it when that is hashed.
var publicKey = regexp.MustCompile(`(?:\|1\|[A-Za-z0-9+/=]+\|[A-Za-z0-9+/=]+[ \t]+)?\b(?:(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+[ \t]+)?AAAA(?:B3NzaC1|C3NzaC1|E2VjZHNh|GnNrLX|InNrLW)[A-Za-z0-9+/]+=*`)

// withoutPublic removes public keys and certificates from a text: they are made for publishing, and packages contain
// them.
func withoutPublic(text string) string {
	text = pemBlock.ReplaceAllStringFunc(text, func(block string) string {
		if publicBlock.MatchString(pemBlock.FindStringSubmatch(block)[1]) {
			return ""
		}
		return block
	})
	return publicKey.ReplaceAllString(text, "")
}

// privateKey is the content of a PEM block.
type privateKey struct {
	// secrets are the lines of the block, the bytes in it, and the numbers of the key that its public key does not
	// contain: the same key is also written in other containers.
	secrets []string
	// modulus is the public part of an RSA key, which is a large part of its private key.
	modulus string
}

// privateKeys returns what is in the PEM blocks of a text.
func privateKeys(text string) []privateKey {
	var keys []privateKey
	for _, block := range pemBlock.FindAllStringSubmatch(text, -1) {
		var key privateKey
		var body strings.Builder
		for line := range strings.Lines(block[2]) {
			line = strings.TrimSpace(line)
			if strings.Contains(line, ":") || strings.HasPrefix(line, "=") { // a header, OpenPGP's checksum
				continue
			}
			body.WriteString(line)
			key.secrets = append(key.secrets, line)
		}

		der, err := base64.StdEncoding.DecodeString(body.String())
		if err == nil {
			numbers, modulus := numbersOf(der)
			key.secrets = append(append(key.secrets, string(der)), numbers...)
			key.modulus = modulus
		}

		keys = append(keys, key)
	}

	return keys
}

// isKeyFile reports whether a value is the bytes of a private key: a sequence in DER (X.690), or OpenSSH's format. A part of
// them is the public key, so they are looked for as a whole only.
func isKeyFile(value string) bool {
	var sequence asn1.RawValue
	rest, err := asn1.Unmarshal([]byte(value), &sequence)
	return strings.HasPrefix(value, "openssh-key-v1\x00") || (err == nil && len(rest) == 0 && sequence.Tag == asn1.TagSequence)
}

// numbersOf returns the numbers of a private key (RFC 5208, 8017, 5915) that its public key does not hold, and the
// modulus of an RSA key.
func numbersOf(der []byte) (numbers []string, modulus string) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if rsaKey, err := x509.ParsePKCS1PrivateKey(der); err == nil {
			key = rsaKey
		} else if ecKey, err := x509.ParseECPrivateKey(der); err == nil {
			key = ecKey
		}
	}

	switch key := key.(type) {
	case *rsa.PrivateKey:
		numbers = append(numbers, string(key.D.Bytes()))
		for _, prime := range key.Primes {
			numbers = append(numbers, string(prime.Bytes()))
		}
		modulus = string(key.N.Bytes())

	case *ecdsa.PrivateKey:
		number, err := key.Bytes()
		if err == nil {
			numbers = append(numbers, string(number))
		}

	case ed25519.PrivateKey:
		numbers = append(numbers, string(key.Seed()))
	}

	return numbers, modulus
}
