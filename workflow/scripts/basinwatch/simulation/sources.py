"""Real delay maps and terrain that tiles may be drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from basinwatch import gacos
from basinwatch.simulation import elevation, gacos_pairs
from basinwatch.simulation.elevation import ElevationModel
from basinwatch.simulation.gacos_pairs import Pools
from basinwatch.simulation.settings import Settings


@dataclass(frozen=True)
class Sources:
    """What the settings name.

    Parameters
    ----------
    delays, pools
        GACOS files by date, and the pairs of each split and season; empty without real delay.
    terrain
        Elevation model, or None.
    """

    delays: Mapping[date, Path] = field(default_factory=dict)
    pools: Pools = field(default_factory=dict)
    terrain: ElevationModel | None = None

    @classmethod
    def open(cls, settings: Settings) -> Sources:
        """Open and check the files that the settings name; no heights or delays are read.

        Raises
        ------
        InputError
            If a file is missing, unreadable or smaller than a tile, or a season has a single date.
        """
        air, aspect = settings.atmosphere, settings.geometry.pixel_aspect
        longest = max(aspect[1], 1 / aspect[0]) ** 0.5
        tile_m = settings.tile_size_px * settings.pixel_size_m[1] * longest
        delays: Mapping[date, Path] = {}
        if air.source == "gacos" and air.gacos_dir:
            gacos_pairs.check(air.gacos_dir, tile_m)
            delays = gacos.scan(air.gacos_dir)
        if air.dem:
            elevation.check(air.dem, tile_m)
        return cls(delays, gacos_pairs.pools(delays), ElevationModel.open(air.dem) if air.dem else None)

    def files(self) -> dict[str, list[str]]:
        """Paths of all files by role."""
        headers = [gacos.header_of(path) for path in self.delays.values()]
        delays = [*self.delays.values(), *(path for path in headers if path)]
        found = {"delays": delays, "terrain": [self.terrain.path] if self.terrain else []}
        return {role: [str(path) for path in paths] for role, paths in found.items() if paths}


NO_SOURCES = Sources()
