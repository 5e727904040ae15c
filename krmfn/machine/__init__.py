"""A provider and a node type become a prototype: the machine of every claim of that type."""
