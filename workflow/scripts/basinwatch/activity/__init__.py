"""Detections through time: days of activity per pixel, and the time line and state of every basin."""

from basinwatch.activity.basins import STATES, StateSettings, coverage, describe, state, timeline
from basinwatch.activity.days import Activity, ActivityState, accumulate

__all__ = [
    "STATES", "Activity", "ActivityState", "StateSettings", "accumulate", "coverage", "describe", "state", "timeline",
]  # fmt: skip
