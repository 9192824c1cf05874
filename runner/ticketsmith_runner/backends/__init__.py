"""One file per way to run a ticket: build(model, mask) -> Callable, or a reason why not."""
