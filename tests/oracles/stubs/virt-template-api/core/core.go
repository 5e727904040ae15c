// Package core stands in for a module of KubeVirt's that can't be had from a
// module proxy. KubeVirt imports it beside its admission code, which does not
// use it: VirtualMachineTemplates are no VirtualMachines.
package core

const (
	GroupName            = "template.kubevirt.io"
	PluralResourceName   = "virtualmachinetemplates"
	SingularResourceName = "virtualmachinetemplate"
)
