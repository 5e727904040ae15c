"""krmfn: declare nodes in Git; get KubeVirt virtual machines that join their vCluster.

The public interface is the command `krmfn` and the KRM function, which is the same program with a
ResourceList on standard input. The Python modules are not public: they change without notice.
"""

__version__ = "0.2.0"
