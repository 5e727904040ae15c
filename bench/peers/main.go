// Command peer does krmfn's job for the benchmark's cases as a KRM function on
// kyaml's framework, written as such functions usually are: for each claim the
// provider's template is copied, the node type's patch merged into it, and the
// claim's names, labels, disks and user data set in it. It checks nothing.
//
// The text of the user data stands in a file, with NAME for the claim's name.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
)

var consumed = map[string]bool{"NodeProvider": true, "NodeClaim": true, "Secret": true}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(file string) error {
	userData, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	processor := framework.ResourceListProcessorFunc(func(list *framework.ResourceList) error {
		providers := map[string]*yaml.RNode{}
		var claims []*yaml.RNode
		for _, item := range list.Items {
			if !consumed[item.GetKind()] {
				continue
			}
			if err := item.PipeE(yaml.SetAnnotation("config.kubernetes.io/local-config", "true")); err != nil {
				return err
			}
			switch item.GetKind() {
			case "NodeProvider":
				providers[item.GetName()] = item
			case "NodeClaim":
				claims = append(claims, item)
			}
		}
		for _, claim := range claims {
			provider, nodeType := text(claim, "spec", "providerRef"), text(claim, "spec", "typeRef")
			labels := map[string]string{
				"app.kubernetes.io/managed-by": "krmfn",
				"krmfn.dev/node-claim":         claim.GetName(),
				"krmfn.dev/node-provider":      provider,
				"krmfn.dev/node-type":          nodeType,
				"krmfn.dev/virtual-cluster":    text(claim, "spec", "vClusterRef"),
			}
			vm, err := machine(providers[provider], nodeType, claim.GetName(), labels)
			if err != nil {
				return err
			}
			secret, err := secret(vm, claim.GetName(), labels, strings.ReplaceAll(string(userData), "NAME", claim.GetName()))
			if err != nil {
				return err
			}
			list.Items = append(list.Items, secret, vm)
		}
		return nil
	})
	return framework.Execute(processor, &kio.ByteReadWriter{})
}

// machine makes the VirtualMachine of a claim.
func machine(provider *yaml.RNode, nodeType, name string, labels map[string]string) (*yaml.RNode, error) {
	template, err := provider.Pipe(yaml.Lookup("spec", "kubeVirt", "virtualMachineTemplate"))
	if err != nil {
		return nil, err
	}
	patch, err := provider.Pipe(yaml.Lookup("spec", "kubeVirt", "nodeTypes", "[name="+nodeType+"]", "mergeVirtualMachineTemplate"))
	if err != nil {
		return nil, err
	}
	// kyaml's strategic merge looks for the schema of what it merges: both have to say what they are.
	vm := typed(template.Copy())
	if patch != nil {
		if vm, err = merge2.Merge(typed(patch.Copy()), vm, yaml.MergeOptions{}); err != nil {
			return nil, err
		}
	}
	if err := named(vm, name, text(provider, "spec", "kubeVirt", "clusterRef", "namespace"), labels); err != nil {
		return nil, err
	}
	if err := vm.PipeE(yaml.Lookup("spec"), yaml.SetField("runStrategy", yaml.NewStringRNode("Always"))); err != nil {
		return nil, err
	}
	for key, value := range labels {
		if err := vm.PipeE(yaml.LookupCreate(yaml.MappingNode, "spec", "template", "metadata", "labels"), yaml.SetField(key, yaml.NewStringRNode(value))); err != nil {
			return nil, err
		}
	}
	if err := prefixed(vm, name, []string{"spec", "dataVolumeTemplates"}, "metadata", "name"); err != nil {
		return nil, err
	}
	if err := prefixed(vm, name, []string{"spec", "template", "spec", "volumes"}, "dataVolume", "name"); err != nil {
		return nil, err
	}
	volume := yaml.MustParse("name: cloudinit\ncloudInitNoCloud:\n  secretRef:\n    name: " + name + "-cloud-init\n")
	if err := vm.PipeE(yaml.LookupCreate(yaml.SequenceNode, "spec", "template", "spec", "volumes"), yaml.Append(volume.YNode())); err != nil {
		return nil, err
	}
	disk := yaml.MustParse("name: cloudinit\ndisk:\n  bus: virtio\n")
	return vm, vm.PipeE(yaml.LookupCreate(yaml.SequenceNode, "spec", "template", "spec", "domain", "devices", "disks"), yaml.Append(disk.YNode()))
}

func typed(vm *yaml.RNode) *yaml.RNode {
	vm.SetApiVersion("kubevirt.io/v1")
	vm.SetKind("VirtualMachine")
	return vm
}

// secret makes the Secret with the user data of a machine.
func secret(vm *yaml.RNode, name string, labels map[string]string, userData string) (*yaml.RNode, error) {
	made := yaml.MustParse("apiVersion: v1\nkind: Secret\ntype: Opaque\n")
	if err := named(made, name+"-cloud-init", vm.GetNamespace(), labels); err != nil {
		return nil, err
	}
	made.SetDataMap(map[string]string{"userdata": base64.StdEncoding.EncodeToString([]byte(userData))})
	return made, nil
}

func named(object *yaml.RNode, name, namespace string, labels map[string]string) error {
	if err := object.SetName(name); err != nil {
		return err
	}
	if err := object.SetNamespace(namespace); err != nil {
		return err
	}
	if err := object.SetLabels(labels); err != nil {
		return err
	}
	return object.SetAnnotations(map[string]string{"krmfn.dev/owner": "nodes"})
}

// prefixed puts a machine's name before the name that the elements of a list have at a path.
func prefixed(vm *yaml.RNode, name string, list []string, path ...string) error {
	elements, err := vm.Pipe(yaml.Lookup(list...))
	if err != nil || elements == nil {
		return err
	}
	return elements.VisitElements(func(element *yaml.RNode) error {
		found, err := element.Pipe(yaml.Lookup(path...))
		if err != nil || found == nil {
			return err
		}
		return found.PipeE(yaml.Set(yaml.NewStringRNode(name + "-" + found.YNode().Value)))
	})
}

func text(object *yaml.RNode, path ...string) string {
	found, err := object.Pipe(yaml.Lookup(path...))
	if err != nil || found == nil {
		return ""
	}
	return found.YNode().Value
}
