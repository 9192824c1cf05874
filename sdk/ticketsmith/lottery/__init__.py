"""The domain: specs, steps, schedules, verdicts. Standard library and pydantic only; no I/O, no tensors."""
