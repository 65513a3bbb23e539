"""Average precision by pycocotools, for labels and detections as masks."""

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def coco_precisions(tiles, kind, side=64):
    """AP at all ten IoUs of tiles (labels, masks, scores); `kind` is ``segm`` or ``bbox``."""
    annotations, results = [], []
    for image, (truth, masks, scores) in enumerate(tiles, start=1):
        for label in truth:
            annotations.append(_shape(image, label.mask) | {
                "id": len(annotations) + 1, "iscrowd": int(label.ignore), "area": int(label.mask.sum()),
            })  # fmt: skip
        results += [_shape(image, mask) | {"score": float(score)} for mask, score in zip(masks, scores, strict=True)]
    truth = COCO()
    images = [{"id": i + 1, "height": side, "width": side} for i in range(len(tiles))]
    truth.dataset = {"info": {}, "images": images, "annotations": annotations, "categories": [{"id": 1, "name": "b"}]}
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(results), kind)
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval["precision"][:, :, 0, 0, 2].mean(axis=1)


def _shape(image, mask):
    """Mask and box of an object."""
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"image_id": image, "category_id": 1, "bbox": coco_mask.toBbox(rle).tolist(), "segmentation": rle}
