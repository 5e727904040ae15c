"""The guest: what a virtual machine's cloud-init gets, so that it joins its virtual cluster."""
