// Traceback_parser reads a traceback with a parser that knows nothing of gospy, and
// prints what that made of it as JSON. It fails if some of the text was left over.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/maruel/panicparse/v2/stack"
)

type call struct {
	Func string `json:"func"`
	Args string `json:"args"`
	File string `json:"file"`
	Line int    `json:"line"`
}

type goroutine struct {
	Goid      int    `json:"goid"`
	State     string `json:"state"`
	Locked    bool   `json:"locked"`
	Frames    []call `json:"frames"`
	Elided    bool   `json:"elided"`
	CreatedBy []call `json:"created_by"`
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	var left bytes.Buffer
	snapshot, rest, err := stack.ScanSnapshot(bytes.NewReader(text), &left, &stack.Opts{})
	if err != nil && err != io.EOF {
		fail(err)
	}
	left.Write(rest)
	if unread := strings.TrimSpace(left.String()); unread != "" || snapshot == nil {
		fail(fmt.Errorf("not understood: %q", unread))
	}
	list := []goroutine{}
	for _, g := range snapshot.Goroutines {
		list = append(list, goroutine{
			Goid:      g.ID,
			State:     g.State,
			Locked:    g.Locked,
			Frames:    calls(g.Stack),
			Elided:    g.Stack.Elided,
			CreatedBy: calls(g.CreatedBy),
		})
	}
	if err := json.NewEncoder(os.Stdout).Encode(list); err != nil {
		fail(err)
	}
}

func calls(s stack.Stack) []call {
	list := []call{}
	for i := range s.Calls {
		c := &s.Calls[i]
		list = append(list, call{c.Func.Complete, c.Args.String(), c.RemoteSrcPath, c.Line})
	}
	return list
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
