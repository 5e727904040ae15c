"""What tools and KubeVirt itself write on an object that is applied."""

from __future__ import annotations

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Argo CD's are the two by which it tracks objects, one by one: others of its annotations, such as
# `sync-options`, are declared.
TOOLS_MARKS = (
    LAST_APPLIED,
    "app.kubernetes.io/instance",
    "argocd.argoproj.io/installation-id",
    "argocd.argoproj.io/instance",
    "argocd.argoproj.io/tracking-id",
    "config.k8s.io/owning-inventory",
    "helm.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/namespace",
    "kubemacpool.io/transaction-timestamp",
    "kubevirt.io/latest-observed-api-version",
    "kubevirt.io/storage-observed-api-version",
    "kubevirt.io/vm-generation",
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/namespace",
)
