// Command oracle-vcluster judges vcluster.yaml documents with the code of
// vCluster itself, so that tests can compare this project's own answers with
// its. See README.md for the line protocol.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/loft-sh/vcluster/config"
	pkgconfig "github.com/loft-sh/vcluster/pkg/config"
	"k8s.io/klog/v2"
)

// verdict is the answer to one document.
type verdict struct {
	Error string `json:"error"`
}

func main() {
	silence()
	if err := eachLine(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "oracle-vcluster:", err)
		os.Exit(1)
	}
}

// silence drops what vCluster logs. It goes by way of klog.
func silence() {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	_ = flags.Set("logtostderr", "false")
	_ = flags.Set("stderrthreshold", "FATAL")
	klog.SetOutput(io.Discard)
}

// eachLine writes exactly one line of output per line of input, at once, so
// that a caller may keep the process open and wait for each answer.
func eachLine(in io.Reader, out io.Writer) error {
	reader := bufio.NewReaderSize(in, 1<<20)
	for {
		line, readErr := reader.ReadBytes('\n')
		if readErr != nil && readErr != io.EOF {
			return readErr
		}
		if readErr == nil || len(line) > 0 {
			if err := encode(out, verdict{Error: judge(bytes.TrimRight(line, "\r\n"))}); err != nil {
				return err
			}
		}
		if readErr == io.EOF {
			return nil
		}
	}
}

// judge says what is wrong with the document in the line, or nothing. A panic
// on one line doesn't take the others with it.
func judge(line []byte) (problem string) {
	defer func() {
		if r := recover(); r != nil {
			problem = fmt.Sprintf("panic: %v", r)
		}
	}()
	var document *string
	if err := json.Unmarshal(line, &document); err != nil {
		return "input: " + err.Error()
	}
	if document == nil {
		return "input: not a string"
	}
	values, err := config.NewDefaultConfig()
	if err != nil {
		return "defaults: " + err.Error()
	}
	if err := values.UnmarshalYAMLStrict([]byte(*document)); err != nil {
		return "decode: " + err.Error()
	}
	virtualCluster := &pkgconfig.VirtualClusterConfig{Config: *values, Name: "tenant-1", HostNamespace: "tenant-1"}
	if err := pkgconfig.ValidateConfigAndSetDefaults(virtualCluster); err != nil {
		return "validate: " + err.Error()
	}
	return ""
}

// encode writes the verdict as a single line.
func encode(out io.Writer, answer verdict) error {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		return err
	}
	_, err := out.Write(buffer.Bytes())
	return err
}
