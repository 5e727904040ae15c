// Command peer does krmfn's job for one benchmark case as a KRM function on
// kyaml's framework, written as such functions usually are: each claim's
// objects are made from text and appended as nodes. It checks nothing.
//
// The machine's manifests stand in a file, with NAME for the claim's name,
// and its user data in another.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(manifests, userData string) error {
	template, err := os.ReadFile(manifests)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(userData)
	if err != nil {
		return err
	}
	processor := framework.ResourceListProcessorFunc(func(list *framework.ResourceList) error {
		var made []*yaml.RNode
		for _, item := range list.Items {
			if item.GetKind() != "NodeProvider" && item.GetKind() != "NodeClaim" && item.GetKind() != "Secret" {
				continue
			}
			if err := item.PipeE(yaml.SetAnnotation("config.kubernetes.io/local-config", "true")); err != nil {
				return err
			}
			if item.GetKind() != "NodeClaim" {
				continue
			}
			name := item.GetName()
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(string(data), "NAME", name)))
			text := strings.ReplaceAll(strings.ReplaceAll(string(template), "NAME", name), "USERDATA", encoded)
			for _, document := range strings.Split(text, "---\n") {
				node, err := yaml.Parse(document)
				if err != nil {
					return err
				}
				made = append(made, node)
			}
		}
		list.Items = append(list.Items, made...)
		return nil
	})
	return framework.Execute(processor, &kio.ByteReadWriter{})
}
