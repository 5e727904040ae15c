"""KubeVirt's admission rules, one module a topic."""
