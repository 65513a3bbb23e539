"""Networks that find basins in wrapped phase, by name."""

from basinwatch.detectors import basinnet as basinnet
from basinwatch.detectors.registry import Detector, available, build, register

__all__ = ["Detector", "available", "build", "register"]
