//go:build !light && !old

package main

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// restarted is what a VirtualMachine has after the restart that follows a
// change, as `virtctl restart` asks for it.
type restarted struct {
	Volumes     map[string]string `json:"volumes"`     // of the instance: the DataVolume of each that has one
	DataVolumes []string          `json:"dataVolumes"` // of which the VirtualMachine is the controller
	Required    bool              `json:"required"`    // whether the condition RestartRequired is left
}

func (w *world) restart() (*restarted, error) {
	ctx, all := context.Background(), metav1.ListOptions{}
	vm, err := w.vm()
	if err != nil {
		return nil, err
	}
	instances := w.virt.KubevirtV1().VirtualMachineInstances(changeNamespace)
	before, err := instances.List(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, vmi := range before.Items {
		vm.Status.StateChangeRequests = append(vm.Status.StateChangeRequests,
			kubevirtv1.VirtualMachineStateChangeRequest{Action: kubevirtv1.StopRequest, UID: &vmi.UID},
			kubevirtv1.VirtualMachineStateChangeRequest{Action: kubevirtv1.StartRequest})
	}
	if err := w.virt.Tracker().Update(kubevirtv1.SchemeGroupVersion.WithResource("virtualmachines"), vm, changeNamespace); err != nil {
		return nil, err
	}
	if err := w.settle(nil); err != nil {
		return nil, err
	}

	found := &restarted{Volumes: map[string]string{}}
	after, err := instances.List(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, vmi := range after.Items {
		for _, volume := range vmi.Spec.Volumes {
			if volume.DataVolume != nil {
				found.Volumes[volume.Name] = volume.DataVolume.Name
			}
		}
	}
	disks, err := w.cdi.CdiV1beta1().DataVolumes(changeNamespace).List(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, disk := range disks.Items {
		if metav1.IsControlledBy(&disk, vm) {
			found.DataVolumes = append(found.DataVolumes, disk.Name)
		}
	}
	if vm, err = w.vm(); err != nil {
		return nil, err
	}
	for _, condition := range vm.Status.Conditions {
		found.Required = found.Required || condition.Type == kubevirtv1.VirtualMachineRestartRequired
	}
	return found, nil
}
