// Go's net/http as a storage initializer for http:// and https://, in one static file.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	// Without a handler the kernel drops SIGTERM for process 1.
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	go func() { <-terminated; os.Exit(143) }()

	pairs := os.Args[1:]
	if len(pairs) == 0 || len(pairs)%2 != 0 {
		fmt.Fprintln(os.Stderr, "Usage: initializer SRC DEST [SRC DEST ...]")
		os.Exit(2)
	}
	for ; len(pairs) > 0; pairs = pairs[2:] {
		if err := fetch(pairs[0], pairs[1]); err != nil {
			fmt.Fprintf(os.Stderr, "error: cannot download %s: %v\n", shown(pairs[0]), err)
			os.Exit(1)
		}
	}
}

// Without the password before @, and without the query, which may hold a signature.
func shown(source string) string {
	address, _, _ := strings.Cut(source, "?")
	if scheme, rest, ok := strings.Cut(address, "://"); ok {
		return scheme + "://" + rest[strings.LastIndex(rest[:strings.IndexByte(rest+"/", '/')], "@")+1:]
	}
	return address
}

// The authorities that KServe mounts, beside those of SSL_CERT_FILE.
func authorities() (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil || os.Getenv("CA_BUNDLE_CONFIGMAP_NAME") == "" {
		return pool, err
	}
	path := filepath.Join(os.Getenv("CA_BUNDLE_VOLUME_MOUNT_POINT"), "cabundle.crt")
	bundle, err := os.ReadFile(path)
	if err == nil && !pool.AppendCertsFromPEM(bundle) {
		err = fmt.Errorf("no certificate in the CA bundle %s", path)
	}
	return pool, err
}

func fetch(source, dest string) error {
	request, err := http.NewRequest(http.MethodGet, source, nil)
	if err != nil {
		return err
	}
	if scheme := request.URL.Scheme; scheme != "http" && scheme != "https" {
		return fmt.Errorf("unsupported scheme %q", scheme)
	}
	name := filepath.Base(request.URL.Path)
	if strings.HasSuffix(request.URL.Path, "/") || name == "." || name == ".." {
		return fmt.Errorf("the URI must end with a file name")
	}
	headers := map[string]string{}
	if text := os.Getenv(request.URL.Hostname() + "-headers"); text != "" {
		if err := json.Unmarshal([]byte(text), &headers); err != nil {
			return fmt.Errorf("%s-headers is no JSON object of strings", request.URL.Hostname())
		}
	}
	for key, value := range headers {
		request.Header.Set(key, value)
	}
	pool, err := authorities()
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	client := http.Client{Transport: transport, CheckRedirect: func(next *http.Request, before []*http.Request) error {
		if len(before) >= 10 {
			return fmt.Errorf("more than 10 redirects")
		}
		if next.URL.Host != before[0].URL.Host { // the headers are for the first host alone
			next.Header = http.Header{}
		}
		return nil
	}}
	response, err := client.Do(request)
	if inner, ok := err.(*url.Error); ok { // whose own text has the query
		return inner.Err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", response.Status)
	}
	if err := os.MkdirAll(dest, 0o755); err != nil {
		return err
	}
	partial := filepath.Join(dest, "."+name+".part")
	defer os.Remove(partial)
	file, err := os.Create(partial)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, response.Body); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(partial, filepath.Join(dest, name))
}
