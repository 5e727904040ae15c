//go:build !light && !old

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	jsonpatch "github.com/evanphx/json-patch"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	kubevirtv1 "kubevirt.io/api/core/v1"
	instancetypev1beta1 "kubevirt.io/api/instancetype/v1beta1"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"
	virtcontroller "kubevirt.io/kubevirt/pkg/controller"
	instancetypecontroller "kubevirt.io/kubevirt/pkg/instancetype/controller/vm"
	netcontrollers "kubevirt.io/kubevirt/pkg/network/controllers"
	"kubevirt.io/kubevirt/pkg/network/namescheme"
	"kubevirt.io/kubevirt/pkg/virt-api/webhooks/mutating-webhook/mutators"
	watchvm "kubevirt.io/kubevirt/pkg/virt-controller/watch/vm"
)

// maxRounds bounds how often the controller may run until it rests.
const maxRounds = 12

func init() {
	lineCommands["change"] = func() (answerer, error) { return answerChange, nil }
}

type changeQuestion struct {
	Strategy kubevirtv1.VMRolloutStrategy `json:"strategy"`
	Old      json.RawMessage              `json:"old"`
	New      json.RawMessage              `json:"new"`
	Restart  bool                         `json:"restart"` // whether to restart the machine after the change
}

// changeAnswer is what becomes of a VirtualMachine that runs, as soon as its
// declaration changes.
type changeAnswer struct {
	Rejected []string `json:"rejected"` // what the webhooks say
	Restart  string   `json:"restart"`  // the message of the condition RestartRequired
	Patched  []string `json:"patched"`  // paths that the controller patches in the VirtualMachineInstance
	Actions  []string `json:"actions"`  // other writes: "delete virtualmachineinstances"
	Errors   []string `json:"errors"`   // what the controller itself reports
	Error    string   `json:"error,omitempty"`

	Restarted *restarted `json:"restarted,omitempty"`
}

func answerChange(line []byte) (result any) {
	answer := changeAnswer{Rejected: []string{}, Patched: []string{}, Actions: []string{}, Errors: []string{}}
	defer func() {
		if r := recover(); r != nil {
			answer.Error = fmt.Sprintf("panic: %v", r)
			result = answer
		}
	}()
	question := changeQuestion{}
	if err := json.Unmarshal(line, &question); err != nil {
		return failure{err.Error()}
	}
	if err := judgeChange(question, &answer); err != nil {
		answer.Error = err.Error()
	}
	return answer
}

func judgeChange(question changeQuestion, answer *changeAnswer) error {
	world := newWorld(clusterSettings{Strategy: question.Strategy})
	vm, rejected, err := world.admit(nil, question.Old)
	if err != nil || len(rejected) > 0 {
		return fmt.Errorf("the old VirtualMachine is rejected: %v %v", rejected, err)
	}
	vm.UID, vm.Generation, vm.CreationTimestamp = "vm-uid", 1, metav1.Now()
	if err := world.virt.Tracker().Add(vm); err != nil {
		return err
	}
	if err := world.settle(nil); err != nil {
		return err
	}

	live, err := world.vm()
	if err != nil {
		return err
	}
	applied, err := apply(question.Old, question.New, live)
	if err != nil {
		return err
	}
	next, rejected, err := world.admit(live, applied)
	if err != nil {
		return err
	}
	if len(rejected) > 0 {
		answer.Rejected = rejected
		return nil
	}
	if !sameSpec(live, next) {
		next.Generation = live.Generation + 1
	}
	if err := world.virt.Tracker().Update(kubevirtv1.SchemeGroupVersion.WithResource("virtualmachines"), next, changeNamespace); err != nil {
		return err
	}
	if err := world.settle(answer); err != nil {
		return err
	}
	after, err := world.vm()
	if err != nil {
		return err
	}
	for _, condition := range after.Status.Conditions {
		if condition.Type == kubevirtv1.VirtualMachineRestartRequired && condition.Status == corev1.ConditionTrue {
			answer.Restart = condition.Message
		}
	}
	if question.Restart {
		answer.Restarted, err = world.restart()
	}
	return err
}

// apply does what kubectl and GitOps tools do on the client's side.
func apply(old, new json.RawMessage, live *kubevirtv1.VirtualMachine) ([]byte, error) {
	current, err := json.Marshal(live)
	if err != nil {
		return nil, err
	}
	patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(old, new, current)
	if err != nil {
		return nil, err
	}
	return jsonpatch.MergePatch(current, patch)
}

func sameSpec(a, b *kubevirtv1.VirtualMachine) bool {
	left, _ := json.Marshal(a.Spec)
	right, _ := json.Marshal(b.Spec)
	return string(left) == string(right)
}

func (w *world) vm() (*kubevirtv1.VirtualMachine, error) {
	list, err := w.virt.KubevirtV1().VirtualMachines(changeNamespace).List(context.Background(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		return nil, fmt.Errorf("there are %d VirtualMachines: %v", len(list.Items), err)
	}
	return &list.Items[0], nil
}

// settle runs the controller until it writes nothing more, and plays the parts
// of those beside it: disks are imported at once, and an instance that is made
// runs. With an answer, what it does is written there.
func (w *world) settle(answer *changeAnswer) error {
	for range maxRounds {
		w.virt.ClearActions()
		w.cdi.ClearActions()
		w.kube.ClearActions()
		if err := w.round(); err != nil {
			return err
		}
		rests := true
		for _, action := range slices.Concat(w.virt.Actions(), w.cdi.Actions(), w.kube.Actions()) {
			rests = rests && !writes(action)
			if answer != nil {
				answer.note(action)
			}
		}
		for len(w.recorder.Events) > 0 {
			if event := <-w.recorder.Events; answer != nil && strings.HasPrefix(event, "Warning") {
				answer.Errors = append(answer.Errors, event)
			}
		}
		if err := w.play(); err != nil {
			return err
		}
		if rests {
			return nil
		}
	}
	return fmt.Errorf("the controller does not rest")
}

// writes tells whether an action changes more than a status: that is written
// with new times in every round.
func writes(action clienttesting.Action) bool {
	return slices.Contains([]string{"create", "update", "patch", "delete"}, action.GetVerb()) && action.GetSubresource() != "status"
}

func (a *changeAnswer) note(action clienttesting.Action) {
	written := action.GetResource().Resource
	if !writes(action) || written == "controllerrevisions" {
		return
	}
	patched, ok := action.(clienttesting.PatchAction)
	if !ok || written != "virtualmachineinstances" {
		a.Actions = append(a.Actions, action.GetVerb()+" "+written)
		return
	}
	var operations []operation
	if err := json.Unmarshal(patched.GetPatch(), &operations); err != nil {
		a.Errors = append(a.Errors, err.Error())
	}
	for i, written := range operations {
		if written.Op != "test" && !(i > 0 && written.onlyNotes(operations[i-1])) {
			a.Patched = append(a.Patched, written.Path)
		}
	}
}

// operation is one of a JSON patch.
type operation struct {
	Op, Path string
	Value    any
}

// onlyNotes tells whether an operation, behind a test of what was there, does
// no more than note that the template has not changed.
func (o operation) onlyNotes(tested operation) bool {
	before, ok := tested.Value.(map[string]any)
	after, alsoOK := o.Value.(map[string]any)
	if !ok || !alsoOK || o.Path != "/metadata/annotations" {
		return false
	}
	delete(before, kubevirtv1.VirtualMachineGenerationAnnotation)
	delete(after, kubevirtv1.VirtualMachineGenerationAnnotation)
	return reflect.DeepEqual(before, after)
}

// round gives the controller one look at what there is.
func (w *world) round() error {
	vm, err := w.vm()
	if err != nil {
		return err
	}
	vms := indexed(&kubevirtv1.VirtualMachine{}, virtcontroller.GetVirtualMachineInformerIndexers())
	vmis := indexed(&kubevirtv1.VirtualMachineInstance{}, virtcontroller.GetVMIInformerIndexers())
	revisions := indexed(&appsv1.ControllerRevision{}, cache.Indexers{"vm": ownerUID})
	volumes := informer(&cdiv1.DataVolume{})
	types := informer(&instancetypev1beta1.VirtualMachineClusterInstancetype{})
	ctx, all := context.Background(), metav1.ListOptions{}
	kubevirt, instancetype := w.virt.KubevirtV1(), w.virt.InstancetypeV1beta1()
	for _, err := range []error{
		fill(vms)(kubevirt.VirtualMachines(changeNamespace).List(ctx, all)),
		fill(vmis)(kubevirt.VirtualMachineInstances(changeNamespace).List(ctx, all)),
		fill(types)(instancetype.VirtualMachineClusterInstancetypes().List(ctx, all)),
		fill(volumes)(w.cdi.CdiV1beta1().DataVolumes(changeNamespace).List(ctx, all)),
		fill(revisions)(w.kube.AppsV1().ControllerRevisions(changeNamespace).List(ctx, all)),
	} {
		if err != nil {
			return err
		}
	}
	namespaces := informer(&corev1.Namespace{})
	if err := namespaces.GetStore().Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: changeNamespace}}); err != nil {
		return err
	}
	empty := informer(&corev1.PersistentVolumeClaim{}).GetStore()
	clients := client{world: w}
	controller, err := watchvm.NewController(vmis, vms, volumes, informer(&cdiv1.DataSource{}), informer(&kubevirtv1.KubeVirt{}), namespaces,
		informer(&corev1.PersistentVolumeClaim{}), revisions, w.recorder, clients, w.cluster,
		netcontrollers.NewVMController(w.virt), watchvm.NewFirmwareController(w.virt),
		instancetypecontroller.New(empty, types.GetStore(), empty, empty, revisions.GetStore(), clients, w.cluster, w.recorder), nil, nil)
	if err != nil {
		return err
	}
	defer controller.Queue.ShutDown()
	controller.Queue.Add(vm.Namespace + "/" + vm.Name)
	controller.Execute()
	return nil
}

// play is what virt-handler and CDI would do.
func (w *world) play() error {
	volumes, err := w.cdi.CdiV1beta1().DataVolumes(changeNamespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, volume := range volumes.Items {
		volume.Status.Phase = cdiv1.Succeeded
		if err := w.cdi.Tracker().Update(cdiv1.SchemeGroupVersion.WithResource("datavolumes"), &volume, changeNamespace); err != nil {
			return err
		}
	}
	instances, err := w.virt.KubevirtV1().VirtualMachineInstances(changeNamespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, vmi := range instances.Items {
		if vmi.Status.Phase == kubevirtv1.Running {
			continue
		}
		if err := mutators.ApplyNewVMIMutations(&vmi, w.cluster); err != nil {
			return err
		}
		vmi.UID = "vmi-uid"
		vmi.CreationTimestamp = metav1.NewTime(time.Now())
		vmi.Status.Phase = kubevirtv1.Running
		ready := kubevirtv1.VirtualMachineInstanceCondition{Type: kubevirtv1.VirtualMachineInstanceReady, Status: corev1.ConditionTrue}
		vmi.Status.Conditions = append(vmi.Status.Conditions, ready)
		if !bridged(&vmi) {
			ready.Type = kubevirtv1.VirtualMachineInstanceIsMigratable
			vmi.Status.Conditions = append(vmi.Status.Conditions, ready)
		}
		if memory := vmi.Spec.Domain.Memory; memory != nil && memory.Guest != nil {
			guest := memory.Guest
			vmi.Status.Memory = &kubevirtv1.MemoryStatus{GuestAtBoot: guest, GuestCurrent: guest, GuestRequested: guest}
		}
		for _, nic := range vmi.Spec.Domain.Devices.Interfaces {
			vmi.Status.Interfaces = append(vmi.Status.Interfaces,
				kubevirtv1.VirtualMachineInstanceNetworkInterface{
					Name: nic.Name, InfoSource: "domain, multus-status", PodInterfaceName: namescheme.GenerateHashedInterfaceName(nic.Name),
				})
		}
		if err := w.virt.Tracker().Update(kubevirtv1.SchemeGroupVersion.WithResource("virtualmachineinstances"), &vmi, changeNamespace); err != nil {
			return err
		}
	}
	return nil
}

// bridged tells of what keeps virt-handler from calling a machine migratable:
// a bridge on the pod's network.
func bridged(vmi *kubevirtv1.VirtualMachineInstance) bool {
	for i, network := range vmi.Spec.Networks {
		if network.Pod != nil && vmi.Spec.Domain.Devices.Interfaces[i].Bridge != nil {
			return true
		}
	}
	return false
}

// fill puts all objects of a list into what the controller reads.
func fill(into cache.SharedIndexInformer) func(runtime.Object, error) error {
	return func(list runtime.Object, err error) error {
		if err != nil {
			return err
		}
		return meta.EachListItem(list, func(object runtime.Object) error { return into.GetStore().Add(object) })
	}
}

func ownerUID(object any) ([]string, error) {
	for _, owner := range object.(*appsv1.ControllerRevision).OwnerReferences {
		if owner.Kind == "VirtualMachine" {
			return []string{string(owner.UID)}, nil
		}
	}
	return nil, nil
}
