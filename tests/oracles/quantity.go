//go:build !old

package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

func init() {
	lineCommands["quantity"] = func() (answerer, error) { return answerQuantity, nil }
}

type quantityAnswer struct {
	Canonical string `json:"canonical"`
	Error     string `json:"error"`
}

type comparisonAnswer struct {
	Cmp   int    `json:"cmp"`
	Error string `json:"error"`
}

func answerQuantity(line []byte) any {
	var text string
	if err := json.Unmarshal(line, &text); err == nil && string(line) != "null" {
		quantity, err := resource.ParseQuantity(text)
		if err != nil {
			return quantityAnswer{Error: err.Error()}
		}
		// Not String(): it repeats the text that was parsed.
		number, suffix := quantity.CanonicalizeBytes(make([]byte, 0, 64))
		return quantityAnswer{Canonical: string(number) + string(suffix)}
	}
	var pair []string
	if err := json.Unmarshal(line, &pair); err != nil {
		return quantityAnswer{Error: "decode: " + err.Error()}
	}
	if len(pair) != 2 {
		return quantityAnswer{Error: fmt.Sprintf("decode: want a string or two of them, not %d", len(pair))}
	}
	left, err := resource.ParseQuantity(pair[0])
	if err != nil {
		return comparisonAnswer{Error: err.Error()}
	}
	right, err := resource.ParseQuantity(pair[1])
	if err != nil {
		return comparisonAnswer{Error: err.Error()}
	}
	return comparisonAnswer{Cmp: left.Cmp(right)}
}
