//go:build !light

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	kubevirtv1 "kubevirt.io/api/core/v1"
	webhookutils "kubevirt.io/kubevirt/pkg/util/webhooks"
	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/components"
)

type vmQuestion struct {
	clusterSettings
	VM json.RawMessage `json:"vm"`
	// Stored asks for the machine as the webhook for changes leaves it.
	Stored bool `json:"stored"`
}

type vmAnswer struct {
	Pruned    []string `json:"pruned"`
	Schema    []string `json:"schema"`
	Admission []string `json:"admission"` // what the webhooks for machines say
	Instance  []string `json:"instance"`  // what the webhooks say of the instance that is made of it
	Disks     []string `json:"disks"`     // the instance's disks, in their order
	Stored    any      `json:"stored,omitempty"`
}

// vmJudge does to a VirtualMachine what an API server with KubeVirt does to
// one that is created.
type vmJudge struct {
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
	worlds     map[string]*world
}

func init() {
	lineCommands["vm"] = newVMAnswerer
}

func newVMAnswerer() (answerer, error) {
	crd, err := components.NewVirtualMachineCrd()
	if err != nil {
		return nil, err
	}
	version := kubevirtv1.VirtualMachineGroupVersionKind.Version
	props, err := versionSchema(crd, version)
	if err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(props)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(props)
	if err != nil {
		return nil, err
	}
	judge := vmJudge{
		structural: structural,
		validator:  validator,
		rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
		worlds:     map[string]*world{},
	}
	return judge.answer, nil
}

func versionSchema(crd *apiextensionsv1.CustomResourceDefinition, name string) (*apiextensions.JSONSchemaProps, error) {
	for _, version := range crd.Spec.Versions {
		if version.Name != name {
			continue
		}
		var internal apiextensions.CustomResourceValidation
		err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(
			version.Schema, &internal, nil)
		return internal.OpenAPIV3Schema, err
	}
	return nil, fmt.Errorf("the CRD %s has no version %s", crd.Name, name)
}

func (j vmJudge) answer(line []byte) any {
	answer := vmAnswer{Pruned: []string{}, Schema: []string{}, Admission: []string{}, Instance: []string{}, Disks: []string{}}
	question := vmQuestion{}
	if err := json.Unmarshal(line, &question); err != nil {
		return failure{err.Error()}
	}
	vm, err := j.serve(question.VM, &answer)
	if err != nil {
		answer.Schema = append(answer.Schema, "decode: "+err.Error())
		return answer
	}
	if len(answer.Schema) > 0 {
		return answer // the webhooks get no such object
	}
	j.admit(vm, question, &answer)
	return answer
}

// admit takes the machine, and then the instance that is made of it, through
// KubeVirt's webhooks. Settings that come again keep their cluster.
func (j vmJudge) admit(vm *kubevirtv1.VirtualMachine, question vmQuestion, answer *vmAnswer) {
	defer func() {
		if r := recover(); r != nil {
			answer.Admission = append(answer.Admission, fmt.Sprint("panic: ", r))
		}
	}()
	settings := question.clusterSettings
	key := fmt.Sprint(settings)
	if j.worlds[key] == nil {
		j.worlds[key] = newWorld(settings)
	}
	raw, err := json.Marshal(vm)
	if err != nil {
		answer.Admission = append(answer.Admission, err.Error())
		return
	}
	admitted, refused, err := j.worlds[key].admit(nil, raw)
	if err != nil {
		refused = append(refused, err.Error())
	}
	if answer.Admission = append(answer.Admission, refused...); len(answer.Admission) > 0 {
		return
	}
	if question.Stored {
		answer.Stored = admitted
	}
	instance, refused, err := j.worlds[key].start(admitted)
	if err != nil {
		refused = append(refused, err.Error())
	}
	if answer.Instance = append(answer.Instance, refused...); len(answer.Instance) > 0 {
		return
	}
	if instance == nil {
		return
	}
	for _, disk := range instance.Spec.Domain.Devices.Disks {
		answer.Disks = append(answer.Disks, disk.Name)
	}
}

// serve goes the API server's way: default, prune and validate by the CRD's
// schema. It returns the object as the admission webhooks get it.
func (j vmJudge) serve(line []byte, answer *vmAnswer) (*kubevirtv1.VirtualMachine, error) {
	object := map[string]any{}
	if err := utiljson.Unmarshal(line, &object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, fmt.Errorf("not an object")
	}
	defaulting.Default(object, j.structural)
	meta, hasMeta, unknown, err := objectmeta.GetObjectMetaWithOptions(object,
		objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return nil, err
	}
	unknown = append(unknown, pruning.PruneWithOptions(object, j.structural, true,
		structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, j.structural)
	fieldErr, unknownEmbedded := objectmeta.CoerceWithOptions(nil, object, j.structural, false,
		objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true})
	if fieldErr != nil {
		return nil, fieldErr
	}
	unknown = append(unknown, unknownEmbedded...)
	sort.Strings(unknown)
	answer.Pruned = append(answer.Pruned, unknown...)
	if hasMeta {
		if err := objectmeta.SetObjectMeta(object, meta); err != nil {
			return nil, err
		}
	}
	answer.Schema = append(answer.Schema, messages(j.validate(object))...)

	raw, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	if len(answer.Schema) == 0 { // the webhook gets no other objects
		answer.Schema = append(answer.Schema, webhookSchema(raw)...)
	}
	vm := &kubevirtv1.VirtualMachine{}
	if err := json.Unmarshal(raw, vm); err != nil {
		return nil, err
	}
	return vm, nil
}

// validate runs the checks that the API server runs on a new custom object.
func (j vmJudge) validate(object map[string]any) field.ErrorList {
	gvk := kubevirtv1.VirtualMachineGroupVersionKind
	var errs field.ErrorList
	if kind := object["kind"]; kind != gvk.Kind {
		errs = append(errs, field.Invalid(field.NewPath("kind"), kind, "must be "+gvk.Kind))
	}
	if version := object["apiVersion"]; version != gvk.GroupVersion().String() {
		errs = append(errs, field.Invalid(field.NewPath("apiVersion"), version, "must be "+gvk.GroupVersion().String()))
	}
	if len(errs) > 0 {
		return errs
	}
	accessor := (&unstructured.Unstructured{Object: object}).DeepCopy()
	if accessor.GetNamespace() == "" {
		accessor.SetNamespace(metav1.NamespaceDefault) // the request's path has it
	}
	errs = append(errs, apivalidation.ValidateObjectMetaAccessor(accessor, true,
		apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))...)
	errs = append(errs, validation.ValidateCustomResource(nil, object, j.validator)...)
	errs = append(errs, objectmeta.Validate(nil, object, j.structural, false)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, j.structural, object)...)
	for _, err := range errs {
		switch err.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong,
			field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			return errs // the API server leaves the CEL rules out, too
		}
	}
	broken, _ := j.rules.Validate(context.Background(), nil, j.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, broken...)
}

// webhookSchema is what KubeVirt's validating webhook checks first: the object
// by a schema made of the Go types. Unlike the CRD's, it forbids unknown fields
// in the metadata of templates, and knows some more enums.
func webhookSchema(raw []byte) []string {
	response := webhookutils.ValidateSchema(kubevirtv1.VirtualMachineGroupVersionKind, raw)
	if response == nil {
		return nil
	}
	texts := make([]string, 0, len(response.Result.Details.Causes))
	for _, c := range response.Result.Details.Causes {
		texts = append(texts, "webhook: "+c.Message)
	}
	sort.Strings(texts)
	return texts
}
