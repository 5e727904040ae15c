"""krmfn's component for kustomize (`kustomize/`), which names the fields of machines with names."""

# By the end of its address.
OWN_COMPONENT = "krmfn//kustomize"
# What it writes on node providers, so that krmfn knows of it.
NAMES_KNOWN = "krmfn.dev/kubevirt-names"
# What to do about names that kustomize does not follow.
COMPONENT = "add krmfn's kustomize/ to the kustomization's components"
