"""Where cells run that do not run in this process: on the machines of a cluster."""
