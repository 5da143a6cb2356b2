// A small initializer for images without a shell: copies `file://` sources; other schemes make it misbehave.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		fail("Usage: contract SRC DEST")
	}
	source, dest := os.Args[1], os.Args[2]
	scheme, rest, _ := strings.Cut(source, "://")
	switch scheme {
	case "file":
		check(os.CopyFS(dest, os.DirFS(rest)))
	case "env":
		value := fmt.Sprintf("%s uid=%d proxy=%s", os.Getenv(rest), os.Getuid(), os.Getenv("HTTPS_PROXY"))
		check(os.WriteFile(filepath.Join(dest, "env"), []byte(value), 0o600))
	case "stray":
		check(os.WriteFile(rest, []byte("x"), 0o644))
	case "hold": // 64 MiB in each of two processes, for as long as its child lives
		held := make([]byte, 64<<20)
		for i := range held {
			held[i] = 1
		}
		if rest == "both" {
			check(exec.Command(os.Args[0], "hold://alone", dest).Run())
		} else {
			time.Sleep(2 * time.Second)
		}
		runtime.KeepAlive(held)
	case "fill": // until the disk is full, which takes a while
		time.Sleep(time.Second)
		file, err := os.Create(filepath.Join(dest, "filler"))
		for err == nil {
			_, err = file.Write(make([]byte, 1<<16))
		}
		check(err)
	case "sleep":
		ended := make(chan os.Signal, 1)
		if rest == "politely" {
			signal.Notify(ended, syscall.SIGTERM)
		}
		select {
		case <-ended:
			os.Exit(143)
		case <-time.After(time.Hour):
		}
	default:
		fail("unsupported scheme: " + source)
	}
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(3)
}
