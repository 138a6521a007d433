import os

# Before torch is loaded: tests never reach a hub, and waiting threads leave the cores to other processes.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
