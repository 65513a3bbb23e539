"""Find mining subsidence in wrapped interferograms and follow it through time."""

__version__ = "0.1.0"
