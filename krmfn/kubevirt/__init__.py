"""KubeVirt's VirtualMachine: its types, strategic merge over them, and the prototype that a node type is compiled to."""
