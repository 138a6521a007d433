"""Hyper-parameters chosen on the slice of the training data that is set aside for it; no evaluation set is touched."""
