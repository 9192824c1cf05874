"""Where steps run: one file per place. Every place starts the runner with the same argv."""
