"""krmfn: declare nodes in Git; get KubeVirt virtual machines that join their vCluster."""

__version__ = "0.1.0"
