"""Whether differences between rows are more than chance: a paired bootstrap over texts and seeds."""
