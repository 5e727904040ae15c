#!/usr/bin/env bash
# Starts Argo CD's application controller, repo server and krmfn's plugin on the control plane in DIR.
# usage: argocd.sh PROGRAMS DIR PORT   PORT to PORT+3 have to be free. krmfn, kustomize and git are those of the PATH.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$1 folder=$2 redis=$3
repo=$((redis + 1)) repometrics=$((redis + 2)) metrics=$((redis + 3))
plugin=$here/../../../argocd/plugin.yaml
manifests=$bin/manifests/argocd
cd "$folder"
. "$here/programs.sh"
kubectl=("$bin/kube" kubectl --kubeconfig admin.kubeconfig)
"${kubectl[@]}" create namespace argocd >/dev/null
for crd in "$manifests"/crds/{application,applicationset,appproject}-crd.yaml; do
    "${kubectl[@]}" apply --server-side -f "$crd" >/dev/null
done
"${kubectl[@]}" apply -n argocd -k "$manifests/base/config" >/dev/null
"${kubectl[@]}" -n argocd patch secret argocd-secret -p '{"stringData":{"server.secretkey":"nothing"}}' >/dev/null
"${kubectl[@]}" apply -f - >/dev/null <<END_OF_PROJECT
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec: {sourceRepos: ["*"], destinations: [{namespace: "*", server: "*"}], clusterResourceWhitelist: [{group: "*", kind: "*"}]}
END_OF_PROJECT
mkdir -p argo/{plugins,work,config,tls,ssh,tmp}
cp "$plugin" argo/config/
install -m 755 "$manifests"/hack/*-wrapper.sh argo/
export PATH=$PWD/argo:$PATH KUBECONFIG=$PWD/admin.kubeconfig TMPDIR=$PWD/argo/tmp ARGOCD_FAKE_IN_CLUSTER=true ARGOCD_GPG_ENABLED=false \
    ARGOCD_TLS_DATA_PATH=$PWD/argo/tls ARGOCD_SSH_DATA_PATH=$PWD/argo/ssh ARGOCD_ASK_PASS_SOCK=$PWD/argo/ask.sock \
    ARGOCD_PLUGINSOCKFILEPATH=$PWD/argo/plugins ARGOCD_CMP_WORKDIR=$PWD/argo/work
start argo-redis "$bin/argocd" redis "127.0.0.1:$redis"
start argo-plugin "$bin/argocd" cmp-server --config-dir-path argo/config
start argo-repo-server "$bin/argocd" repo-server --redis "127.0.0.1:$redis" --address 127.0.0.1 --port "$repo" --metrics-address 127.0.0.1 \
    --metrics-port "$repometrics" --disable-tls --client-ca-path ""
for _ in $(seq 300); do
    [ -S argo/plugins/krmfn.sock ] && (echo >"/dev/tcp/127.0.0.1/$repo") 2>/dev/null && break
    sleep 0.2
done
# Argo CD looks at every application again each half minute here, instead of each three.
start argo-controller "$bin/argocd" controller --kubeconfig admin.kubeconfig --namespace argocd --redis "127.0.0.1:$redis" --repo-server "127.0.0.1:$repo" \
    --repo-server-plaintext --metrics-port "$metrics" --app-resync 30 --app-resync-jitter 0 --self-heal-timeout-seconds 2
