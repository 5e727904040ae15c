//go:build !old

package main

import (
	"encoding/json"
	"fmt"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

func init() {
	lineCommands["yaml"] = func() (answerer, error) { return answerYAML, nil }
}

// reading is what one parser makes of a YAML document.
type reading struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

type yamlAnswer struct {
	KYAML reading `json:"kyaml"`
	Sigs  reading `json:"sigs"`
}

func answerYAML(line []byte) any {
	var document string
	if err := json.Unmarshal(line, &document); err != nil {
		return failure{Error: "decode: " + err.Error()}
	}
	return yamlAnswer{
		KYAML: read(document, readKYAML),
		Sigs:  read(document, func(document string) ([]byte, error) { return sigsyaml.YAMLToJSON([]byte(document)) }),
	}
}

func read(document string, parse func(string) ([]byte, error)) (r reading) {
	defer func() {
		if p := recover(); p != nil {
			r = reading{Error: fmt.Sprintf("panic: %v", p)}
		}
	}()
	value, err := parse(document)
	if err != nil {
		return reading{Error: err.Error()}
	}
	return reading{Value: value}
}

// readKYAML reads as kustomize does. RNode.MarshalJSON knows only mappings and
// sequences, so that any other document is decoded from its node.
func readKYAML(document string) ([]byte, error) {
	node, err := kyaml.Parse(document)
	if err != nil {
		return nil, err
	}
	switch node.YNode().Kind {
	case kyaml.MappingNode, kyaml.SequenceNode:
		return node.MarshalJSON()
	}
	var value any
	if err := node.YNode().Decode(&value); err != nil {
		return nil, err
	}
	return marshal(value)
}
