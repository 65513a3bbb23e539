"""Every header and container a reader parses, each written whole beside the scene it describes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from basinwatch import phase_color
from basinwatch.readers import PairFiles
from PIL import Image
from products_scene import (
    write_dimap,
    write_gmtsar,
    write_hyp3,
    write_isce,
    write_netcdf4_grd,
    write_opera,
    write_snap_tiff,
    zip_folder,
)
from readers_scene import (
    EARLIER,
    LATER,
    LINES,
    WIDTH,
    complex_truth,
    image_text,
    truth,
    wrapped_truth,
    write_gamma,
    write_sun,
    write_tiff,
)

Written = tuple[PairFiles, Path]
EQA = (
    f"Gamma DIFF&GEO DEM/MAP parameter file\ntitle: dem\nDEM_projection: EQA\nwidth: {WIDTH}\nnlines: {LINES}\n"
    "corner_lat: 50.3 decimal degrees\ncorner_lon: 18.5 decimal degrees\npost_lat: -1.3888889e-03 decimal degrees\n"
    "post_lon: 1.3888889e-03 decimal degrees\nellipsoid_name: WGS 84\nellipsoid_ra: 6378137.0 m\n"
)
UTM = (
    f"Gamma DIFF&GEO DEM/MAP parameter file\nDEM_projection: UTM\nwidth: {WIDTH}\nnlines: {LINES}\n"
    "corner_north: 5235158.873 m\ncorner_east: 515363.565 m\npost_north: -20 m\npost_east: 20 m\n"
    "ellipsoid_name: WGS 84\nprojection_zone: 34\nfalse_northing: 0\n"
)
DIFF_PAR = (
    f"title: x\nrange_samp_1: {WIDTH}\naz_samp_1: {LINES}\nrange_pixel_spacing_1: 9.3 m\naz_pixel_spacing_1: 14.0 m\n"
)  # fmt: skip
BASELINE = (
    "initial_baseline(TCN):        0.0000000     -5.1010426      1.5164084   m   m   m\n"
    "precision_baseline(TCN):      0.0000000     40.1010426      4.5164084   m   m   m\n"
)


def gamma_header(name: str, text: str) -> Callable[[Path], Written]:
    """Interferogram whose only header is this one."""

    def write(folder: Path) -> Written:
        files = write_gamma(folder, header=None)
        (folder / name).write_text(text)
        return files, folder / name

    return write


def gamma_offsets(folder: Path) -> Written:
    files = write_gamma(folder)
    return files, folder / "20200101_20200113.off"


def gamma_baseline(folder: Path) -> Written:
    files = write_gamma(folder)
    (folder / "20200101_mli.par").write_text(image_text(WIDTH, LINES))
    (folder / "20200101_20200113.base").write_text(BASELINE)
    return files, folder / "20200101_20200113.base"


def roi_pac(folder: Path) -> Written:
    """Amplitude and phase by turns of lines, placed in degrees."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "geo_200101-200113.unw"
    np.nan_to_num(np.stack([truth()[1], truth()[0]], axis=1)).astype("<f4").tofile(path)
    header = folder / f"{path.name}.rsc"
    header.write_text(
        f"WIDTH {WIDTH}\nFILE_LENGTH {LINES}\nX_FIRST 18.5\nX_STEP 0.001\nY_FIRST 50.3\nY_STEP -0.001\n"
        "WAVELENGTH 0.0562356424\nHEADING_DEG -167.2\nRLOOKS 4\nALOOKS 20\nLOOK_REF1 20.1\nLOOK_REF2 20.2\n"
        "LOOK_REF3 20.3\nLOOK_REF4 20.4\nHEIGHT 790000.0\nEARTH_RADIUS 6370000.0\n"
    )
    return PairFiles(EARLIER, LATER, path, options={"kind": "unwrapped"}), header


def licsar_metadata(folder: Path) -> Written:
    pair = folder / "GEOC" / "20200101_20200113"
    phase = write_tiff(pair / "20200101_20200113.geo.diff_pha.tif", np.nan_to_num(wrapped_truth()))
    (folder / "metadata").mkdir()
    path = folder / "metadata" / "metadata.txt"
    path.write_text("master=20190101\nheading=-12.019061\navg_incidence_angle=41.6437\ncenter_time=0:26:14.884940\n")
    return PairFiles(EARLIER, LATER, phase), path


def licsar_baselines(folder: Path) -> Written:
    files, metadata = licsar_metadata(folder)
    path = metadata.with_name("baselines")
    path.write_text("20191208 20200101 -98 24\n20191208 20200113 -46 36\n")
    return files, path


def geotiff(**options: object) -> Callable[[Path], Written]:
    def write(folder: Path) -> Written:
        path = write_tiff(folder / "20200101_20200113.tif", wrapped_truth(), **options)
        return PairFiles(EARLIER, LATER, path), path

    return write


def complex_geotiff(folder: Path) -> Written:
    path = write_tiff(folder / "20200101_20200113.int.tif", complex_truth())
    return PairFiles(EARLIER, LATER, path), path


def picture(suffix: str) -> Callable[[Path], Written]:
    """A coloured picture; of a SUN raster, 1 is plain colours and 2 run lengths of the palette."""

    def write(folder: Path) -> Written:
        folder.mkdir(parents=True, exist_ok=True)
        path, rgb, indices = folder / f"a{suffix}", phase_color.to_rgb(truth()[0]), phase_color.to_palette(*truth())
        if suffix == ".tif":
            write_tiff(path, np.moveaxis(rgb, -1, 0), photometric="RGB")
        elif suffix == "1.ras":
            write_sun(path, rgb, 1)
        elif suffix == "2.ras":
            write_sun(path, indices, 2, phase_color.palette())
        elif suffix == "-palette.png":
            image = Image.fromarray(indices, "L").convert("P")
            image.putpalette(phase_color.palette().ravel().tolist())
            image.save(path)
        else:
            Image.fromarray(rgb).save(path)
        return PairFiles(EARLIER, LATER, path), path

    return write


def hyp3_text(folder: Path) -> Written:
    files = write_hyp3(folder)
    return files, files.phase.parent / f"{files.phase.parent.name}.txt"


def hyp3_archive(folder: Path) -> Written:
    path = zip_folder(write_hyp3(folder).phase.parent)
    return PairFiles(EARLIER, LATER, path), path


def opera(folder: Path) -> Written:
    folder.mkdir(parents=True, exist_ok=True)
    path = write_opera(folder / "a.nc", truth()[0])
    return PairFiles(EARLIER, LATER, path, options={"kind": "unwrapped"}), path


def netcdf4(folder: Path) -> Written:
    folder.mkdir(parents=True, exist_ok=True)
    path = write_netcdf4_grd(folder / "20200101_20200113.grd")
    return PairFiles(EARLIER, LATER, path), path


def snap_tiff(folder: Path) -> Written:
    files = write_snap_tiff(folder / "20200101_20200113.tif")
    return files, files.phase


def snap_band_header(folder: Path) -> Written:
    files = write_dimap(folder)
    return files, sorted(files.phase.with_suffix(".data").glob("i_ifg*.hdr"))[0]


def beside(write: Callable[[Path], PairFiles], name: str) -> Callable[[Path], Written]:
    """Header at a place relative to the phase file."""

    def written(folder: Path) -> Written:
        files = write(folder)
        return files, files.phase.parent / name

    return written


TEXT_HEADERS: dict[str, Callable[[Path], Written]] = {
    "gamma off": gamma_offsets,
    "gamma mli.par": gamma_header("20200101_mli.par", image_text(WIDTH, LINES) + "sensor: S1A\n"),
    "gamma diff_par": gamma_header("20200101_20200113.diff_par", DIFF_PAR),
    "gamma eqa dem_par": gamma_header("eqa.dem_par", EQA),
    "gamma utm dem_par": gamma_header("utm.dem_par", UTM),
    "gamma base": gamma_baseline,
    "roi_pac rsc": roi_pac,
    "licsar metadata": licsar_metadata,
    "licsar baselines": licsar_baselines,
    "isce xml": beside(write_isce, "filt_fine.int.xml"),
    "isce map xml": beside(lambda folder: write_isce(folder, is_map=True), "filt_fine.int.geo.xml"),
    "isce burst xml": beside(write_isce, "../../../reference/IW1.xml"),
    "isce look xml": beside(write_isce, "../../geom_reference/los.rdr.xml"),
    "isce baseline": beside(write_isce, "../../../baselines/20191208_20200113/20191208_20200113.txt"),
    "snap dim": beside(write_dimap, "20200101_20200113_ifg.dim"),
    "snap band hdr": snap_band_header,
    "hyp3 txt": hyp3_text,
    "gmtsar prm": beside(write_gmtsar, "S1_20200101_ALL_F1.PRM"),
    "gmtsar baselines": beside(write_gmtsar, "../../baseline_table.dat"),
}
CONTAINERS: dict[str, Callable[[Path], Written]] = {
    "geotiff": geotiff(),
    "geotiff lzw": geotiff(compress="LZW"),
    "geotiff big": geotiff(BIGTIFF="YES"),
    "geotiff complex": complex_geotiff,
    "snap geotiff": snap_tiff,
    "zip": hyp3_archive,
    "netcdf classic": beside(write_gmtsar, "phasefilt.grd"),
    "netcdf map": beside(lambda folder: write_gmtsar(folder, is_map=True), "phasefilt_ll.grd"),
    "netcdf opera": opera,
    "netcdf 4": netcdf4,
    "png": picture(".png"),
    "png palette": picture("-palette.png"),
    "bmp": picture(".bmp"),
    "jpeg": picture(".jpg"),
    "tiff picture": picture(".tif"),
    "sun plain": picture("1.ras"),
    "sun run lengths": picture("2.ras"),
}
