"""Workflow templates, rendered by Hera into `argo/base/rendered`. They hold the order of steps, and nothing else."""
