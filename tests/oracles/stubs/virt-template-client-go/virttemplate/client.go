// Package virttemplate is a client that no test asks for: see virt-template-api.
package virttemplate

import (
	"errors"

	"k8s.io/client-go/rest"
)

type Interface interface {
	TemplateV1beta1() Template
}

type Template interface {
	RESTClient() rest.Interface
}

func NewForConfig(*rest.Config) (Interface, error) {
	return nil, errors.New("there is no such client")
}
