"""Kubernetes' own rules: names, labels, quantities and requirements."""
