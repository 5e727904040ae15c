#!/usr/bin/env bash
# Starts Flux's kustomize-controller on the control plane in DIR. There is no source-controller: the tests write the status of a GitRepository,
# which names a file of DIR/flux.
# usage: flux.sh PROGRAMS DIR PORT   PORT to PORT+2 have to be free. DIR/flux is served at PORT.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$1 folder=$2 artifacts=$3
cd "$folder"
. "$here/programs.sh"
kubectl=("$bin/kube" kubectl --kubeconfig admin.kubeconfig)
for folder in "$bin"/manifests/flux/*; do "${kubectl[@]}" apply --server-side -f "$folder" >/dev/null; done
"${kubectl[@]}" wait --for condition=Established crd --all --timeout 60s >/dev/null
"${kubectl[@]}" create namespace flux-system >/dev/null
mkdir -p flux
start artifacts python3 -m http.server "$artifacts" --bind 127.0.0.1 --directory flux
export RUNTIME_NAMESPACE=flux-system KUBECONFIG=$PWD/admin.kubeconfig
start flux "$bin/kustomize-controller" --metrics-addr "127.0.0.1:$((artifacts + 1))" --health-addr "127.0.0.1:$((artifacts + 2))" \
    --watch-all-namespaces --log-encoding console
