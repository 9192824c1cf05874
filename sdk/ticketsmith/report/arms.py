"""The arms of a run, as a report shows them: one line for each."""

from typing import NamedTuple


class Arm(NamedTuple):
    """Name, marker and meaning; colour and dashes are in style.css, by the same key."""

    name: str
    marker: str
    """Path of its marker in the curve, around the origin."""
    unshown: str = ""
    """The claim that a run does not show where this control passes as well."""


BAR = "M-5 -2.5h10v5h-10Z"  # dense networks that are smaller: lying, and in a cross where they were trained for long
SQUARE = "M-4.5 -4.5h9v9h-9Z"
CROSS = "M-1.8 -5h3.6v3.2h3.2v3.6h-3.2v3.2h-3.6v-3.2h-3.2v-3.6h3.2Z"

ARMS = {
    "dense": Arm("Dense Baseline", ""),
    "ticket": Arm("Winning Ticket", "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z"),
    "reinit": Arm("Random Re-init", "M-4 -4h8v8h-8Z", "that the initial values matter"),
    "random": Arm("Random Mask", "M0 -5L5 4H-5Z", "that it matters which weights are kept"),
    "lr-rewind": Arm("LR Rewinding", "M0 -5.5L5.5 0L0 5.5L-5.5 0Z", "that the weights must be rewound"),
    "finetune": Arm("Fine-tuning", "M0 5L5 -4H-5Z", "that the weights must be rewound"),
    "half": Arm("Dense 1/2x", BAR),
    "half-long": Arm("Dense 1/2x long", CROSS),
    "smaller": Arm("Dense 1x", BAR),
    "smaller-long": Arm("Dense 1x long", CROSS),
    "double": Arm("Dense 2x", BAR),
    "double-long": Arm("Dense 2x long", CROSS),
}
