"""basinwatch: mining subsidence in wrapped interferograms, followed through time."""

from snakemake.utils import min_version

min_version("9.19")


# A file given with --configfile replaces the example's configuration instead of mixing with it.
if "stacks" not in config:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/planning.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/status.smk"
include: "workflow/rules/simulation.smk"
include: "workflow/rules/calibration.smk"
include: "workflow/rules/detection_floor.smk"
include: "workflow/rules/coherence_response.smk"
include: "workflow/rules/ingest.smk"
include: "workflow/rules/tiling.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/detection.smk"
include: "workflow/rules/mosaic.smk"
include: "workflow/rules/activity.smk"
include: "workflow/rules/sbas.smk"
include: "workflow/rules/hotspots.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/fusion.smk"
include: "workflow/rules/anomalies.smk"
include: "workflow/rules/patches.smk"
include: "workflow/rules/permits.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/tables.smk"


rule all:
    default_target: True
    input:
        reports=final_reports(),
        fusion=final_fusion(),
        truth=final_truth(),
        networks=final_networks(),
        mosaics=final_mosaic_rasters(),
        pairs="results/every_pair.json",


rule simulate:
    input:
        arrays=[
            f"{stem}.safetensors" for stem in shards("train") + shards("validation")
        ],


rule train:
    input:
        weights=trained_weights(),


rule evaluate:
    input:
        table="results/evaluation/table.md",


rule robustness:
    input:
        tables=robustness_tables(),


rule tables:
    input:
        tables="results/tables/tables.md",


rule export:
    input:
        folders=expand("results/areas/{area}/{model}/export", area=AREAS, model=MODEL),


rule pdf:
    input:
        reports=expand(
            "results/areas/{area}/{model}/report.pdf", area=AREAS, model=MODEL
        ),


rule detect:
    input:
        basins=final_mosaics(),


rule patches:
    input:
        products=final_patches(),


rule tile:
    input:
        grids=final_tile_grids(),


rule calibrate:
    input:
        table=f"results/calibration/{config['calibration']['name']}/table.md",


rule detection_floor:
    input:
        summary=f"results/experiments/{MODEL}/detection_floor/summary.json",


rule coherence_response:
    input:
        summary=f"results/experiments/{MODEL}/coherence_response/summary.json",
