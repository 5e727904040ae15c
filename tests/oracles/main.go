// Command oracle answers single questions with the code of Kubernetes and
// KubeVirt themselves, so that tests can compare this project's own answers
// with theirs. See README.md for the line protocol of each subcommand.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sort"
	"strings"
)

// answerer turns one input line into one value, which is written as JSON.
type answerer func(line []byte) any

// failure is the answer to a line that a subcommand can't even start on.
type failure struct {
	Error string `json:"error"`
}

// lineCommands are the subcommands that answer one line per input line. Each
// is made on demand, as some take a while to set up. Each file adds its own;
// build tags leave files out: "light" what needs KubeVirt's admission code,
// "old" what one version of KubeVirt is enough for.
var lineCommands = map[string]func() (answerer, error){}

// documentCommands are the subcommands that read nothing and write one
// document.
var documentCommands = map[string]func() (any, error){}

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return usage()
	}
	if describe, ok := documentCommands[args[0]]; ok {
		doc, err := describe()
		if err != nil {
			return err
		}
		return encode(out, doc)
	}
	setUp, ok := lineCommands[args[0]]
	if !ok {
		return usage()
	}
	answer, err := setUp()
	if err != nil {
		return err
	}
	return eachLine(in, out, answer)
}

func usage() error {
	names := []string{}
	for name := range documentCommands {
		names = append(names, name)
	}
	for name := range lineCommands {
		names = append(names, name)
	}
	sort.Strings(names)
	return fmt.Errorf("usage: oracle %s", strings.Join(names, "|"))
}

// eachLine writes exactly one line of output per line of input, at once, so
// that a caller may keep the process open and wait for each answer.
func eachLine(in io.Reader, out io.Writer, answer answerer) error {
	reader := bufio.NewReaderSize(in, 1<<20)
	for {
		line, readErr := reader.ReadBytes('\n')
		if readErr != nil && readErr != io.EOF {
			return readErr
		}
		if readErr == nil || len(line) > 0 {
			if err := encode(out, guarded(answer, bytes.TrimRight(line, "\r\n"))); err != nil {
				return err
			}
		}
		if readErr == io.EOF {
			return nil
		}
	}
}

// guarded keeps a panic on one line from taking the others with it.
func guarded(answer answerer, line []byte) (value any) {
	defer func() {
		if r := recover(); r != nil {
			value = failure{Error: fmt.Sprintf("panic: %v", r)}
		}
	}()
	return answer(line)
}

// encode writes the value as a single line.
func encode(out io.Writer, value any) error {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		buffer.Reset()
		if err := encoder.Encode(failure{Error: "encode: " + err.Error()}); err != nil {
			return err
		}
	}
	_, err := out.Write(buffer.Bytes())
	return err
}

// moduleVersion is the version of a module that this program was built with.
func moduleVersion(module string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if dependency.Path == module {
				if dependency.Replace != nil {
					return dependency.Replace.Version
				}
				return dependency.Version
			}
		}
	}
	return ""
}
