package main

import (
	"encoding/json"
	"sort"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func init() {
	lineCommands["objectmeta"] = func() (answerer, error) { return answerObjectMeta, nil }
}

type objectMetaAnswer struct {
	Errors []string `json:"errors"`
}

type labelled struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// answerObjectMeta checks the labels and annotations of an object and of its
// pod or VM template.
func answerObjectMeta(line []byte) any {
	answer := objectMetaAnswer{Errors: []string{}}
	var object struct {
		Metadata labelled `json:"metadata"`
		Spec     struct {
			Template struct {
				Metadata labelled `json:"metadata"`
			} `json:"template"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(line, &object); err != nil {
		answer.Errors = append(answer.Errors, "decode: "+err.Error())
		return answer
	}
	for _, part := range []struct {
		meta labelled
		path *field.Path
	}{
		{object.Metadata, field.NewPath("metadata")},
		{object.Spec.Template.Metadata, field.NewPath("spec", "template", "metadata")},
	} {
		errs := metav1validation.ValidateLabels(part.meta.Labels, part.path.Child("labels"))
		errs = append(errs, apivalidation.ValidateAnnotations(part.meta.Annotations, part.path.Child("annotations"))...)
		answer.Errors = append(answer.Errors, messages(errs)...)
	}
	return answer
}

// messages are the texts of errors, sorted, as some come in a map's order.
func messages(errs field.ErrorList) []string {
	texts := make([]string, 0, len(errs))
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	sort.Strings(texts)
	return texts
}
