"""What surrounds the steps of a run: its folder, checkpoints, signals, devices, processes."""
