// Command oracle-template executes templates as the Platform documents them:
// Go's text/template with the functions of sprig. Each input line is
// {"template": text, "values": object}; each answer {"text": …, "error": …}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

type question struct {
	Template string         `json:"template"`
	Values   map[string]any `json:"values"`
}

type answer struct {
	Text  string `json:"text"`
	Error string `json:"error"`
}

func answerTo(line []byte) answer {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: "decode: " + err.Error()}
	}
	parsed, err := template.New("t").Funcs(sprig.TxtFuncMap()).Parse(asked.Template)
	if err != nil {
		return answer{Error: err.Error()}
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, map[string]any{"Values": asked.Values}); err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Text: out.String()}
}

func main() {
	encoder := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 1<<20), 1<<26)
	for lines.Scan() {
		if err := encoder.Encode(answerTo(lines.Bytes())); err != nil {
			panic(err)
		}
	}
}
