"""Two-stage detectors and RetinaNet against torchvision's, closed forms and published sizes."""

import copy

import numpy as np
import pytest
import torch
from basinwatch import detectors
from basinwatch.datasets.tiles import IGNORED
from basinwatch.detectors.pyramid import choose_anchors
from basinwatch.detectors.region_heads import crop_mask
from basinwatch.detectors.targets import boxes_and_masks, mostly_ignored
from basinwatch.errors import InputError
from safetensors.torch import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.detection import (
    MaskRCNN,
    RetinaNet,
    fasterrcnn_resnet50_fpn,
    maskrcnn_resnet50_fpn,
    retinanet_resnet50_fpn,
)
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import box_iou

TINY = {"depths": (1, 1, 1, 1), "width_per_group": 16, "pyramid_width": 32, "anchors": "small"}
FAST = TINY | {
    "box_width": 64, "mask_width": 32, "train_proposals": (100, 50), "test_proposals": (50, 30), "sampled_rois": 32,
}  # fmt: skip
SMALL = {
    "mask_rcnn": FAST, "insarnet": FAST, "faster_rcnn": FAST, "deform_rcnn": FAST, "retinanet": TINY,
}  # fmt: skip
SIDE = 64


def basins():
    """Two tiles: a basin and ignored ground; two basins; as encoded noise that shows them, and as target."""
    target = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
    target[0, 10:30, 15:35] = 1
    target[0, 45:57, 5:40] = IGNORED
    target[1, 35:52, 30:58] = 1
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    target[1][(rows - 13) ** 2 + (columns - 15) ** 2 < 9**2] = 2
    torch.manual_seed(0)
    return 0.3 * torch.randn(2, 3, SIDE, SIDE) + ((target > 0) & (target != IGNORED))[:, None], target


def size(name, **options):
    """Number of parameters."""
    with torch.device("meta"):
        return sum(p.numel() for p in detectors.build(name, options).parameters())


def test_sizes_are_torchvisions_and_those_published():
    published = {"weights": None, "weights_backbone": None, "num_classes": 2}
    with torch.device("meta"):
        peers = {
            "mask_rcnn": maskrcnn_resnet50_fpn(**published),
            "faster_rcnn": fasterrcnn_resnet50_fpn(**published),
            "retinanet": retinanet_resnet50_fpn(**published),
        }
    for name, peer in peers.items():
        assert size(name) == sum(p.numel() for p in peer.parameters())
    assert size("mask_rcnn", backbone="resnet101") == pytest.approx(62.968e6, abs=500)
    assert size("mask_rcnn") == pytest.approx(43.976e6, abs=500)
    assert size("faster_rcnn") == pytest.approx(41.352e6, abs=500)
    assert size("retinanet") == pytest.approx(32.222e6, abs=500)


def test_deformation_and_involution_change_the_size_by_what_they_are_made_of():
    offsets = sum(blocks * (width * 9 * 18 + 18) for blocks, width in ((4, 128), (6, 256), (3, 512)))
    assert size("deform_rcnn") == size("faster_rcnn") + offsets == pytest.approx(41.93e6, abs=5000)
    layer = 256 * 49 * 98 + 98
    models = {
        (backbone, pool): size("insarnet", backbone=backbone, roi_pool=pool)
        for backbone in ("resnet50", "rednet50")
        for pool in ("align", "deform")
    }
    assert models["resnet50", "align"] == size("mask_rcnn")
    assert models["resnet50", "deform"] == size("mask_rcnn") + layer
    assert models["rednet50", "align"] == pytest.approx(33.96e6, abs=5000)
    assert models["rednet50", "deform"] == models["rednet50", "align"] + layer == size("insarnet")


@pytest.mark.parametrize(
    ("backbone", "side", "cost"),
    [("resnet50", 256, 9.05e9), ("resnet101", 256, 13.9e9), ("resnet50", 800, 88.4e9), ("resnet101", 800, 135.7e9)],
)
def test_body_and_pyramid_cost_what_is_published(backbone, side, cost):
    with torch.device("meta"):
        network = detectors.build("mask_rcnn", {"backbone": backbone})
        tile = torch.empty(1, 3, side, side)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.eval()(tile)
    assert counter.get_total_flops() / 2 == pytest.approx(cost, rel=0.004)


def peer_of(network, build, **options):
    """The torchvision detector with a network's weights, without resizing."""
    keep = {"min_size": SIDE, "max_size": SIDE, "image_mean": [0.0] * 3, "image_std": [1.0] * 3}
    peer = build(copy.deepcopy(network.backbone), 2, **keep, **options)
    peer.load_state_dict(network.state_dict())
    return peer


def as_torchvision(target):
    """A target as torchvision wants it."""
    return [
        {"boxes": box, "masks": mask.to(torch.uint8), "labels": torch.ones(len(box), dtype=torch.int64)}
        for box, mask in boxes_and_masks(target)
    ]


def two_stage_pair():
    """A small Mask R-CNN and torchvision's with the same weights, whose losses count every anchor and proposal."""
    torch.manual_seed(5)
    everything = {"sampled_anchors": 100_000, "sampled_rois": 100_000, "train_proposals": (200, 200)}
    network = detectors.build("mask_rcnn", TINY | {"min_score": 0.0, "max_objects": 12} | everything)
    network.rpn.head.conv[0][0].weight.data *= 20
    return network, peer_of(
        network,
        MaskRCNN,
        rpn_anchor_generator=AnchorGenerator(((16,), (32,), (64,), (128,), (256,)), ((0.5, 1.0, 2.0),) * 5),
        box_score_thresh=0.0,
        box_detections_per_img=12,
        rpn_pre_nms_top_n_train=200,
        rpn_post_nms_top_n_train=200,
        rpn_batch_size_per_image=100_000,
        box_batch_size_per_image=100_000,
    )


def test_losses_are_torchvisions_with_the_same_weights():
    network, peer = two_stage_pair()
    x, target = basins()
    target[target == IGNORED] = 0
    ours, theirs = network.loss(x, target), peer.train()(list(x), as_torchvision(target))
    names = {
        "proposal_objectness": "loss_objectness", "proposal_box": "loss_rpn_box_reg", "class": "loss_classifier",
        "box": "loss_box_reg", "mask": "loss_mask",
    }  # fmt: skip
    for name, other in names.items():
        torch.testing.assert_close(ours[name], theirs[other], rtol=1e-4, atol=1e-6)


def test_boxes_are_torchvisions_and_crops_fit_its_pasted_masks():
    network, peer = two_stage_pair()
    x, _ = basins()
    with torch.inference_mode():
        found = network.eval().predict(x)
        expected = peer.eval()(list(x))
    assert sum(map(len, found)) > 12
    for objects, other in zip(found, expected, strict=True):
        pasted = other["masks"][:, 0].numpy() >= 0.5
        others = twins(objects, other["boxes"], other["scores"])
        for box, mask, twin in zip(objects.boxes, objects.masks, others, strict=True):
            place = paste(box, mask)
            common = (place & pasted[twin]).sum()
            assert common > 0.8 * (place | pasted[twin]).sum() or (box[2:] - box[:2]).min() < 12


def twins(objects, boxes, scores):
    """Which of the other boxes each object is, having checked that it is and comes by its score."""
    found = box_iou(torch.from_numpy(objects.boxes), boxes).argmax(dim=1).numpy()
    np.testing.assert_allclose(objects.boxes, boxes.numpy()[found], atol=1e-3)
    np.testing.assert_allclose(objects.scores, scores.numpy()[found], atol=1e-5)
    assert (np.diff(objects.scores) <= 0).all()
    return found


def paste(box, mask):
    """A crop in its tile."""
    place = np.zeros((SIDE, SIDE), bool)
    left, top = np.floor(box[:2]).astype(int)
    right, bottom = np.ceil(box[2:]).astype(int)
    place[top:bottom, left:right] = mask
    return place


def test_a_full_mask_covers_the_pixels_whose_centres_are_in_the_box():
    for box in ([3.0, 4, 9, 11], [2.3, 4.6, 9.4, 10.2], [0.0, 0.7, 1.0, 1.4]):
        mask = crop_mask(torch.ones(28, 28), np.array(box, np.float32))
        rows = np.arange(np.floor(box[1]), np.ceil(box[3])) + 0.5
        columns = np.arange(np.floor(box[0]), np.ceil(box[2])) + 0.5
        inside = ((rows > box[1]) & (rows < box[3]))[:, None] & ((columns > box[0]) & (columns < box[2]))
        np.testing.assert_array_equal(mask, inside)


def test_a_mask_keeps_its_form_when_it_is_spread_over_a_box():
    cells = (torch.arange(28) + 0.5) / 28
    disc = ((cells[:, None] - 0.5) ** 2 + (cells - 0.5) ** 2 < 0.25).float()
    mask = crop_mask(disc, np.array([10.0, 20, 110, 80], np.float32))
    assert mask.shape == (60, 100)
    assert mask.sum() == pytest.approx(np.pi * 50 * 30, rel=0.01)


def test_retinanet_gives_torchvisions_losses_and_boxes_with_the_same_weights():
    torch.manual_seed(7)
    network = detectors.build("retinanet", TINY | {"anchors": "published", "min_score": 0.0, "max_objects": 5000})
    for part in (network.head.classification_head, network.head.regression_head):
        for layer in part.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.05)
    peer = peer_of(network, RetinaNet, score_thresh=0.0, topk_candidates=5000, detections_per_img=10000)
    x, target = basins()
    target[target == IGNORED] = 0
    ours, theirs = network.loss(x, target), peer.train()(list(x), as_torchvision(target))
    torch.testing.assert_close(ours["class"], theirs["classification"])
    torch.testing.assert_close(ours["box"], theirs["bbox_regression"])
    with torch.inference_mode():
        found, expected = network.eval().predict(x), peer.eval()(list(x))
    for objects, other in zip(found, expected, strict=True):
        basin = other["labels"] == 1
        assert len(objects) == basin.sum() > 10
        twins(objects, other["boxes"][basin], other["scores"][basin])


@pytest.mark.parametrize("name", list(SMALL))
def test_learning_one_batch_lowers_the_loss_and_prediction_gives_valid_objects(name):
    torch.manual_seed(8)
    network, (x, target) = detectors.build(name, SMALL[name]), basins()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    history = []
    for _ in range(7):
        loss = torch.stack(list(network.train().loss(x, target).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert np.isfinite(history).all()
    assert min(history[-4:]) < 0.8 * history[0]
    with torch.inference_mode():
        found = network.eval().predict(x)
    assert len(found) == 2
    for objects in found:
        check(objects, masks=name in ("mask_rcnn", "insarnet"))


@pytest.mark.parametrize("roi_pool", ["align", "deform"])
@pytest.mark.parametrize("backbone", ["resnet50", "rednet50"])
def test_every_model_of_the_ablation_learns_and_finds(backbone, roi_pool):
    torch.manual_seed(8)
    network, (x, target) = detectors.build("insarnet", FAST | {"backbone": backbone, "roi_pool": roi_pool}), basins()
    torch.stack(list(network.train().loss(x, target).values())).sum().backward()
    learning = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert any(".offset." in name for name in learning) == (roi_pool == "deform")
    assert any(".span." in name for name in learning) == (backbone == "rednet50")
    with torch.inference_mode():
        for objects in network.eval().predict(x):
            check(objects, masks=True)


def check(objects, masks):
    """Check that objects are as the contract wants them."""
    assert objects.boxes.dtype == objects.scores.dtype == np.float32
    assert objects.boxes.shape == (len(objects), 4)
    assert ((objects.boxes >= 0) & (objects.boxes <= SIDE)).all()
    assert (objects.boxes[:, 2:] > objects.boxes[:, :2]).all()
    assert ((objects.scores >= 0) & (objects.scores <= 1)).all()
    assert (objects.masks is not None) == masks
    for box, mask in zip(objects.boxes, objects.masks or [], strict=masks):
        assert mask.dtype == bool
        assert mask.shape == tuple((np.ceil(box[2:]) - np.floor(box[:2])).astype(int)[::-1])
        assert mask.any()


@pytest.mark.parametrize("name", list(SMALL))
def test_ground_to_be_ignored_teaches_nothing(name):
    torch.manual_seed(9)
    network, (x, target) = detectors.build(name, SMALL[name]), basins()
    losses = network.loss(x, torch.full_like(target, IGNORED))
    assert all(value.item() == 0 for value in losses.values())
    empty = network.loss(x, torch.zeros_like(target))
    assert all(np.isfinite(value.item()) for value in empty.values())
    assert sum(value.item() for value in empty.values()) > 0


def test_anchors_mostly_on_ignored_ground_are_never_background():
    torch.manual_seed(10)
    network, (x, target) = detectors.build("faster_rcnn", FAST | {"sampled_anchors": 100_000}), basins()
    proposals = network.rpn.propose(network(x), (SIDE, SIDE))
    logits = proposals.logits.detach().requires_grad_()
    boxes = [box for box, _ in boxes_and_masks(target)]
    counted = type(proposals)(proposals.boxes, logits, proposals.deltas, proposals.anchors)
    network.rpn.loss(counted, boxes, target)["proposal_objectness"].backward()
    hidden = mostly_ignored(target[0], proposals.anchors)
    assert 5 < hidden.sum() < len(hidden) / 2
    assert (logits.grad[0, hidden] == 0).all()
    assert (logits.grad[0, ~hidden] != 0).float().mean() > 0.9


@pytest.mark.parametrize("name", ["mask_rcnn", "insarnet", "deform_rcnn", "retinanet"])
def test_low_precision_changes_scores_and_boxes_little(name):
    torch.manual_seed(11)
    options = SMALL[name] | {"min_score": 0.0, "max_objects": 10, "norm": "group"}
    network, (x, target) = detectors.build(name, options).eval(), basins()
    with torch.inference_mode():
        torch.manual_seed(12)
        exact = network.loss(x, target)
        with torch.autocast("cpu", torch.bfloat16):
            torch.manual_seed(12)
            mixed = network.loss(x, target)
            assert all(objects.boxes.dtype == np.float32 for objects in network.predict(x))
        for loss in ("class", "box"):
            assert mixed[loss].dtype == torch.float32
            torch.testing.assert_close(mixed[loss], exact[loss], rtol=0.1, atol=0.05)
        best = network.predict(x)
        network.to_fast(torch.bfloat16)
        for objects, before in zip(network.predict(x.bfloat16()), best, strict=True):
            assert abs(objects.scores.max() - before.scores.max()) < 0.05


def test_published_weights_fit_everything_but_the_scores_of_other_classes():
    unknown = {"weights": None, "weights_backbone": None, "num_classes": 91}
    with torch.device("meta"):
        for name, peer in {
            "mask_rcnn": maskrcnn_resnet50_fpn(**unknown),
            "faster_rcnn": fasterrcnn_resnet50_fpn(**unknown),
            "retinanet": retinanet_resnet50_fpn(**unknown),
        }.items():
            ours = {key: value.shape for key, value in detectors.build(name).state_dict().items()}
            theirs = {key: value.shape for key, value in peer.state_dict().items()}
            assert ours.keys() == theirs.keys()
            scores = ("cls_score", "bbox_pred", "mask_fcn_logits", "cls_logits")
            assert all(any(s in key for s in scores) for key in ours if ours[key] != theirs[key])


def test_a_file_of_weights_fills_frozen_and_deformable_networks(tmp_path):
    torch.manual_seed(13)
    start, path = detectors.build("faster_rcnn", FAST).state_dict(), tmp_path / "start.safetensors"
    save_file(start, path)
    frozen = detectors.build("faster_rcnn", FAST | {"weights": str(path), "norm": "frozen"})
    assert all(torch.equal(value, start[name]) for name, value in frozen.state_dict().items())
    assert not any(".bn" in name for name, _ in frozen.named_parameters())
    deformed = detectors.build("deform_rcnn", FAST | {"weights": str(path)}).state_dict()
    assert all(torch.equal(value, deformed[name]) for name, value in start.items())
    assert not any(deformed[name].any() for name in deformed.keys() - start.keys())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mask_rcnn", {"norm": "frozen"}, "needs weights"),
        ("retinanet", {"norm": "frozen"}, "needs weights"),
        ("mask_rcnn", {"backbone": "vgg16"}, "vgg16"),
        ("retinanet", {"norm": "layer"}, "layer"),
        ("deform_rcnn", {"backbone": "rednet50"}, "only a ResNet"),
        ("mask_rcnn", {"depths": (3, 4, 6)}, "4 numbers"),
        ("insarnet", {"width_per_group": 24}, "groups of 16"),
        ("faster_rcnn", {"roi_pool": "mean"}, "mean"),
        ("faster_rcnn", {"anchors": "tiny"}, "tiny"),
        ("retinanet", {"anchors": (8, 16, 32)}, "5 sides"),
        ("faster_rcnn", {"sampled_rois": 0}, "at least 1"),
        ("faster_rcnn", {"test_proposals": (0, 10)}, "at least 1"),
        ("retinanet", {"weights": "coco"}, "nothing is downloaded"),
        ("insarnet", {"weights": "imagenet"}, "safetensors file"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_sentence(name, options, message, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with torch.device("meta"), pytest.raises(InputError, match=message):
        detectors.build(name, {"depths": (1, 1, 1, 1)} | options)


def test_anchors_are_chosen_by_name_or_size():
    assert choose_anchors("small") == (16, 32, 64, 128, 256)
    assert choose_anchors([8, 16, 32, 64, 100]) == [8, 16, 32, 64, 100]


@pytest.mark.parametrize("options", [{}, {"backbone": "rednet50", "width_per_group": 16}])
def test_no_proposal_depends_on_pixels_beyond_the_halo(options):
    torch.manual_seed(14)
    network = detectors.build("faster_rcnn", TINY | options).eval()
    for name, parameter in network.named_parameters():
        nn.init.constant_(parameter, (1e-3 if ".span." in name else 1) / parameter[0].numel())
    side = 64 * (2 * network.halo // 64 + 2)
    reach = 0
    for level, stride in ((0, 4), (4, 64)):
        x = torch.rand(1, 3, side, 64, requires_grad=True)
        logits, _ = network.rpn.head(list(network(x).values()))
        cell = side // 2 // stride
        logits[level][0, :, cell].sum().backward()
        assert torch.isfinite(x.grad).all()
        seen = torch.nonzero(x.grad[0].abs().amax(dim=(0, 2)))[:, 0]
        reach = max(reach, cell * stride - int(seen.min()), int(seen.max()) - cell * stride)
    assert network.halo / 2 < reach <= network.halo


def test_training_is_the_same_again_with_the_same_seed():
    x, target = basins()

    def train():
        torch.manual_seed(15)
        network = detectors.build("insarnet", FAST)
        optimizer = torch.optim.SGD(network.parameters(), lr=1e-2)
        for _ in range(2):
            loss = torch.stack(list(network.loss(x, target).values())).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return network.state_dict()

    first, second = train(), train()
    assert all(torch.equal(first[name], second[name]) for name in first)
