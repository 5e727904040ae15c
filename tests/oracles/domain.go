//go:build !light && !old

package main

import (
	"encoding/json"
	"encoding/xml"

	kubevirtv1 "kubevirt.io/api/core/v1"
	ephemeraldisk "kubevirt.io/kubevirt/pkg/ephemeral-disk"
	cmdv1 "kubevirt.io/kubevirt/pkg/handler-launcher-com/cmd/v1"
	"kubevirt.io/kubevirt/pkg/os/disk"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter/arch"
	convertertypes "kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter/types"
)

func init() {
	lineCommands["domain"] = func() (answerer, error) { return answerDomain, nil }
}

// domainAnswer is the domain that KubeVirt's launcher gives to libvirt.
type domainAnswer struct {
	Domain string `json:"domain"`
	Error  string `json:"error,omitempty"`
}

// answerDomain takes a VirtualMachine the whole way: the webhooks, the instance
// that is made of it, and libvirt's domain that is made of that.
func answerDomain(line []byte) any {
	question := vmQuestion{}
	if err := json.Unmarshal(line, &question); err != nil {
		return failure{Error: "decode: " + err.Error()}
	}
	domain, err := makeDomain(question)
	if err != nil {
		return domainAnswer{Error: err.Error()}
	}
	return domainAnswer{Domain: domain}
}

func makeDomain(question vmQuestion) (string, error) {
	world := newWorld(question.clusterSettings)
	vm, refused, err := world.admit(nil, question.VM)
	if err = refusal(refused, err); err != nil {
		return "", err
	}
	vmi, refused, err := world.start(vm)
	if err = refusal(refused, err); err != nil {
		return "", err
	}
	// What virt-handler finds on the host: claims are block devices, and container disks are raw files.
	context := &convertertypes.ConverterContext{
		Architecture:         arch.NewConverter(vmi.Spec.Architecture),
		AllowEmulation:       true,
		VirtualMachine:       vmi,
		IsBlockPVC:           map[string]bool{},
		IsBlockDV:            map[string]bool{},
		PermanentVolumes:     map[string]kubevirtv1.VolumeStatus{},
		DisksInfo:            map[string]*disk.DiskInfo{},
		SMBios:               &cmdv1.SMBios{},
		EphemeraldiskCreator: ephemeraldisk.NewEphemeralDiskCreator("/disks"),
	}
	for _, volume := range vmi.Spec.Volumes {
		context.IsBlockPVC[volume.Name], context.IsBlockDV[volume.Name] = true, true
		context.PermanentVolumes[volume.Name] = kubevirtv1.VolumeStatus{Name: volume.Name}
		context.DisksInfo[volume.Name] = &disk.DiskInfo{Format: "raw", BackingFile: "/disks/" + volume.Name}
	}
	vmi.Spec.Networks, vmi.Spec.Domain.Devices.Interfaces = nil, nil
	domain := &api.Domain{}
	if err := converter.Convert_v1_VirtualMachineInstance_To_api_Domain(vmi, domain, context); err != nil {
		return "", err
	}
	text, err := xml.Marshal(domain.Spec)
	return string(text), err
}
