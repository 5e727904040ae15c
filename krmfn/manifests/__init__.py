"""Text and objects: YAML, ResourceLists, files and folders, and the items in them."""
