//go:build !light && !old

package main

import (
	"maps"
	"slices"

	"kubevirt.io/kubevirt/pkg/virt-config/featuregate"
)

func init() {
	documentCommands["gates"] = func() (any, error) {
		return slices.Sorted(maps.Keys(featuregate.GetRegisteredFeatureGates())), nil
	}
}
