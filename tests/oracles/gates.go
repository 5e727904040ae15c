//go:build !light

package main

import (
	"encoding/json"

	"kubevirt.io/kubevirt/pkg/virt-config/featuregate"
)

func init() {
	lineCommands["gate"] = func() (answerer, error) { return answerGate, nil }
}

// answerGate tells the stage of a feature gate, "" if this version has no such gate.
func answerGate(line []byte) any {
	var name string
	if err := json.Unmarshal(line, &name); err != nil {
		return failure{Error: "decode: " + err.Error()}
	}
	if gate := featuregate.FeatureGateInfo(name); gate != nil {
		return gate.State
	}
	return ""
}
