"""One-stage box detectors: published costs, what their answers mean, and that they learn."""

import numpy as np
import pytest
import torch
from basinwatch import detectors
from basinwatch.datasets.tiles import IGNORED
from basinwatch.detectors.darknet import CspDarknet, _PyramidPooling
from basinwatch.detectors.targets import boxes_and_masks
from basinwatch.errors import InputError
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from torchvision.ops import box_iou

TINY = {
    "yolo_basin": {"width": 0.125, "head_width": 16},
    "light_yolo_basin": {"width": 0.125, "head_width": 16, "variant": "XS"},
    "yolo_anchor": {"width": 0.125},
    "yolov3": {"width": 0.125},
}


def tiny(name, seed=0, **options):
    torch.manual_seed(seed)
    return detectors.build(name, TINY[name] | options)


def settle(net, x):
    """Give the normalisations the statistics of a batch and go over to evaluation."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        net.train()(x)
    return net.eval()


def counts(name, side, **options):
    """Parameters, multiply-adds, and values that leave batch normalisations, of one tile."""
    normalised = []
    with torch.device("meta"):
        net = detectors.build(name, options).eval()
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.register_forward_hook(lambda _, __, y: normalised.append(y.numel()))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(torch.zeros(1, 3, side, side))
    parameters = sum(p.numel() for p in net.parameters())
    return parameters, counter.get_total_flops() / 2, sum(normalised)


@pytest.mark.parametrize(
    ("name", "variant", "parameters", "giga_macs", "printed"),
    [
        ("yolo_basin", "L", 54147215, 32.733, 32.81),
        ("yolo_basin", "M", 28465647, 19.201, 19.25),
        ("yolo_basin", "S", 14366159, 11.961, 11.99),
        ("light_yolo_basin", "L", 23950863, 16.528, 16.63),
        ("light_yolo_basin", "M", 15625023, 12.476, 12.54),
        ("light_yolo_basin", "S", 10500303, 10.032, 10.07),
    ],
)
def test_published_variants_cost_what_the_paper_prints(name, variant, parameters, giga_macs, printed):
    found, macs, normalised = counts(name, 416, variant=variant)
    assert found == parameters
    assert macs / 1e9 == pytest.approx(giga_macs, abs=5e-4)
    assert (macs + 2 * normalised) / 1e9 == pytest.approx(printed, abs=5.1e-3)


@pytest.mark.parametrize(
    ("name", "variant", "mebibytes"),
    [
        ("yolo_basin", "L", 207.10), ("yolo_basin", "M", 108.99), ("yolo_basin", "S", 55.08),
        ("light_yolo_basin", "L", 92.09), ("light_yolo_basin", "M", 60.12), ("light_yolo_basin", "S", 40.39),
    ],
)  # fmt: skip
def test_single_precision_and_400_bytes_of_record_per_tensor_make_the_sizes_the_paper_prints(name, variant, mebibytes):
    with torch.device("meta"):
        state = detectors.build(name, {"variant": variant}).state_dict()
    bare = sum(v.numel() * v.element_size() for v in state.values())
    assert (mebibytes * 2**20 - bare) / len(state) == pytest.approx(400, abs=10)


def test_most_of_the_light_model_is_its_head():
    with torch.device("meta"):
        net = detectors.build("light_yolo_basin", {"variant": "S"})
    parts = (sum(p.numel() for p in part.parameters()) / 1e6 for part in (net.backbone, net.neck, net.heads))
    assert list(parts) == pytest.approx([1.81, 1.37, 7.32], abs=5e-3)


@pytest.mark.parametrize(("inputs", "parameters"), [(6, 10503759), (9, 10507215)])
def test_more_channels_cost_their_part_of_the_first_convolution(inputs, parameters):
    with torch.device("meta"):
        wide, usual = (sum(p.numel() for p in CspDarknet(n, 32, 1, light=True).parameters()) for n in (inputs, 3))
    assert 10500303 - usual + wide == parameters


@pytest.mark.parametrize(
    ("name", "options", "side", "parameters", "giga_macs"),
    [
        ("yolo_basin", {"variant": "S128"}, 416, 8937295, 5.601),
        ("light_yolo_basin", {"variant": "XS"}, 416, 3515471, 1.828),
        ("yolov3", {}, 256, 61523734, 12.363),
        ("yolov3", {"classes": 80}, 416, 61949149, 32.932),
    ],
)
def test_other_variants_have_the_parameters_and_costs_derived_for_them(name, options, side, parameters, giga_macs):
    found, macs, _ = counts(name, side, **options)
    assert found == parameters
    assert macs / 1e9 == pytest.approx(giga_macs, abs=5e-4)


@pytest.mark.parametrize(("encoding", "parameters"), [("sincos", 10499151), ("rgb", 10500303)])
def test_the_first_convolution_takes_the_channels_of_the_encoding(encoding, parameters):
    with torch.device("meta"):
        net = detectors.build("light_yolo_basin", {"encoding": encoding})
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_the_anchor_baseline_differs_from_yolo_basin_in_its_head_only():
    with torch.device("meta"):
        theirs, ours = (detectors.build(name) for name in ("yolo_anchor", "yolo_basin"))
    assert theirs.backbone.state_dict().keys() == ours.backbone.state_dict().keys()
    assert theirs.neck.state_dict().keys() == ours.neck.state_dict().keys()
    assert sum(p.numel() for p in theirs.heads.parameters()) == sum((w + 1) * 15 for w in (128, 256, 512))


def test_pyramid_pooling_takes_maxima_over_5_9_and_13_cells():
    pooling = _PyramidPooling(8).eval()
    x = torch.randn(2, 8, 20, 20)
    reduced = pooling.reduce(x)
    maxima = [functional.max_pool2d(reduced, size, 1, size // 2) for size in (5, 9, 13)]
    torch.testing.assert_close(pooling(x), pooling.merge(torch.cat([reduced, *maxima], dim=1)))


def test_backbone_maps_are_8_16_and_32_times_coarser():
    maps = CspDarknet(3, 8, 1, light=True).eval()(torch.zeros(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(1, 32, 8, 12), (1, 64, 4, 6), (1, 128, 2, 3)]


def silence(head):
    """Make a convolution answer its bias everywhere."""
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head.bias


@pytest.mark.parametrize(("center", "shift"), [("linear", 0.0), ("sigmoid", 0.5)])
def test_an_answer_of_yolo_basin_is_offset_from_the_cell_corner_and_logarithm_of_size(center, shift):
    net = tiny("yolo_basin", center=center).eval()
    for head in net.heads:
        bias = silence(head.box[-1])
        with torch.no_grad():
            bias[2:] = torch.tensor([2.0, 3.0]).log()
    _, boxes = net(torch.zeros(1, 3, 64, 96))
    assert boxes.shape == (1, 8 * 12 + 4 * 6 + 2 * 3, 4)
    x, y = (2 + shift) * 8, (1 + shift) * 8
    torch.testing.assert_close(boxes[0, 12 + 2], torch.tensor([x - 8, y - 12, x + 8, y + 12]))
    x, y = (2 + shift) * 32, (1 + shift) * 32
    torch.testing.assert_close(boxes[0, -1], torch.tensor([x - 32, y - 48, x + 32, y + 48]))


@pytest.mark.parametrize("name", ["yolo_anchor", "yolov3"])
def test_an_anchor_detector_that_answers_zero_gives_its_anchors(name):
    net = tiny(name).eval()
    for head in net.heads:
        silence(head if name == "yolo_anchor" else head[-1])
    objects = net.predict(torch.zeros(1, 3, 256, 256))[0]
    expected = 0.5 if name == "yolo_anchor" else 0.25
    np.testing.assert_allclose(objects.scores, expected)
    inside = objects.boxes[(objects.boxes > 0).all(axis=1) & (objects.boxes < 256).all(axis=1)]
    sizes = {tuple(size) for size in (inside[:, 2:] - inside[:, :2]).round().astype(int)}
    assert sizes
    assert sizes <= set(net.anchors)


@pytest.mark.parametrize("name", TINY)
def test_answers_do_not_depend_on_what_lies_beyond_the_halo(name):
    net = settle(tiny(name), torch.randn(4, 3, 64, 64))
    side = -(-(net.halo + 64) // 32) * 32
    first_coarse = (4 * side // 8 + 2 * side // 16) * getattr(net, "per_cell", 1)
    x = torch.randn(1, 3, 32, side)
    far, near = x.clone(), x.clone()
    far[..., net.halo + 32 :] = 9.0
    near[..., net.halo // 2 :] = 9.0
    with torch.inference_mode():
        whole, beyond, within = (net(tile)[0][0, first_coarse] for tile in (x, far, near))
    assert torch.equal(whole, beyond)
    assert not torch.equal(whole, within)


def two_discs():
    """Two tiles, the second with a large and a small basin, and their target."""
    y, x = np.mgrid[:64, :64]
    target = np.zeros((2, 64, 64), np.uint8)
    target[0, (y - 20) ** 2 + (x - 22) ** 2 < 14**2] = 1
    target[1, (y - 40) ** 2 + (x - 36) ** 2 < 18**2] = 1
    target[1, (y - 10) ** 2 + (x - 10) ** 2 < 7**2] = 2
    shown = torch.from_numpy(target > 0).float()[:, None]
    torch.manual_seed(1)
    x = 3 * shown * torch.tensor([1.0, -1.0, 1.0])[:, None, None] + torch.randn(2, 3, 64, 64) / 4
    return x, torch.from_numpy(target)


def train(net, steps, rate=5e-3):
    """Repeat one batch at a rate that falls to 0; total losses of every step."""
    x, target = two_discs()
    optimizer = torch.optim.Adam(net.parameters(), rate)
    totals = []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        loss = torch.stack(list(net.loss(x, target).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        totals.append(loss.item())
    return totals


@pytest.mark.parametrize("name", TINY)
def test_a_repeated_batch_is_learnt_and_its_basins_are_found(name):
    net = tiny(name)
    totals = train(net, 50)
    assert totals[-1] < 0.5 * totals[0]
    x, target = two_discs()
    found = settle(net, x.repeat(16, 1, 1, 1)).predict(x)
    for objects, (truth, _) in zip(found, boxes_and_masks(target), strict=True):
        assert objects.boxes.dtype == objects.scores.dtype == np.float32
        assert objects.masks is None
        assert (np.diff(objects.scores) <= 0).all()
        assert objects.boxes.min() >= 0
        assert objects.boxes.max() <= 64
        assert (objects.boxes[:, 2:] > objects.boxes[:, :2]).all()
        overlap = box_iou(truth, torch.from_numpy(objects.boxes))
        assert overlap[:, 0].max() > 0.5
        assert (overlap.amax(dim=1) > 0.5).all()


@pytest.mark.parametrize(
    "options",
    [{"center": "sigmoid"}, {"k_rule": "cost_sum"}, {"soft_obj": True}, {"box_loss": "iou"}, {"box_loss": "ciou"}],
)
def test_every_option_of_yolo_basin_learns(options):
    totals = train(tiny("yolo_basin", **options), 15)
    assert totals[-1] < 0.8 * totals[0]


@pytest.mark.parametrize("name", TINY)
def test_training_repeats_itself_from_the_same_seed(name):
    assert train(tiny(name), 3) == train(tiny(name), 3)


@pytest.mark.parametrize("name", TINY)
def test_ground_without_basins_gives_a_finite_loss_and_ignored_ground_none_for_objectness(name):
    net = tiny(name)
    x = torch.randn(1, 3, 64, 64)
    empty = net.loss(x, torch.zeros(1, 64, 64, dtype=torch.uint8))
    assert empty["objectness"] > 0
    assert all(torch.isfinite(value) for value in empty.values())
    ignored = net.loss(x, torch.full((1, 64, 64), IGNORED, dtype=torch.uint8))
    assert ignored["objectness"] == 0
    sum(ignored.values()).backward()


@pytest.mark.parametrize("name", TINY)
def test_boxes_stay_in_single_precision_under_bfloat16(name):
    net = tiny(name).eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        answers = net(torch.randn(1, 3, 64, 64))
    assert all(answer.dtype == torch.float32 for answer in answers if isinstance(answer, torch.Tensor))


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("yolo_basin", {"variant": "XS"}, "variant"),
        ("light_yolo_basin", {"variant": "S128"}, "variant"),
        ("yolo_basin", {"center": "middle"}, "center"),
        ("yolo_basin", {"k_rule": "all"}, "k_rule"),
        ("yolo_basin", {"box_loss": "l1"}, "box loss"),
        ("yolo_basin", {"nms_iou": 0.0}, "nms_iou"),
        ("yolo_anchor", {"anchors": [[1, 2]]}, "anchors"),
        ("yolov3", {"anchors": [[1, 2], [3, 4], [5, 0]]}, "anchors"),
        ("yolov3", {"weights": "coco"}, "weights"),
    ],
)
def test_an_option_that_cannot_be_is_refused(name, options, word):
    with pytest.raises(InputError, match=word):
        detectors.build(name, options)


def test_a_detector_starts_from_weights_in_a_file(tmp_path):
    trained = tiny("yolo_basin", seed=1)
    save_file({k: v for k, v in trained.state_dict().items() if v.is_floating_point()}, tmp_path / "w.safetensors")
    started = tiny("yolo_basin", weights=str(tmp_path / "w.safetensors"))
    for key, value in trained.state_dict().items():
        torch.testing.assert_close(started.state_dict()[key], value)
    with pytest.raises(InputError, match="expected the weights of this architecture"):
        tiny("yolov3", weights=str(tmp_path / "w.safetensors"))
