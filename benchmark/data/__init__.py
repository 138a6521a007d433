"""The data themselves: filling a mirror folder, checking every set of a task, showing examples."""
