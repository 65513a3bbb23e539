"""Options that make every detector small enough to try in a second."""

_RESNET = {"depths": [1, 1, 1, 1], "width_per_group": 8}
_TWO_STAGES = _RESNET | {"pyramid_width": 16, "box_width": 16, "mask_width": 16}
_VGG = {"widths": [4, 4, 6, 8, 8], "hidden": 12}
_YOLO = {"width": 0.125, "head_width": 16}
_ENCODER = {"widths": [4, 6, 8]}

NARROW = {
    "basinnet": _ENCODER, "unet": _ENCODER, "eca_unet": _ENCODER, "fcn32s": _VGG, "fcn16s": _VGG, "fcn8s": _VGG,
    "pspnet": _RESNET | {"hidden": 8}, "deeplabv3": _RESNET | {"hidden": 8}, "yolo_basin": _YOLO,
    "light_yolo_basin": _YOLO, "yolo_anchor": {"width": 0.125}, "yolov3": {"width": 0.125},
    "retinanet": _RESNET | {"pyramid_width": 16}, "faster_rcnn": _TWO_STAGES, "mask_rcnn": _TWO_STAGES,
    "deform_rcnn": _TWO_STAGES, "insarnet": _TWO_STAGES | {"width_per_group": 16},
}  # fmt: skip
