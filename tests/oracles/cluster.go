//go:build !light

package main

import (
	"context"
	"encoding/json"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	k8sfake "k8s.io/client-go/kubernetes/fake"
	typedapps "k8s.io/client-go/kubernetes/typed/apps/v1"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	kubevirtv1 "kubevirt.io/api/core/v1"
	instancetypev1beta1 "kubevirt.io/api/instancetype/v1beta1"
	cdi "kubevirt.io/client-go/containerizeddataimporter"
	cdifake "kubevirt.io/client-go/containerizeddataimporter/fake"
	"kubevirt.io/client-go/kubecli"
	generated "kubevirt.io/client-go/kubevirt"
	"kubevirt.io/client-go/kubevirt/fake"
	typedinstancetype "kubevirt.io/client-go/kubevirt/typed/instancetype/v1beta1"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"
	"kubevirt.io/kubevirt/pkg/testutils"
	"kubevirt.io/kubevirt/pkg/util"
	"kubevirt.io/kubevirt/pkg/virt-api/webhooks"
	"kubevirt.io/kubevirt/pkg/virt-api/webhooks/mutating-webhook/mutators"
	"kubevirt.io/kubevirt/pkg/virt-api/webhooks/validating-webhook/admitters"
	virtconfig "kubevirt.io/kubevirt/pkg/virt-config"
)

// clusterArchitecture is the cluster's, whatever the oracle itself runs on.
const clusterArchitecture = "amd64"

// changeNamespace is where all VirtualMachines of this program live.
const changeNamespace = "machines"

// world is a cluster of fakes: what an API server would hold.
type world struct {
	virt     *fake.Clientset
	cdi      *cdifake.Clientset
	kube     *k8sfake.Clientset
	cluster  *virtconfig.ClusterConfig
	recorder *record.FakeRecorder
}

// clusterSettings are the parts of the KubeVirt object that rules depend on.
type clusterSettings struct {
	Gates    []string                     `json:"featureGates"`
	Strategy kubevirtv1.VMRolloutStrategy `json:"rolloutStrategy"`
}

func newWorld(settings clusterSettings) *world {
	kubevirt := &kubevirtv1.KubeVirt{
		ObjectMeta: metav1.ObjectMeta{Name: "kubevirt", Namespace: "kubevirt"},
		Spec: kubevirtv1.KubeVirtSpec{
			Configuration: kubevirtv1.KubeVirtConfiguration{
				DeveloperConfiguration: &kubevirtv1.DeveloperConfiguration{FeatureGates: settings.Gates},
			},
		},
		Status: kubevirtv1.KubeVirtStatus{DefaultArchitecture: clusterArchitecture},
	}
	if settings.Strategy != "" {
		kubevirt.Spec.Configuration.VMRolloutStrategy = &settings.Strategy
	}
	cluster, _, _ := testutils.NewFakeClusterConfigUsingKVWithCPUArch(kubevirt, clusterArchitecture)
	return &world{
		virt:     fake.NewSimpleClientset(instancetypes()...),
		cdi:      cdifake.NewSimpleClientset(),
		kube:     k8sfake.NewSimpleClientset(),
		cluster:  cluster,
		recorder: record.NewFakeRecorder(1000),
	}
}

// client is what KubeVirt's code gets for the API. What it must not need here
// is nil.
type client struct {
	kubecli.KubevirtClient
	*world
}

func (c client) GeneratedKubeVirtClient() generated.Interface { return c.virt }
func (c client) CdiClient() cdi.Interface                     { return c.world.cdi }
func (c client) AppsV1() typedapps.AppsV1Interface            { return c.kube.AppsV1() }
func (c client) CoreV1() typedcore.CoreV1Interface            { return c.kube.CoreV1() }
func (c client) VirtualMachine(namespace string) kubecli.VirtualMachineInterface {
	return c.virt.KubevirtV1().VirtualMachines(namespace)
}
func (c client) VirtualMachineInstance(namespace string) kubecli.VirtualMachineInstanceInterface {
	return c.virt.KubevirtV1().VirtualMachineInstances(namespace)
}
func (c client) VirtualMachineClusterInstancetype() typedinstancetype.VirtualMachineClusterInstancetypeInterface {
	return c.virt.InstancetypeV1beta1().VirtualMachineClusterInstancetypes()
}

// instancetypes are the cluster's own: small, and large with twice of all.
func instancetypes() []runtime.Object {
	var found []runtime.Object
	for name, size := range map[string]uint32{"small": 2, "large": 4} {
		memory := resource.MustParse(fmt.Sprintf("%dGi", 2*size))
		found = append(found, &instancetypev1beta1.VirtualMachineClusterInstancetype{
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Generation: 1},
			Spec: instancetypev1beta1.VirtualMachineInstancetypeSpec{
				CPU:    instancetypev1beta1.CPUInstancetype{Guest: size},
				Memory: instancetypev1beta1.MemoryInstancetype{Guest: memory},
			},
		})
	}
	return found
}

// admit takes a VirtualMachine through the mutating and the validating
// webhook: a new one where there is no old.
func (w *world) admit(old *kubevirtv1.VirtualMachine, raw []byte) (*kubevirtv1.VirtualMachine, []string, error) {
	named := kubevirtv1.VirtualMachine{}
	if err := json.Unmarshal(raw, &named); err != nil {
		return nil, nil, err
	}
	named.Namespace = changeNamespace
	review, err := newReview(webhooks.VirtualMachineGroupVersionResource, named)
	if err != nil {
		return nil, nil, err
	}
	if old != nil {
		before, err := json.Marshal(old)
		if err != nil {
			return nil, nil, err
		}
		review.Request.Operation, review.Request.OldObject.Raw = admissionv1.Update, before
	}
	informers := &webhooks.Informers{
		DataSourceInformer: informer(&cdiv1.DataSource{}),
		NamespaceInformer:  informer(&corev1.Namespace{}),
	}
	refused, err := pass(review, mutators.NewVMsMutator(w.cluster, client{world: w}),
		admitters.NewVMsAdmitter(w.cluster, client{world: w}, informers, nil))
	if err != nil || len(refused) > 0 {
		return nil, refused, err
	}
	vm := &kubevirtv1.VirtualMachine{}
	return vm, nil, json.Unmarshal(review.Request.Object.Raw, vm)
}

// start makes the VirtualMachineInstance that the controller would make of an
// admitted VirtualMachine, and takes it through the webhooks for instances.
func (w *world) start(vm *kubevirtv1.VirtualMachine) (*kubevirtv1.VirtualMachineInstance, []string, error) {
	if vm.Spec.Instancetype != nil || vm.Spec.Preference != nil {
		return nil, nil, nil // the controller adds what is not known here
	}
	vmi := kubevirtv1.NewVMIReferenceFromNameWithNS(changeNamespace, vm.Name)
	vmi.ObjectMeta = vm.Spec.Template.ObjectMeta
	vmi.Name, vmi.Namespace = vm.Name, changeNamespace
	vmi.Spec = vm.Spec.Template.Spec
	util.SetDefaultVolumeDisk(&vmi.Spec)
	review, err := newReview(webhooks.VirtualMachineInstanceGroupVersionResource, vmi)
	if err != nil {
		return nil, nil, err
	}
	refused, err := pass(review,
		&mutators.VMIsMutator{
			ClusterConfig:           w.cluster,
			VMIPresetInformer:       indexed(&kubevirtv1.VirtualMachineInstancePreset{}, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}),
			KubeVirtServiceAccounts: map[string]struct{}{controllerAccount: {}},
		},
		&admitters.VMICreateAdmitter{ClusterConfig: w.cluster, KubeVirtServiceAccounts: map[string]struct{}{controllerAccount: {}}})
	if err != nil || len(refused) > 0 {
		return nil, refused, err
	}
	instance := &kubevirtv1.VirtualMachineInstance{}
	return instance, nil, json.Unmarshal(review.Request.Object.Raw, instance)
}

// controllerAccount is the one that creates instances of VirtualMachines.
const controllerAccount = "system:serviceaccount:kubevirt:kubevirt-controller"

type mutator interface {
	Mutate(*admissionv1.AdmissionReview) *admissionv1.AdmissionResponse
}

type validator interface {
	Admit(context.Context, *admissionv1.AdmissionReview) *admissionv1.AdmissionResponse
}

func newReview(of metav1.GroupVersionResource, object any) (*admissionv1.AdmissionReview, error) {
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	review := &admissionv1.AdmissionReview{Request: &admissionv1.AdmissionRequest{
		Operation: admissionv1.Create,
		Namespace: changeNamespace,
		Resource:  of,
		Object:    runtime.RawExtension{Raw: raw},
	}}
	review.Request.UserInfo.Username = "user"
	if of == webhooks.VirtualMachineInstanceGroupVersionResource {
		review.Request.UserInfo.Username = controllerAccount
	}
	return review, nil
}

// pass sends an object through two webhooks, and leaves it in the review as
// the first has changed it. It returns what they refuse.
func pass(review *admissionv1.AdmissionReview, first mutator, second validator) ([]string, error) {
	response := first.Mutate(review)
	if !response.Allowed {
		return refusals(response), nil
	}
	if len(response.Patch) > 0 {
		patch, err := jsonpatch.DecodePatch(response.Patch)
		if err != nil {
			return nil, err
		}
		if review.Request.Object.Raw, err = patch.Apply(review.Request.Object.Raw); err != nil {
			return nil, err
		}
	}
	if response = second.Admit(context.Background(), review); !response.Allowed {
		return refusals(response), nil
	}
	return nil, nil
}

func refusals(response *admissionv1.AdmissionResponse) []string {
	texts := []string{}
	if response.Result.Details != nil {
		for _, c := range response.Result.Details.Causes {
			texts = append(texts, c.Field+": "+c.Message)
		}
	}
	if len(texts) == 0 {
		texts = append(texts, response.Result.Message)
	}
	return texts
}

func informer(of runtime.Object) cache.SharedIndexInformer {
	found, _ := testutils.NewFakeInformerFor(of)
	return found
}

func indexed(of runtime.Object, by cache.Indexers) cache.SharedIndexInformer {
	found, _ := testutils.NewFakeInformerWithIndexersFor(of, by)
	return found
}

// refusal turns what webhooks refuse into an error.
func refusal(refused []string, err error) error {
	if err == nil && len(refused) > 0 {
		return fmt.Errorf("refused: %v", refused)
	}
	return err
}
