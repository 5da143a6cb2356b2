// The inspector takes a model server's place: it prints one line of JSON about what lies below its mounts, then waits
// to be ended. Paths in the report are relative to their mount; links are followed, as a model server would, as far as
// they lead below a mount.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	contentOfOne = 64 << 10 // bytes of a file whose content is told
	contentOfAll = 1 << 20
	// Bytes of all entries. A node turns a container's log over at 10 MiB, and what was turned over is not in the
	// answer of the logs API.
	lineBound = 3 << 20
	// Where KServe's controller has the kubelet look for readiness if nobody says otherwise (RawDeployment).
	readinessPort = ":8080"
	// KServe mounts volume claims beside the models (up to 0.15) and has links lead there.
	alwaysOpen = "/mnt"
	// KServe tells a model server by MODEL_INIT_MODE=async that its model may appear after its start (modelcars). The
	// container that makes it appear has a hundredth of a core; whoever reads the log gives up after a minute.
	appearsWithin = 50 * time.Second
)

type entry struct {
	Path    string  `json:"path"`
	Kind    string  `json:"kind"` // of what a link leads to: file, dir, other, or link for one that is not followed
	Size    int64   `json:"size"` // bytes
	Mode    uint32  `json:"mode"` // permission bits
	Link    *string `json:"link,omitempty"`
	SHA256  string  `json:"sha256,omitempty"`
	Content []byte  `json:"content"` // base64; null for a file beyond the bounds, and for what is no file
	Error   string  `json:"error,omitempty"`
}

type mount struct {
	Path      string            `json:"path"`
	Error     string            `json:"error,omitempty"` // name of the errno
	Entries   []entry           `json:"entries"`
	Truncated bool              `json:"truncated"` // entries are left out: the line would be too long for a log
	Writes    map[string]string `json:"writes"`    // name -> "ok" or the name of the errno
}

type report struct {
	Mounts []*mount           `json:"mounts"`
	UID    int                `json:"uid"`
	GID    int                `json:"gid"`
	Env    map[string]*string `json:"env"`
}

type list []string

func (l *list) String() string         { return strings.Join(*l, " ") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func main() {
	var writes, names list
	pause := flag.Duration("pause", 0, "`TIME` after which it ends, having looked at nothing: an init container that takes its time")
	flag.Var(&writes, "write", "`NAME=CONTENT`: try to write this file below every mount, after the look at it")
	flag.Var(&names, "env", "`NAME` of a variable to report")
	flag.Parse()
	if *pause > 0 {
		time.Sleep(*pause)
		return
	}
	mounts := flag.Args()
	if len(mounts) == 0 {
		mounts = []string{"/mnt/models"}
	}
	for _, write := range writes {
		if !strings.Contains(write, "=") {
			fmt.Fprintf(os.Stderr, "inspector: --write %s has no =CONTENT\n", write)
			os.Exit(2)
		}
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	if os.Getenv("MODEL_INIT_MODE") == "async" {
		awaitAll(mounts)
	}
	line, err := json.Marshal(inspect(mounts, writes, names))
	if err != nil {
		fmt.Fprintln(os.Stderr, "inspector:", err)
		os.Exit(1)
	}
	os.Stdout.Write(append(line, '\n'))
	// Only one container of a pod gets the port; the others are ready without.
	go http.ListenAndServe(readinessPort, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	<-ended
}

// awaitAll returns when all mounts are there, or when they will not come any more.
func awaitAll(mounts []string) {
	for deadline := time.Now().Add(appearsWithin); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if !slices.ContainsFunc(mounts, func(path string) bool { _, err := os.Stat(path); return err != nil }) {
			return
		}
	}
}

func inspect(mounts, writes, names []string) report {
	told := report{UID: os.Getuid(), GID: os.Getgid(), Env: map[string]*string{}}
	for _, name := range names {
		told.Env[name] = nil
		if value, set := os.LookupEnv(name); set {
			told.Env[name] = &value
		}
	}
	look := &look{content: contentOfAll, line: lineBound, open: append(mounts, alwaysOpen)}
	for _, path := range mounts {
		told.Mounts = append(told.Mounts, look.at(path, writes))
	}
	return told
}

// look is one walk over all mounts: what is left of its bounds, in bytes, and below which folders links are followed.
type look struct {
	content, line int64
	open          []string
}

func (l *look) at(path string, writes []string) *mount {
	m := &mount{Path: path, Entries: []entry{}, Writes: map[string]string{}}
	id, err := identify(path)
	if err == nil {
		err = l.walk(m, path, "", []identity{id})
	}
	if err != nil {
		m.Error = nameOf(err)
	}
	for _, write := range writes {
		name, content, _ := strings.Cut(write, "=")
		m.Writes[name] = "ok"
		if err := os.WriteFile(filepath.Join(path, name), []byte(content), 0o644); err != nil {
			m.Writes[name] = nameOf(err)
		}
	}
	return m
}

// identity tells folders apart whatever path leads there: a modelcar's folder has none that could be resolved by name.
type identity struct{ device, inode uint64 }

func identify(path string) (identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return identity{}, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return identity{uint64(stat.Dev), stat.Ino}, nil
}

// walk adds what lies in the folder below m; trail has the folders above it, so that no circle is walked.
func (l *look) walk(m *mount, folder, relative string, trail []identity) error {
	children, err := os.ReadDir(folder)
	for _, child := range children {
		place := filepath.Join(folder, child.Name())
		told := l.tell(place, relative+child.Name())
		size, _ := json.Marshal(told)
		if l.line -= int64(len(size)); l.line < 0 {
			m.Truncated = true
			return nil
		}
		index := len(m.Entries)
		m.Entries = append(m.Entries, told)
		if told.Kind != "dir" {
			continue
		}
		id, err := identify(place)
		if err != nil || slices.Contains(trail, id) {
			continue
		}
		if err := l.walk(m, place, told.Path+"/", append(slices.Clone(trail), id)); err != nil {
			m.Entries[index].Error = nameOf(err)
		}
	}
	return err
}

func (l *look) tell(place, relative string) entry {
	told := entry{Path: relative, Kind: "other"}
	if text, err := os.Readlink(place); err == nil {
		told.Kind, told.Link, told.Mode = "link", &text, 0o777
		if place, err = filepath.EvalSymlinks(place); err != nil {
			told.Error = nameOf(err)
			return told
		}
		if !slices.ContainsFunc(l.open, func(folder string) bool { return below(place, folder) }) {
			return told
		}
	}
	info, err := os.Stat(place)
	if err != nil {
		told.Error = nameOf(err)
		return told
	}
	told.Size, told.Mode = info.Size(), uint32(info.Mode().Perm())
	switch {
	case info.IsDir():
		told.Kind, told.Size = "dir", 0
	case info.Mode().IsRegular():
		told.Kind = "file"
		if err := l.read(&told, place); err != nil {
			told.Error = nameOf(err)
		}
	default:
		told.Kind = "other"
	}
	return told
}

func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

func (l *look) read(told *entry, place string) error {
	file, err := os.Open(place)
	if err != nil {
		return err
	}
	defer file.Close()
	digest := sha256.New()
	if told.Size <= min(contentOfOne, l.content) {
		content, err := io.ReadAll(io.TeeReader(file, digest))
		if err != nil {
			return err
		}
		told.Content, told.Size = content, int64(len(content))
		l.content -= told.Size
	} else if _, err := io.Copy(digest, file); err != nil {
		return err
	}
	told.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return nil
}

// nameOf is the errno's name as in errno.h, for those that a volume answers; else its sentence.
func nameOf(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	if name, known := names[errno]; known {
		return name
	}
	return errno.Error()
}

var names = map[syscall.Errno]string{
	syscall.EACCES: "EACCES", syscall.EDQUOT: "EDQUOT", syscall.EEXIST: "EEXIST", syscall.EINVAL: "EINVAL",
	syscall.EIO: "EIO", syscall.EISDIR: "EISDIR", syscall.ELOOP: "ELOOP", syscall.ENAMETOOLONG: "ENAMETOOLONG",
	syscall.ENOENT: "ENOENT", syscall.ENOSPC: "ENOSPC", syscall.ENOTDIR: "ENOTDIR", syscall.EPERM: "EPERM",
	syscall.EROFS: "EROFS", syscall.ESTALE: "ESTALE", syscall.EXDEV: "EXDEV",
}
