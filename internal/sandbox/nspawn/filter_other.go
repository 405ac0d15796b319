//go:build !amd64

package nspawn

// abis is empty: systemd-nspawn makes its own filter here.
var abis []abi
