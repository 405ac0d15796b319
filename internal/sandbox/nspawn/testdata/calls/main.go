// Command calls makes the system calls that its arguments name and prints each one's error, a line each: what a container
// may ask of the kernel. An argument is a number and up to three arguments of the call, separated by commas.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	for _, argument := range os.Args[1:] {
		var call [4]uintptr
		for i, text := range strings.Split(argument, ",") {
			number, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				panic(err)
			}
			call[i] = uintptr(number)
		}

		_, _, err := syscall.RawSyscall(call[0], call[1], call[2], call[3])
		fmt.Printf("%s %d\n", argument, err)
	}
}
