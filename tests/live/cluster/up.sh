#!/usr/bin/env bash
# Starts a control plane on loopback, for tests: etcd, kube-apiserver, Kubernetes' garbage collector and namespace controller,
# KubeVirt's virt-api and virt-controller, CDI's admission, and a played node.
# usage: up.sh PROGRAMS DIR PORT   PORT to PORT+5 have to be free. DIR/admin.kubeconfig is there once all is ready, and DIR/pids from the start.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$1 folder=$2 base=$3
etcd=$base peer=$((base + 1)) api=$((base + 2)) virtapi=$((base + 3)) metrics=$((base + 4)) hook=$((base + 5))
mkdir -p "$folder/logs" "$folder/pki"
cd "$folder"
. "$here/programs.sh"
: >pids
certificate_authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout ca.key -out ca.crt -subj /CN=live-ca 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout tls.key -out tls.csr -subj /CN=kubevirt.io:system:client:virt-handler 2>/dev/null
    openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out tls.crt \
        -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:virt-api.kubevirt.svc,DNS:kubernetes.default.svc") 2>/dev/null
    openssl genrsa -out sa.key 2048 2>/dev/null
    cat >tokens.csv <<END
admin-token,admin,1,"system:masters"
controllers-token,system:kube-controller-manager,2,"system:masters"
virt-api-token,system:serviceaccount:kubevirt:kubevirt-apiserver,3,"system:masters"
virt-controller-token,system:serviceaccount:kubevirt:kubevirt-controller,4,"system:masters"
virt-handler-token,system:serviceaccount:kubevirt:kubevirt-handler,5,"system:masters"
END
}
(cd pki && certificate_authority)
for user in admin controllers virt-api virt-controller virt-handler; do
    cat >"$user.starting" <<END
apiVersion: v1
kind: Config
current-context: live
contexts: [{name: live, context: {cluster: live, user: $user}}]
clusters: [{name: live, cluster: {server: https://127.0.0.1:$api, certificate-authority: $PWD/pki/ca.crt}}]
users: [{name: $user, user: {token: $user-token}}]
END
    [ "$user" = admin ] || mv "$user.starting" "$user.kubeconfig"
done
kubectl=("$bin/kube" kubectl --kubeconfig admin.starting)
ready() {
    for _ in $(seq 600); do
        "${kubectl[@]}" get --raw "$1" >/dev/null 2>&1 && return
        sleep 0.2
    done
    echo "$1 does not answer; see $PWD/logs" >&2
    exit 1
}
start etcd "$bin/kube" etcd --data-dir etcd --listen-client-urls "http://127.0.0.1:$etcd" --advertise-client-urls "http://127.0.0.1:$etcd" \
    --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "default=http://127.0.0.1:$peer" \
    --unsafe-no-fsync --log-level warn
start apiserver "$bin/kube" apiserver --etcd-servers "http://127.0.0.1:$etcd" --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$api" \
    --cert-dir pki --tls-cert-file pki/tls.crt --tls-private-key-file pki/tls.key --service-cluster-ip-range 10.96.0.0/16 \
    --service-account-issuer https://kubernetes.default.svc --service-account-key-file pki/sa.key --service-account-signing-key-file pki/sa.key \
    --token-auth-file pki/tokens.csv --authorization-mode RBAC --client-ca-file pki/ca.crt --requestheader-client-ca-file pki/ca.crt \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file pki/tls.crt --proxy-client-key-file pki/tls.key --disable-admission-plugins ServiceAccount,StorageObjectInUseProtection \
    --endpoint-reconciler-type none --allow-privileged
ready /readyz
start controllers "$bin/kube" controllers --kubeconfig controllers.kubeconfig
"$bin/kv" objects crds >crds.yaml
"${kubectl[@]}" apply --server-side -f crds.yaml -f "$here/networks.yaml" >/dev/null
"${kubectl[@]}" wait --for condition=Established crd --all --timeout 60s >/dev/null
"${kubectl[@]}" create namespace kubevirt >/dev/null
"${kubectl[@]}" create configmap kubevirt-ca -n kubevirt --from-file ca-bundle=pki/ca.crt >/dev/null
"$bin/kv" objects rest pki/ca.crt "$virtapi" >rest.yaml
"${kubectl[@]}" apply --server-side -f rest.yaml >/dev/null
# KubeVirt reads its own object only once virt-operator, which is not here, has set these.
"${kubectl[@]}" -n kubevirt patch kubevirt kubevirt --subresource status --type merge -p '{"status":{"phase":"Deployed","defaultArchitecture":"amd64"}}' >/dev/null
start virt-api "$bin/kv" virt-api --kubeconfig virt-api.kubeconfig --listen 127.0.0.1 --port "$virtapi" --tls-cert-file pki/tls.crt --tls-key-file pki/tls.key \
    --handler-cert-file pki/tls.crt --handler-key-file pki/tls.key -v 2
start virt-controller "$bin/kv" virt-controller --kubeconfig virt-controller.kubeconfig --listen 127.0.0.1 --port "$metrics" --prom-cert-file pki/tls.crt \
    --prom-key-file pki/tls.key --launcher-image virt-launcher -v 2
"$bin/cdi" --objects pki/ca.crt --listen "127.0.0.1:$hook" >cdi-hook.yaml
start cdi "$bin/cdi" --kubeconfig admin.starting --listen "127.0.0.1:$hook" --cert pki/tls.crt --key pki/tls.key
"${kubectl[@]}" apply -f cdi-hook.yaml >/dev/null
start node "$bin/kv" node --kubeconfig virt-handler.kubeconfig
ready /apis/subresources.kubevirt.io/v1/version
cp admin.starting admin.kubeconfig
