"""What Snakemake does for every job, done once: a plan of thousands of jobs takes two thirds of the time."""

import atexit
import gc
from functools import lru_cache

from snakemake import sourcecache

# A job graph is many small objects that all stay: looking for garbage among them takes a third of the time.
gc.set_threshold(100_000, 50, 100)

# Looking once more at the end, when the process and its memory go anyway, takes another tenth.
atexit.register(gc.freeze)

# Asked several times for every job about the same few dozen scripts; every answer is made with a class of its own.
# Another version of Snakemake may do without.
if hasattr(sourcecache, "parse_uri"):
    sourcecache.parse_uri = lru_cache(None)(sourcecache.parse_uri)
