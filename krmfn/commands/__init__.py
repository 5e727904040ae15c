"""The doors: the KRM function and the commands of the command line."""
