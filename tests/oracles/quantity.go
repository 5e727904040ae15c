package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

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
		return quantityAnswer{Canonical: quantity.String()}
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
