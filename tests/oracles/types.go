//go:build !old

package main

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

func init() {
	documentCommands["types"] = func() (any, error) { return describeTypes() }
	documentCommands["descriptions"] = func() (any, error) { return describeFields() }
}

const apiModule = "kubevirt.io/api"

type typesDocument struct {
	Version string `json:"version"`
	Root    string `json:"root"`
	// Custom names the types whose JSON is not that of their Go struct.
	Custom map[string]string               `json:"custom"`
	Types  map[string]map[string]typeField `json:"types"`
}

type typeField struct {
	Kind string `json:"kind"`
	Type string `json:"type,omitempty"`
	Elem string `json:"elem,omitempty"`
	Go   string `json:"go,omitempty"`
	Ptr  bool   `json:"ptr,omitempty"`
	// Omits tells of a field that Go does not write if it is zero, and that is no pointer.
	Omits bool `json:"omits,omitempty"`
	// Null tells of a pointer that Go writes as null if it is not set.
	Null     bool   `json:"null,omitempty"`
	Strategy string `json:"strategy,omitempty"`
	Key      string `json:"key,omitempty"`
	// Panics is what the lookup of this field panics with: strategicpatch
	// does not follow embedded pointers, which encoding/json does.
	Panics string `json:"panics,omitempty"`
}

// structField is a Go field with the panic that its lookup ends in, if any, and
// with what its documentation says.
type structField struct {
	reflect.StructField
	panics string
	text   string
}

// customJSON are the types that are not written as JSON objects made of their
// fields. Strategic merge does not know that: it sees the Go struct.
var customJSON = map[string]string{
	"k8s.io/apimachinery/pkg/api/resource.Quantity":   "scalar",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":   "scalar",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":   "raw",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":  "scalar",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":       "scalar",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":    "raw",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString": "scalar",
}

// describeTypes walks the Go types below VirtualMachine in the way that
// strategicpatch.PatchMetaFromStruct looks fields up.
func describeTypes() (*typesDocument, error) {
	root := reflect.TypeOf(kubevirtv1.VirtualMachine{})
	found := map[reflect.Type]map[string]structField{}
	if err := collectTypes(root, found); err != nil {
		return nil, err
	}
	names := nameTypes(found)
	doc := &typesDocument{
		Version: moduleVersion(apiModule),
		Root:    names[root],
		Custom:  map[string]string{},
		Types:   map[string]map[string]typeField{},
	}
	for t, fields := range found {
		if kind, ok := customJSON[t.PkgPath()+"."+t.Name()]; ok {
			doc.Custom[names[t]] = kind
		}
		described := map[string]typeField{}
		for name, field := range fields {
			described[name] = describeField(field, names)
		}
		doc.Types[names[t]] = described
	}
	return doc, nil
}

// describeFields tells what the documentation of KubeVirt, CDI and Kubernetes
// says of the fields that a VirtualMachine's spec may have, by their types.
func describeFields() (map[string]map[string]string, error) {
	found, declared := map[reflect.Type]map[string]structField{}, map[reflect.Type]map[string]structField{}
	if err := collectTypes(reflect.TypeOf(kubevirtv1.VirtualMachine{}), found); err != nil {
		return nil, err
	}
	if err := collectTypes(reflect.TypeOf(kubevirtv1.VirtualMachineSpec{}), declared); err != nil {
		return nil, err
	}
	names := nameTypes(found)
	described := map[string]map[string]string{}
	for t, fields := range declared {
		texts := map[string]string{}
		for name, field := range fields {
			if text := prose(field.text); text != "" {
				texts[name] = text
			}
		}
		if len(texts) > 0 {
			described[names[t]] = texts
		}
	}
	return described, nil
}

// prose is a text without its lines for code generators, such as "+optional".
func prose(text string) string {
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool {
		return strings.HasPrefix(strings.TrimSpace(line), "+")
	})
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// fieldTexts returns the documentation of a struct's own fields.
func fieldTexts(t reflect.Type) map[string]string {
	if documented, ok := reflect.Zero(t).Interface().(interface{ SwaggerDoc() map[string]string }); ok {
		return documented.SwaggerDoc()
	}
	return nil
}

// collectTypes records the JSON fields of a struct type and of all below it.
func collectTypes(t reflect.Type, found map[reflect.Type]map[string]structField) error {
	if _, ok := found[t]; ok {
		return nil
	}
	fields, err := jsonFields(t)
	if err != nil {
		return err
	}
	found[t] = fields
	for _, field := range fields {
		if below := structBelow(field.Type); below != nil {
			if err := collectTypes(below, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// structBelow returns the struct type of a struct, or of the elements of a
// list or a map of structs.
func structBelow(t reflect.Type) reflect.Type {
	t = target(t)
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		t = target(t.Elem())
	}
	if t.Kind() == reflect.Struct {
		return t
	}
	return nil
}

func target(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func describeField(field structField, names map[reflect.Type]string) typeField {
	t := target(field.Type)
	described := typeField{
		Kind:     shortKind(t),
		Ptr:      field.Type.Kind() == reflect.Pointer,
		Strategy: field.Tag.Get("patchStrategy"),
		Key:      field.Tag.Get("patchMergeKey"),
		Panics:   field.panics,
		Omits:    omits(field.Type, field.Tag.Get("json")),
		Null:     field.Type.Kind() == reflect.Pointer && !hasOmitEmpty(field.Tag.Get("json")),
	}
	switch described.Kind {
	case "list", "map":
		described.Elem = shortKind(target(t.Elem()))
	}
	if below := structBelow(field.Type); below != nil {
		described.Type = names[below]
	}
	if described.Kind == "scalar" && t.Kind() != reflect.String {
		described.Go = t.Kind().String()
	}
	return described
}

// omits tells whether encoding/json leaves a field out for its value, which it
// never does for structs.
func omits(t reflect.Type, tag string) bool {
	return hasOmitEmpty(tag) && t.Kind() != reflect.Pointer && t.Kind() != reflect.Struct
}

func hasOmitEmpty(tag string) bool {
	_, options, _ := strings.Cut(tag, ",")
	return slices.Contains(strings.Split(options, ","), "omitempty")
}

func shortKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		return "struct"
	case reflect.Map:
		return "map"
	case reflect.Slice, reflect.Array:
		return "list"
	case reflect.Interface:
		return "raw"
	default:
		return "scalar"
	}
}

// jsonFields finds the JSON fields of a struct, inlined ones included: the
// breadth-first walk and the rules of precedence of encoding/json, without
// its later additions, as in apimachinery's fork. Each field is then asked
// for through strategicpatch's own lookup, which has to agree.
func jsonFields(t reflect.Type) (map[string]structField, error) {
	type candidate struct {
		field  structField
		tagged bool
	}
	chosen := map[string]structField{}
	hidden := map[string]bool{}
	visited := map[reflect.Type]bool{}
	level := []reflect.Type{t}
	for len(level) > 0 {
		var next []reflect.Type
		here := map[string][]candidate{}
		for _, current := range level {
			if visited[current] {
				continue
			}
			visited[current] = true
			texts := fieldTexts(current)
			for i := range current.NumField() {
				field := current.Field(i)
				tag := field.Tag.Get("json")
				if field.PkgPath != "" || tag == "-" {
					continue
				}
				name, _, _ := strings.Cut(tag, ",")
				tagged := name != ""
				inner := field.Type
				if inner.Name() == "" {
					inner = target(inner)
				}
				if !tagged && field.Anonymous && inner.Kind() == reflect.Struct {
					if slices.Contains(next, inner) {
						return nil, fmt.Errorf("%v embeds %v twice at one depth", t, inner)
					}
					next = append(next, inner)
					continue
				}
				if !tagged {
					name = field.Name
				}
				here[name] = append(here[name], candidate{structField{StructField: field, text: texts[name]}, tagged})
			}
		}
		for name, candidates := range here {
			if _, ok := chosen[name]; ok || hidden[name] {
				continue
			}
			if len(candidates) > 1 {
				tagged := slices.DeleteFunc(slices.Clone(candidates), func(c candidate) bool { return !c.tagged })
				if len(tagged) != 1 {
					hidden[name] = true
					continue
				}
				candidates = tagged
			}
			chosen[name] = candidates[0].field
		}
		level = next
	}
	for name, field := range chosen {
		upstream, err := lookUp(t, name)
		if err != nil {
			return nil, err
		}
		if upstream.panics != "" {
			field.panics = upstream.panics
			chosen[name] = field
			continue
		}
		if upstream.Type != field.Type ||
			upstream.strategy != field.Tag.Get("patchStrategy") || upstream.key != field.Tag.Get("patchMergeKey") {
			return nil, fmt.Errorf("%v.%s: strategicpatch finds %v, strategy %q, key %q",
				t, name, upstream.Type, upstream.strategy, upstream.key)
		}
	}
	return chosen, nil
}

// lookup is what strategicpatch's own lookup says of a field.
type lookup struct {
	reflect.Type
	strategy, key, panics string
}

func lookUp(t reflect.Type, name string) (l lookup, err error) {
	defer func() {
		if r := recover(); r != nil {
			l, err = lookup{panics: fmt.Sprint(r)}, nil
		}
	}()
	below, meta, err := strategicpatch.PatchMetaFromStruct{T: t}.LookupPatchMetadataForStruct(name)
	if err != nil {
		return lookup{}, err
	}
	return lookup{
		Type:     below.(strategicpatch.PatchMetaFromStruct).T,
		strategy: strings.Join(meta.GetPatchStrategies(), ","),
		key:      meta.GetPatchMergeKey(),
	}, nil
}

// nameTypes gives each type its short Go name, put behind as much of its
// package path as tells it from others of that name.
func nameTypes(found map[reflect.Type]map[string]structField) map[reflect.Type]string {
	names := map[reflect.Type]string{}
	for t := range found {
		names[t] = t.Name()
	}
	prefixes := map[reflect.Type]string{}
	for {
		byName := map[string][]reflect.Type{}
		for t, name := range names {
			byName[name] = append(byName[name], t)
		}
		clash := false
		for _, types := range byName {
			if len(types) < 2 {
				continue
			}
			clash = true
			for _, t := range types {
				rest := strings.TrimSuffix(strings.TrimSuffix(t.PkgPath(), prefixes[t]), "/")
				prefixes[t] = path.Join(path.Base(rest), prefixes[t])
				names[t] = prefixes[t] + "." + t.Name()
			}
		}
		if !clash {
			return names
		}
	}
}
