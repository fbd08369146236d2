// Delta_target answers for its own profiles with ?seconds=, by the handler of net/http/pprof. It
// reads commands, a line each, and answers with a line of JSON:
//
//	delta TYPE SECONDS FILE	have the handler begin; the answer comes when it has read the first
//				profile and waits
//	wait			the handler has written its answer to the file
//	work			change all profiles, and be quiet again
package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	httppprof "net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"time"
)

// first is a context that tells when the handler begins to wait: serveDeltaProfile asks for Done
// only then.
type first struct {
	context.Context
	once  sync.Once
	begun chan bool
}

func (f *first) Done() <-chan struct{} {
	f.once.Do(func() { close(f.begun) })
	return f.Context.Done()
}

var (
	kept    [][]byte
	rounds  int
	leaving = make(chan bool)
	done    chan string
)

// So many goroutines can go before none is left.
const stayers = 200

func keep(n int) { kept = append(kept, make([]byte, n)) }

func drop(n int) []byte { return make([]byte, 3*n) }

// stay is there until work sends it away; park, for good.
func stay() { <-leaving }

func park() { select {} }

func contend() {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := 0; i < 4; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := 0; k < 10; k++ {
				mu.Lock()
				time.Sleep(10 * time.Microsecond)
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
}

// work notes what it does itself, and nothing that comes after it.
func work() {
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	contend()
	runtime.SetMutexProfileFraction(0)
	runtime.SetBlockProfileRate(0)
	runtime.MemProfileRate = 1
	rounds++
	for i := 0; i < 100; i++ {
		keep(1000*rounds + i)
		drop(1000 + i)
	}
	// Those of the round before are gone.
	kept = append([][]byte(nil), kept[len(kept)-100:]...)
	runtime.MemProfileRate = 1 << 29
	for i := 0; i < 5; i++ {
		go park()
	}
	for i := 0; i < 2; i++ {
		leaving <- true
	}
	runtime.GC()
	runtime.GC()
}

func delta(words []string) {
	f := &first{Context: context.Background(), begun: make(chan bool)}
	request := httptest.NewRequest("GET", "/debug/pprof/"+words[1]+"?seconds="+words[2], nil)
	done = make(chan string, 1)
	go func() {
		recorder := httptest.NewRecorder()
		httppprof.Handler(words[1]).ServeHTTP(recorder, request.WithContext(f))
		if recorder.Code != http.StatusOK {
			done <- recorder.Body.String()
			return
		}
		done <- message(os.WriteFile(words[3], recorder.Body.Bytes(), 0o600))
	}()
	<-f.begun
}

func message(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

func main() {
	debug.SetGCPercent(-1)
	for i := 0; i < stayers; i++ {
		go stay()
	}
	work()
	for _, p := range pprof.Profiles() {
		p.WriteTo(httptest.NewRecorder(), 0) // what that allocates is in the profiles from here on
	}
	fmt.Println(`{"ready": true, "fixture": "delta_target"}`)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		text := ""
		switch words := strings.Fields(in.Text()); words[0] {
		case "delta":
			delta(words)
		case "wait":
			text = <-done
		case "work":
			work()
		default:
			text = "unknown command"
		}
		fmt.Printf("{\"error\": %q}\n", text)
	}
}
