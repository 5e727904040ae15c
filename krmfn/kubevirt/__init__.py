"""KubeVirt's own rules: types, schema, merges, admission, and what a change does to a machine."""
