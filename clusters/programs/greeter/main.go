// The greeter is a storage initializer for one invented scheme: `greeting://WORDS` puts WORDS into greeting.txt. It
// stands for the container that a vendor writes, as small as the contract allows: SRC DEST [SRC DEST ...].
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	pairs := os.Args[1:]
	if len(pairs) == 0 || len(pairs)%2 != 0 {
		fmt.Fprintln(os.Stderr, "Usage: greeter SRC DEST [SRC DEST ...]")
		os.Exit(1)
	}
	for n := 0; n < len(pairs); n += 2 {
		words, known := strings.CutPrefix(pairs[n], "greeting://")
		if !known || words == "" {
			fmt.Fprintf(os.Stderr, "%s is not supported: expected greeting://WORDS\n", pairs[n])
			os.Exit(1)
		}
		err := os.MkdirAll(pairs[n+1], 0o755)
		if err == nil {
			err = os.WriteFile(filepath.Join(pairs[n+1], "greeting.txt"), []byte(words), 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
