// Go's clients: main get URL | s3 ENDPOINT BUCKET | minio ENDPOINT BUCKET | tar FILE | tgz FILE | zip FILE | write FILE |
// read FILE | exec PROGRAM. An error ends it with log.Fatal.
package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/minio-go/v7"
	minioCredentials "github.com/minio/minio-go/v7/pkg/credentials"
)

func get(url string) error {
	limit, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(limit, "GET", url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if answer.StatusCode != 200 {
		return fmt.Errorf("GET: %s", answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func withAWS(endpoint, bucket string) error {
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(endpoint), UsePathStyle: true, Region: "us-east-1", RetryMaxAttempts: 2,
		Credentials: credentials.NewStaticCredentialsProvider("key", "word", ""),
		HTTPClient:  &http.Client{Timeout: 3 * time.Second},
	})
	answer, err := client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("model")})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func withMinio(endpoint, bucket string) error {
	scheme, host, _ := strings.Cut(endpoint, "://")
	minio.MaxRetry = 2
	client, err := minio.New(host, &minio.Options{
		Creds: minioCredentials.NewStaticV4("key", "word", ""), Secure: scheme == "https", Region: "us-east-1",
	})
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return client.FGetObject(limit, bucket, "model", "/tmp/model", minio.GetObjectOptions{})
}

func untar(file string, zipped bool) error {
	opened, err := os.Open(file)
	if err != nil {
		return err
	}
	var stream io.Reader = opened
	if zipped {
		if stream, err = gzip.NewReader(opened); err != nil {
			return err
		}
	}
	archive := tar.NewReader(stream)
	for {
		if _, err := archive.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, archive); err != nil {
			return err
		}
	}
}

func write(file string) error {
	target, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE, 0o644)
	for err == nil {
		_, err = target.Write(bytes.Repeat([]byte("x"), 65536))
	}
	return err
}

func main() {
	var err error
	given := os.Args[2:]
	switch os.Args[1] {
	case "get":
		err = get(given[0])
	case "s3":
		err = withAWS(given[0], given[1])
	case "minio":
		err = withMinio(given[0], given[1])
	case "tar", "tgz":
		err = untar(given[0], os.Args[1] == "tgz")
	case "zip":
		_, err = zip.OpenReader(given[0])
	case "write":
		err = write(given[0])
	case "read":
		_, err = os.ReadFile(given[0])
	case "exec":
		err = exec.Command(given[0]).Run()
	}
	if err != nil {
		log.Fatal(err)
	}
}
