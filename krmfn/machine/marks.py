"""What krmfn writes on a machine of its own accord: labels, and the names of disks."""

from __future__ import annotations

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "krmfn.dev/"
OWNER = OURS + "owner"
CLOUD_INIT = "cloudinit"
# The name of the disk that brings a token, and the label by which the guest finds it.
JOIN_DISK = "krmfn-join"
