"""The scene of readers_scene as further producers would write it."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from basinwatch.readers import PairFiles
from readers_scene import (
    EARLIER,
    GEOTRANSFORM,
    LATER,
    LINES,
    WIDTH,
    complex_truth,
    truth,
    wrapped_truth,
    write_tiff,
)
from scipy.io import netcdf_file

UTM = {"crs": "EPSG:32634", "transform": Affine(80, 0, 400_000, 0, -80, 5_600_000)}
HYP3 = "S1AA_20200101T050000_20200113T050001_VVP012_INT80_G_ueF_0A1B"
BURST = "S1_213524_IW1_20200101_20200113_VV_INT80_8E81"
BURSTS = "S1_064_000000s1n00-136231s2n02-000000s3n00_IW_20200101_20200113_VV_INT80_77F1"
HYP3_TEXT = (
    "Reference Granule: S1A_IW_SLC__1SDV_20200101T050000\nReference Pass Direction: DESCENDING\n"
    "Baseline: 58.3898\nHeading: 193.2939317\nSpacecraft height: 700618.63\nEarth radius at nadir: 6370250.07\n"
    "Slant range near: 799517.4\nSlant range center: 879794.1\nRange looks: 20\nAzimuth looks: 4\n"
    "UTC time: 12360.691361\nReference Orbit Number: 27968\nINSAR phase filter: adf\n"
)


def zeros(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values).astype(np.float32)


def write_hyp3(folder: Path, name: str = HYP3, suffix: str = "") -> PairFiles:
    """Folder of a product; users append `suffix` when they cut its rasters."""
    tiffs = {"wrapped_phase": wrapped_truth(), "unw_phase": truth()[0], "corr": truth()[1]}
    paths = {
        kind: write_tiff(
            folder / name / f"{name}_{kind}{suffix}.tif",
            zeros(values),
            nodata=0,
            tags={"AREA_OR_POINT": "Point"},
            **UTM,
        )
        for kind, values in tiffs.items()
    }
    (folder / name / f"{name}.txt").write_text(HYP3_TEXT)
    return PairFiles(EARLIER, LATER, paths["wrapped_phase"], paths["corr"])


def zip_folder(folder: Path, leave_out: str = "nothing") -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            if leave_out not in file.name:
                archive.write(file, f"{folder.name}/{file.name}")
    return path


def isce_header(dtype: str, bands: int, is_map: bool, width: int = WIDTH, lines: int = LINES) -> str:
    def value(name: str, content: object) -> str:
        return f'<property name="{name}"><value>{content}</value><doc>a: b</doc></property>'

    starts = ((18.5, 0.001), (50.3, -0.001)) if is_map else ((0.0, 1.0), (0.0, 1.0))
    axes = "".join(
        f'<component name="Coordinate{i}">{value("startingValue", start)}{value("delta", step)}</component>'
        for i, (start, step) in enumerate(starts, start=1)
    )
    fields = {
        "WIDTH": width, "length": lines, "number_bands": bands, "data_type": dtype, "scheme": "BIL", "byte_order": "l",
        "file_name": "/somewhere/else/stale.int",
    }  # fmt: skip
    return f"<imageFile>{''.join(value(k, v) for k, v in fields.items())}{axes}</imageFile>"


def write_isce_image(path: Path, bands: list[np.ndarray], dtype: str, is_map: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {"CFLOAT": "<c8", "FLOAT": "<f4", "DOUBLE": "<f8"}[dtype]
    np.stack(bands, axis=1).astype(kind).tofile(path)
    path.with_name(f"{path.name}.xml").write_text(isce_header(dtype, len(bands), is_map))
    return path


def write_isce(folder: Path, is_map: bool = False) -> PairFiles:
    """A topsStack folder: interferogram, coherence, unwrapped phase, look angles, a burst's description."""
    geo = ".geo" if is_map else ""
    pair = folder / "merged" / "interferograms" / "20200101_20200113"
    phase = write_isce_image(pair / f"filt_fine.int{geo}", [complex_truth()], "CFLOAT", is_map)
    coherence = write_isce_image(pair / f"filt_fine.cor{geo}", [truth()[1] + 3, truth()[1]], "FLOAT", is_map)
    amplitude = np.abs(complex_truth())
    write_isce_image(pair / f"filt_fine.unw{geo}", [amplitude, zeros(truth()[0])], "FLOAT", is_map)
    look = [np.full((LINES, WIDTH), 39.5), np.full((LINES, WIDTH), -102.0)]
    write_isce_image(folder / "merged" / "geom_reference" / f"los.rdr{geo}", look, "FLOAT", is_map)
    (folder / "reference").mkdir()
    (folder / "reference" / "IW1.xml").write_text(
        "<productmanager><component name='bursts'><component name='burst1'>"
        "<property name='radarwavelength'><value>0.0554657</value></property>"
        "<property name='passdirection'><value>DESCENDING</value></property>"
        "<property name='tracknumber'><value>51</value></property>"
        "<property name='burststartutc'><value>2020-01-01 23:59:50.5</value></property>"
        "<property name='burststoputc'><value>2020-01-01 23:59:53.5</value></property>"
        "</component><component name='burst2'>"
        "<property name='burststartutc'><value>2020-01-01 23:59:53.25</value></property>"
        "<property name='burststoputc'><value>2020-01-02 00:00:20.5</value></property>"
        "</component></component></productmanager>"
    )
    for later, metres in (("20200101", (40.5, 41.5)), ("20200113", (-20.0, -22.0))):
        baseline = folder / "baselines" / f"20191208_{later}" / f"20191208_{later}.txt"
        baseline.parent.mkdir(parents=True)
        lines = [f"swath: IW{i}\nBperp (average): {m}\nBpar (average): 7.0\n" for i, m in enumerate(metres, start=1)]
        baseline.write_text("".join(lines))
    return PairFiles(EARLIER, LATER, phase, coherence)


def snap_name(day: date) -> str:
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{day.day:02d}{months[day.month - 1]}{day.year}"


def snap_bands(first: date = EARLIER, second: date = LATER) -> dict[str, np.ndarray | None]:
    """Numbers by band name, None for a virtual band; the first date is the reference."""
    z = complex_truth() if first < second else np.conj(complex_truth())
    dates = f"VV_{snap_name(first)}_{snap_name(second)}"
    return {
        f"i_ifg_{dates}": z.real, f"q_ifg_{dates}": z.imag, f"Phase_ifg_{dates}": None, f"coh_{dates}": truth()[1],
        f"Unw_Phase_ifg_{dates}": zeros(truth()[0] * (1 if first < second else -1)),
    }  # fmt: skip


def snap_xml(bands: dict[str, np.ndarray | None], data: str | None, is_map: bool = True) -> str:
    infos = "".join(
        f"<Spectral_Band_Info><BAND_INDEX>{i}</BAND_INDEX><BAND_NAME>{name}</BAND_NAME><DATA_TYPE>float32</DATA_TYPE>"
        f"<VIRTUAL_BAND>{str(values is None).lower()}</VIRTUAL_BAND></Spectral_Band_Info>"
        for i, (name, values) in enumerate(bands.items())
    )
    files = "".join(
        f'<Data_File><DATA_FILE_PATH href="{data}/{name}.hdr"/><BAND_INDEX>{i}</BAND_INDEX></Data_File>'
        for i, (name, values) in enumerate(bands.items())
        if values is not None and data
    )
    wkt = rasterio.CRS.from_epsg(4326).to_wkt().replace("<", "&lt;")
    place = (
        f"<Coordinate_Reference_System><WKT>{wkt}</WKT></Coordinate_Reference_System><Geoposition>"
        "<IMAGE_TO_MODEL_TRANSFORM>0.001,0.0,0.0,-0.001,18.5,50.3</IMAGE_TO_MODEL_TRANSFORM></Geoposition>"
    )
    attributes = {
        "radar_frequency": 5405.000454, "incidence_near": 38.0, "incidence_far": 41.0, "centre_heading": 193.3,
        "range_looks": 8.0, "azimuth_looks": 2.0, "range_spacing": 18.6, "azimuth_spacing": 27.9, "PASS": "DESCENDING",
        "REL_ORBIT": 51, "first_line_time": "01-JAN-2020 05:00:00.5", "last_line_time": "01-JAN-2020 05:00:25.500000",
    }  # fmt: skip
    baselines = "".join(
        f"<MDElem name='Ref_{one}'><MDElem name='Ref_{one}'><MDATTR name='Perp Baseline'>0.0</MDATTR></MDElem>"
        f"<MDElem name='Secondary_{other}'><MDATTR name='Perp Baseline' type='float64'>{metres}</MDATTR></MDElem>"
        "</MDElem>"
        for one, other, metres in (("01Jan2020", "13Jan2020", 74.98), ("13Jan2020", "01Jan2020", -74.98))
    )
    operator = "<MDATTR name='operator'>GoldsteinPhaseFiltering</MDATTR>"
    graph = f"<MDElem name='Processing_Graph'><MDElem name='node'>{operator}"
    metadata = "".join(f'<MDATTR name="{key}" type="float64">{value}</MDATTR>' for key, value in attributes.items())
    return (
        f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<Dimap_Document name="x.dim"><Raster_Dimensions>'
        f"<NCOLS>{WIDTH}</NCOLS><NROWS>{LINES}</NROWS><NBANDS>{len(bands)}</NBANDS></Raster_Dimensions>"
        f"<Data_Access>{files}</Data_Access>{place if is_map else ''}"
        f"<Image_Interpretation>{infos}</Image_Interpretation><Dataset_Sources><MDElem name='metadata'>"
        f"<MDElem name='Abstracted_Metadata'>{metadata}<MDElem name='Baselines'>{baselines}</MDElem></MDElem></MDElem>"
        f"{graph}</MDElem></MDElem></Dataset_Sources></Dimap_Document>"
    )


def write_dimap(folder: Path, bands: dict[str, np.ndarray | None] | None = None, is_map: bool = True) -> PairFiles:
    bands = bands or snap_bands()
    path = folder / "20200101_20200113_ifg.dim"
    data = folder / "20200101_20200113_ifg.data"
    data.mkdir(parents=True)
    for name, values in bands.items():
        if values is not None:
            values.astype(">f4").tofile(data / f"{name}.img")
            (data / f"{name}.hdr").write_text(f"ENVI\nsamples = {WIDTH}\nlines = {LINES}\nbyte order = 1\n")
    path.write_text(snap_xml(bands, data.name, is_map))
    return PairFiles(EARLIER, LATER, path)


def write_snap_tiff(path: Path, description: bytes = b"", is_south_up: bool = False) -> PairFiles:
    """GeoTIFF of the bands with numbers, and SNAP's description, or another, in a private tag."""
    bands = snap_bands()
    stored = np.stack([values for values in bands.values() if values is not None]).astype(np.float32)
    a, _, c, _, e, f = tuple(GEOTRANSFORM)[:6]
    place = {"transform": Affine(a, 0, c, 0, -e, f + e * LINES)} if is_south_up else {}
    write_tiff(path, stored[:, ::-1] if is_south_up else stored, BIGTIFF="NO", ENDIANNESS="BIG", **place)
    _append_tag(path, 65000, (description or snap_xml(bands, None).encode()) + b"\0")
    return PairFiles(EARLIER, LATER, path)


def _append_tag(path: Path, tag: int, content: bytes) -> None:
    """Write the first directory of a big-endian TIFF anew at its end, with one more ASCII tag."""
    old = path.read_bytes()
    start = int.from_bytes(old[4:8], "big")
    count = int.from_bytes(old[start : start + 2], "big")
    entries = [old[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    place = len(old) + len(old) % 2
    entry = b"".join(n.to_bytes(size, "big") for n, size in ((tag, 2), (2, 2), (len(content), 4), (place, 4)))
    directory = (count + 1).to_bytes(2, "big") + b"".join(sorted([*entries, entry])) + bytes(4)
    padded = content + bytes(len(content) % 2)
    after = place + len(padded)
    path.write_bytes(old[:4] + after.to_bytes(4, "big") + old[8:] + bytes(len(old) % 2) + padded + directory)


GMT_STEPS = (8.0, 2.0)
PRM = (
    "num_rng_bins            = 776\nradar_wavelength        = 0.0554658\nnear_range = 800000.0\nPRF = 486.486\n"
    "SC_vel = 7590.0\nearth_radius = 6370000.0\nSC_height = 705000.0\nrng_samp_rate = 64345238.0\norbdir = A\n"
    "SC_clock_start = 2020000.25\nSC_clock_stop = 2020000.2505\n"
)


def write_grd(path: Path, values: np.ndarray, is_map: bool, with_attributes: bool = True) -> Path:
    """Classic GMT grid, y ascending: `values` are given as GMTSAR shows them, north or the first line at the top."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines, width = values.shape
    with netcdf_file(path, "w") as target:
        names = ("lon", "lat") if is_map else ("x", "y")
        centres = (
            (18.5005 + 0.001 * np.arange(width), 50.2995 - 0.001 * np.arange(lines)[::-1])
            if is_map
            else (GMT_STEPS[0] * (0.5 + np.arange(width)), GMT_STEPS[1] * (0.5 + np.arange(lines)))
        )
        for name, numbers in zip(names, centres, strict=True):
            target.createDimension(name, numbers.size)
            axis = target.createVariable(name, "d", (name,))
            axis[:] = numbers
            if with_attributes:
                axis.long_name = name
                if is_map:
                    axis.units = "degrees_east" if name == "lon" else "degrees_north"
        z = target.createVariable("z", "f", (names[1], names[0]))
        z[:] = values[::-1] if is_map else values
        z._FillValue = np.float32(np.nan)
    return path


def write_gmtsar(folder: Path, is_map: bool = False) -> PairFiles:
    pair, suffix = folder / "intf" / "2020000_2020012", "_ll" if is_map else ""
    phase = write_grd(pair / f"phasefilt{suffix}.grd", wrapped_truth(), is_map)
    shown = np.where(truth()[1] > 0, truth()[1], np.nan)
    coherence = write_grd(pair / f"corr{suffix}.grd", shown, is_map)
    write_grd(pair / f"unwrap{suffix}.grd", truth()[0], is_map)
    (pair / "S1_20200101_ALL_F1.PRM").write_text(PRM)
    rows = ("S1_20200101_ALL_F1 2020000.2500 2191 3.5 10.5", "S1_20200113_ALL_F1 2020012.2500 2203 -2.5 -31.25")
    (folder / "baseline_table.dat").write_text("\n".join(rows) + "\n")
    return PairFiles(EARLIER, LATER, phase, coherence)


def write_netcdf4_grd(path: Path) -> Path:
    """The same scene as one variable z of a netCDF-4 file, north at the top."""
    tiff = write_tiff(path.with_suffix(".tif"), wrapped_truth(), nodata=np.nan, crs=None)
    with rasterio.open(tiff, "r+") as source:
        source.update_tags(1, NETCDF_VARNAME="z")
        source.crs = "EPSG:4326"
    rasterio.shutil.copy(tiff, path, driver="netCDF", FORMAT="NC4")
    return path


def write_opera(path: Path, displacement: np.ndarray) -> Path:
    """Displacement and temporal coherence on a UTM grid (classic container; the reader does not see which)."""
    transform = UTM["transform"]
    with netcdf_file(path, "w") as target:
        for name, start, step, size in (("x", transform.c, transform.a, WIDTH), ("y", transform.f, transform.e, LINES)):
            target.createDimension(name, size)
            axis = target.createVariable(name, "d", (name,))
            axis[:] = start + step * (0.5 + np.arange(size))
            axis.standard_name, axis.units = f"projection_{name}_coordinate", "m"
        mapping = target.createVariable("spatial_ref", "i", ())
        mapping.spatial_ref = rasterio.CRS.from_epsg(32634).to_wkt()
        shown = np.where(truth()[1] > 0, truth()[1], np.nan)
        for name, values in (("displacement", displacement), ("temporal_coherence", shown)):
            layer = target.createVariable(name, "f", ("y", "x"))
            layer[:] = values
            layer.grid_mapping = "spatial_ref"
            layer._FillValue = np.float32(np.nan)
    return path


def write_aria(path: Path, h5netcdf: object) -> Path:
    """A GUNW product: newer · conj(older), so the sign is opposite to the scene's."""
    with h5netcdf.File(path, "w") as target:
        group = target.create_group("science/grids/data")
        group.dimensions = {"latitude": LINES, "longitude": WIDTH}
        for name, start, step in (("latitude", 50.3, -0.001), ("longitude", 18.5, 0.001)):
            axis = group.create_variable(name, (name,), "f8")
            axis[:] = start + step * (0.5 + np.arange(group.dimensions[name].size))
            axis.attrs["units"] = "degrees_north" if name == "latitude" else "degrees_east"
            axis.attrs["standard_name"] = name
        mapping = group.create_variable("crs", (), "i4")
        mapping.attrs["spatial_ref"] = rasterio.CRS.from_epsg(4326).to_wkt()
        mapping.attrs["grid_mapping_name"] = "latitude_longitude"
        for name, values in (("unwrappedPhase", zeros(-truth()[0])), ("coherence", truth()[1])):
            layer = group.create_variable(name, ("latitude", "longitude"), "f4", fillvalue=np.float32(0))
            layer[:] = values
            layer.attrs["grid_mapping"] = "crs"
        geometry = target.create_group("science/grids/imagingGeometry")
        geometry.dimensions = {"heightsMeta": 3, "latitudeMeta": 5, "longitudeMeta": 7}
        for name, numbers in (("perpendicularBaseline", (30.0, 31.0, 32.0)), ("incidenceAngle", (38.0, 39.0, 40.0))):
            layer = geometry.create_variable(name, ("heightsMeta", "latitudeMeta", "longitudeMeta"), "f4")
            layer[:] = np.broadcast_to(np.array(numbers, np.float32)[:, None, None], (3, 5, 7))
    return path


def write_dolphin(folder: Path) -> PairFiles:
    phase = write_tiff(folder / "20200101_20200113.int.tif", complex_truth(), **UTM)
    shown = np.where(truth()[1] > 0, truth()[1], np.nan).astype(np.float32)
    coherence = write_tiff(folder / "20200101_20200113.int.cor.tif", shown, nodata=np.nan, **UTM)
    write_tiff(folder / "20200101_20200113.unw.tif", zeros(truth()[0]), nodata=0, **UTM)
    return PairFiles(EARLIER, LATER, phase, coherence)


WRITERS = {
    "hyp3": write_hyp3,
    "isce": write_isce,
    "snap": write_dimap,
    "gmtsar": write_gmtsar,
    "dolphin": write_dolphin,
}
