"""What runs inside a machine: the join, cloud-init, addresses and kubelet arguments."""
