"""Networks that find basins in wrapped phase, by name."""

from basinwatch.detectors import basinnet as basinnet
from basinwatch.detectors import deeplabv3 as deeplabv3
from basinwatch.detectors import fcn as fcn
from basinwatch.detectors import pspnet as pspnet
from basinwatch.detectors import retinanet as retinanet
from basinwatch.detectors import two_stage as two_stage
from basinwatch.detectors import unet as unet
from basinwatch.detectors import yolo_anchor as yolo_anchor
from basinwatch.detectors import yolo_basin as yolo_basin
from basinwatch.detectors import yolov3 as yolov3
from basinwatch.detectors.registry import (
    Detector,
    InstanceDetector,
    Objects,
    SemanticDetector,
    available,
    build,
    register,
)

__all__ = ["Detector", "InstanceDetector", "Objects", "SemanticDetector", "available", "build", "register"]
