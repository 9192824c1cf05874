"""Ends of a pod told apart: lost with its machine, or failed by itself. Templates and watchers read the same.

Argo compares strings: these are regular expressions that Go (RE2) and Python read alike.
"""

SIGNALS = ("75", "137", "143")
"""Exit codes: the runner's answer to SIGTERM, and the signals of a node that goes."""
FINAL = "OOMKilled|(?i:deadline)|forbidden"
"""Messages of an end that another attempt would meet again. An OOM kill is 137 too."""
LOST = "(?i:imminent node shutdown|pod deleted|pod was rejected|preempt|NodeShutdown|Evicted)"
"""Messages of a loss. A node that comes back may reject the pod that was bound to it, before anything has run."""
SAID = "^main: Error "
"""Beginning of a message that may go on with the runner's own words: its exit code alone says what it means."""
