// Gops_target runs the agent of gops on a port of its own and keeps still. It says
// on its output where, and ends with its input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"

	"github.com/google/gops/agent"
)

func main() {
	runtime.GC()
	if err := agent.Listen(agent.Options{Addr: os.Args[1], ConfigDir: os.Args[2]}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening")
	bufio.NewReader(os.Stdin).ReadByte()
}
