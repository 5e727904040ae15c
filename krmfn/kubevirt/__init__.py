"""KubeVirt's own rules: its types, schema, merges, admission, and what a change does to a machine."""
