"""What the detections see and the SBAS rate map does not, and the other way round."""

from basinwatch.comparison.gradients import fringe_gradients
from basinwatch.comparison.inputs import Campaign, ComparisonSettings, SbasMaps
from basinwatch.comparison.objects import Comparison, compare
from basinwatch.comparison.reasons import ALIASED, APART, DECORRELATED, EXTRA, MATCHED, NO_RATE, TOO_FEW
from basinwatch.comparison.scores import agreement

__all__ = [
    "ALIASED", "APART", "DECORRELATED", "EXTRA", "MATCHED", "NO_RATE", "TOO_FEW", "Campaign", "Comparison",
    "ComparisonSettings", "SbasMaps", "agreement", "compare", "fringe_gradients",
]  # fmt: skip
