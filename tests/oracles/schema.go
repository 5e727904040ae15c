//go:build !light

package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/components"
)

// schemaDocument is the VirtualMachine CRD's schema without its prose, each
// distinct part of it once: `nodes` refer to each other by their number.
type schemaDocument struct {
	Version string           `json:"version"`
	Root    int              `json:"root"`
	Nodes   []map[string]any `json:"nodes"`
}

type schemaWriter struct {
	nodes []map[string]any
	known map[string]int
}

func init() {
	documentCommands["schema"] = describeSchema
}

func describeSchema() (any, error) {
	crd, err := components.NewVirtualMachineCrd()
	if err != nil {
		return nil, err
	}
	props, err := versionSchema(crd, kubevirtv1.VirtualMachineGroupVersionKind.Version)
	if err != nil {
		return nil, err
	}
	writer := schemaWriter{known: map[string]int{}}
	spec := props.Properties["spec"]
	root, err := writer.node(&spec, reflect.TypeOf(kubevirtv1.VirtualMachineSpec{}))
	if err != nil {
		return nil, err
	}
	return schemaDocument{Version: moduleVersion("kubevirt.io/kubevirt"), Root: root, Nodes: writer.nodes}, nil
}

// node writes one part of the schema and returns its number. A keyword that
// is not written here would be a rule that is lost: it is an error.
//
// The Go type goes beside it: an integer has to fit into its own, or KubeVirt
// can't decode the object.
func (w *schemaWriter) node(props *apiextensions.JSONSchemaProps, of reflect.Type) (int, error) {
	for of != nil && of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	node := map[string]any{}
	if of != nil && props.Type == "integer" {
		node["integer"] = of.Kind().String()
	}
	set := func(key string, value any, given bool) {
		if given {
			node[key] = value
		}
	}
	set("type", props.Type, props.Type != "")
	set("format", props.Format, props.Format != "")
	set("pattern", props.Pattern, props.Pattern != "")
	set("nullable", true, props.Nullable)
	set("intOrString", true, props.XIntOrString)
	set("open", true, props.XPreserveUnknownFields != nil && *props.XPreserveUnknownFields)
	set("minimum", props.Minimum, props.Minimum != nil)
	set("maximum", props.Maximum, props.Maximum != nil)
	set("minItems", props.MinItems, props.MinItems != nil)
	set("maxItems", props.MaxItems, props.MaxItems != nil)
	set("minLength", props.MinLength, props.MinLength != nil)
	set("maxLength", props.MaxLength, props.MaxLength != nil)
	set("required", props.Required, len(props.Required) > 0)
	set("enum", props.Enum, len(props.Enum) > 0)
	set("default", props.Default, props.Default != nil)
	set("listType", props.XListType, props.XListType != nil && *props.XListType != "atomic")
	set("keys", props.XListMapKeys, len(props.XListMapKeys) > 0)
	var rules []string
	for _, rule := range props.XValidations {
		rules = append(rules, rule.Rule)
	}
	set("rules", rules, len(rules) > 0)
	if len(props.OneOf)+len(props.AllOf) > 0 || props.Not != nil || props.MinProperties != nil || props.MaxProperties != nil ||
		props.UniqueItems || props.MultipleOf != nil || props.ExclusiveMinimum || props.ExclusiveMaximum ||
		(len(props.AnyOf) > 0 && !props.XIntOrString) {
		return 0, fmt.Errorf("the schema uses a keyword that is not known here: %+v", props)
	}
	if props.Items != nil {
		number, err := w.node(props.Items.Schema, element(of))
		if err != nil {
			return 0, err
		}
		node["items"] = number
	}
	if props.AdditionalProperties != nil && props.AdditionalProperties.Schema != nil {
		number, err := w.node(props.AdditionalProperties.Schema, element(of))
		if err != nil {
			return 0, err
		}
		node["values"] = number
	}
	if len(props.Properties) > 0 {
		names := make([]string, 0, len(props.Properties))
		for name := range props.Properties {
			names = append(names, name)
		}
		sort.Strings(names)
		fields := map[string]int{}
		for _, name := range names {
			child := props.Properties[name]
			number, err := w.node(&child, member(of, name))
			if err != nil {
				return 0, err
			}
			fields[name] = number
		}
		node["fields"] = fields
	}
	written, err := json.Marshal(node)
	if err != nil {
		return 0, err
	}
	if number, ok := w.known[string(written)]; ok {
		return number, nil
	}
	w.nodes = append(w.nodes, node)
	w.known[string(written)] = len(w.nodes) - 1
	return len(w.nodes) - 1, nil
}

func element(of reflect.Type) reflect.Type {
	if of == nil || (of.Kind() != reflect.Slice && of.Kind() != reflect.Map) {
		return nil
	}
	return of.Elem()
}

// member is the type of a struct's field by its name in JSON, with embedded
// structs looked into.
func member(of reflect.Type, name string) reflect.Type {
	for of != nil && of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of == nil || of.Kind() != reflect.Struct {
		return nil
	}
	for i := range of.NumField() {
		field := of.Field(i)
		tag := strings.Split(field.Tag.Get("json"), ",")[0]
		if tag == name {
			return field.Type
		}
		if tag == "" && field.Anonymous {
			if found := member(field.Type, name); found != nil {
				return found
			}
		}
	}
	return nil
}
