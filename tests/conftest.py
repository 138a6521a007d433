import os

# Before torch is loaded: tests never reach a hub, each of several test processes takes one core, and waiting threads
# leave the cores to others.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ.setdefault("OMP_NUM_THREADS", "1")
