//go:build !linux

package action

import "errors"

func insideDebian(string) error { return errors.New("there is no Debian here") }
