"""One file per network: build(inputs, classes, hidden) -> nn.Module."""
