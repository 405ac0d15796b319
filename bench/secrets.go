package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

// writeSecrets makes a secrets directory: tokens, an environment, a URL with a password and private keys, in turn.
func writeSecrets(dir string, count int) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}

	for i := range count {
		value, err := newSecret(i)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("secret-%03d", i)), []byte(value), 0o600)
		}
		if err != nil {
			return err
		}
	}

	return nil
}

func newSecret(i int) (string, error) {
	switch i % 5 {
	case 0:
		return "tok_" + rand.Text() + "\n", nil
	case 1:
		return "PASSWORD=" + rand.Text() + "\n", nil
	case 2:
		return "https://agent:" + rand.Text() + "@git.example.com/\n", nil
	case 3:
		return `{"apiKey":"` + rand.Text() + `"}`, nil
	}

	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)

	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})), err
}
