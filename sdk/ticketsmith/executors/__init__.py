"""Places where steps run: one file each. Every place starts the runner with the same argv."""
