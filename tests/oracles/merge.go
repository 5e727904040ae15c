//go:build !old

package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

func init() {
	lineCommands["merge"] = func() (answerer, error) { return answerMerge, nil }
}

// mergeAttempts is how often one merge is repeated to find out whether its
// outcome depends on the order in which Go walks a map. Go starts the walk of a
// small map at one of eight slots, so that an order can be one in eight.
const mergeAttempts = 128

type mergeAnswer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
	// Others holds every further outcome seen for the same input. It is only
	// there where upstream's own answer is not deterministic.
	Others []mergeAnswer `json:"others,omitempty"`
}

func answerMerge(line []byte) any {
	var input struct {
		Base  json.RawMessage `json:"base"`
		Patch json.RawMessage `json:"patch"`
	}
	if err := json.Unmarshal(line, &input); err != nil {
		return failure{Error: "decode: " + err.Error()}
	}
	answer := mergeOnce(input.Base, input.Patch)
	if answer.Error == "" && !mayVary(input.Patch) {
		return answer
	}
	seen := []mergeAnswer{answer}
attempts:
	for i := 1; i < mergeAttempts; i++ {
		next := mergeOnce(input.Base, input.Patch)
		for _, known := range seen {
			if known.Error == next.Error && bytes.Equal(known.Result, next.Result) {
				continue attempts
			}
		}
		seen = append(seen, next)
		answer.Others = append(answer.Others, next)
	}
	return answer
}

// mayVary tells whether a merge that once went well may turn out otherwise.
// Each key of a patch has to do with one key of the base only, but for the two
// that one list may have in a patch: itself and what to delete from it. (Of two
// errors in a patch, though, either may come first.)
func mayVary(rawPatch []byte) bool {
	return bytes.Contains(rawPatch, []byte("$deleteFromPrimitiveList")) || bytes.Contains(rawPatch, []byte(`\u`))
}

// mergeOnce decodes both sides afresh: the merge changes them, and the spare
// capacity of freshly decoded slices has a say in what upstream returns.
func mergeOnce(rawBase, rawPatch []byte) (answer mergeAnswer) {
	defer func() {
		if r := recover(); r != nil {
			answer = mergeAnswer{Error: fmt.Sprintf("panic: %v", r)}
		}
	}()
	base, err := decodeMap(rawBase)
	if err != nil {
		return mergeAnswer{Error: "decode base: " + err.Error()}
	}
	patch, err := decodeMap(rawPatch)
	if err != nil {
		return mergeAnswer{Error: "decode patch: " + err.Error()}
	}
	merged, err := strategicpatch.StrategicMergeMapPatch(base, patch, kubevirtv1.VirtualMachine{})
	if err != nil {
		return mergeAnswer{Error: err.Error()}
	}
	result, err := marshal(merged)
	if err != nil {
		return mergeAnswer{Error: "encode: " + err.Error()}
	}
	return mergeAnswer{Result: result}
}

// decodeMap decodes as the API machinery does: integers stay integers.
func decodeMap(raw []byte) (map[string]any, error) {
	m := map[string]any{}
	if len(raw) == 0 {
		return m, nil
	}
	if err := utiljson.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	return m, nil
}

func marshal(value any) (json.RawMessage, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buffer.Bytes(), "\n"), nil
}
