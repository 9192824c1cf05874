"""Workflow templates, rendered by Hera into `argo/base/rendered`. They hold the order of steps, and nothing else."""

from ticketsmith.foreign import keep_out

keep_out(__name__)
