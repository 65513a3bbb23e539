"""Published segmentation networks against their published sizes, peers and closed forms."""

import copy

import numpy as np
import pytest
import torch
from basinwatch import detectors
from basinwatch.datasets.tiles import IGNORED
from basinwatch.detectors.eca import EfficientChannelAttention
from basinwatch.errors import InputError
from narrow_detectors import NARROW
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import VGG16_Weights
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.segmentation import deeplabv3_resnet50
from torchvision.models.vgg import make_layers

SEMANTIC = ("unet", "eca_unet", "fcn32s", "fcn16s", "fcn8s", "pspnet", "deeplabv3")


def small(name, seed=0, **options):
    """A narrow network with a head that answers."""
    torch.manual_seed(seed)
    return detectors.build(name, NARROW[name] | options)


# Parameters with two scores a pixel and three channels, and multiplications and additions on 256 × 256 pixels.
PUBLISHED = [
    ("unet", {}, 31_037_698, 48.17), ("eca_unet", {}, 31_037_716, 48.17),
    ("fcn32s", {}, 134_268_738, 27.70), ("fcn16s", {}, 134_269_828, 27.70), ("fcn8s", {}, 134_270_406, 27.70),
    ("pspnet", {"auxiliary_weight": 0}, 46_582_850, 44.30), ("pspnet", {}, 46_582_850 + 2_360_322, 44.30),
    ("deeplabv3", {}, 39_633_986, 40.89), ("deeplabv3", {"output_stride": 16}, 39_633_986, 12.10),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "parameters", "giga"), PUBLISHED)
def test_a_network_has_the_published_parameters_and_multiplications(name, options, parameters, giga):
    with torch.device("meta"):
        network = detectors.build(name, options).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, 256, 256))
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert counter.get_total_flops() / 2e9 == pytest.approx(giga, abs=0.005)


@pytest.mark.parametrize("name", SEMANTIC)
@pytest.mark.parametrize("encoding", ["sincos_coherence", "sincos", "grey"])
def test_a_network_gives_one_logit_per_pixel_for_any_encoding_and_number_of_scores(name, encoding):
    channels = {"sincos_coherence": 3, "sincos": 2, "grey": 1}[encoding]
    for classes in (1, 2):
        network = small(name, encoding=encoding, classes=classes).eval()
        sides = 2 * network.stride, 3 * network.stride
        with torch.inference_mode():
            logits = network(torch.randn(2, channels, *sides))
        assert logits.shape == (2, network.maps, *sides)
        assert 0.01 < float(logits.sigmoid().mean()) < 0.06


@pytest.mark.parametrize("name", ["unet", "fcn8s", "pspnet", "deeplabv3"])
def test_options_that_make_no_sense_are_refused(name):
    wrong = {"unet": {"widths": [8]}, "fcn8s": {"padding": "reflect"}}.get(name, {"depths": [3, 4]})
    for options in (wrong, {"classes": 3}, {"layers": 2}):
        with pytest.raises(InputError, match=f"detector {name}: options"):
            detectors.build(name, options)


@pytest.mark.parametrize("name", SEMANTIC)
def test_the_published_loss_is_the_cross_entropy_of_two_classes_without_ignored_pixels(name):
    network = small(name, dice_weight=0.0).eval()
    target = torch.randint(0, 4, (2, 64, 64), dtype=torch.uint8)
    target[target == 3] = IGNORED
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        basin = network(x)
        classes = (target != 0).long().masked_fill(target == IGNORED, -1)
        expected = functional.cross_entropy(torch.cat([torch.zeros_like(basin), basin], 1), classes, ignore_index=-1)
        losses = network.loss(x, target)
    torch.testing.assert_close(losses["entropy"], expected)
    assert losses["dice"] == 0


@pytest.mark.parametrize("name", SEMANTIC)
def test_training_on_one_batch_lowers_the_loss(name):
    network = small(name).train()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    random = np.random.default_rng(0)
    target = np.zeros((2, 64, 64), np.uint8)
    target[0, 8:40, 8:40], target[1, 20:60, 30:50], target[1, :8] = 1, 2, IGNORED
    x = torch.from_numpy(random.standard_normal((2, 3, 64, 64), np.float32))
    x[:, 0] += 3 * torch.from_numpy((target > 0) & (target != IGNORED))
    history = []
    for _ in range(20):
        loss = torch.stack(list(network.loss(x, torch.from_numpy(target)).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert np.isfinite(history).all()
    assert min(history[-5:]) < 0.9 * history[0]


class Nothing(nn.Module):
    """Pooling that sees nothing, of the shape it would have."""

    def __init__(self, bins):
        super().__init__()
        self.bins = bins

    def forward(self, x):
        return x.new_zeros(*x.shape[:2], self.bins, self.bins)


class MeanPool(nn.MaxPool2d):
    """The mean instead of the maximum."""

    def forward(self, x):
        return functional.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode)


def see_through(network):
    """Replace what hides or spreads reach: maxima become means, means over the window vanish, weights are positive."""
    for block in list(network.modules()):
        for name, part in list(block.named_children()):
            if isinstance(part, nn.MaxPool2d):
                setattr(block, name, MeanPool(part.kernel_size, part.stride, part.padding, ceil_mode=part.ceil_mode))
            elif isinstance(part, nn.AdaptiveAvgPool2d):
                setattr(block, name, Nothing(part.output_size))
            elif isinstance(part, EfficientChannelAttention):
                setattr(block, name, nn.Identity())
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.1 if parameter.ndim == 4 else 1.0)
    return network.eval()


def reaches(network, sides):
    """Rows an output pixel sees above and below itself, the largest over all places in a cell."""
    network = see_through(network)
    cell = network.stride
    centre = sides // 2 // cell * cell
    x = torch.rand(cell, 1, sides, cell, requires_grad=True)
    places = torch.arange(cell)
    network(x)[places, 0, centre + places, 0].sum().backward()
    seen = x.grad.abs().amax(dim=(1, 3)) > 0
    first = seen.int().argmax(dim=1)
    last = sides - 1 - seen.flip(1).int().argmax(dim=1)
    return int((centre + places - first).max()), int((last - centre - places).max())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("unet", {"widths": [1] * 5}), ("eca_unet", {}), ("fcn32s", {}), ("fcn16s", {}), ("fcn8s", {}),
        ("fcn32s", {"padding": "legacy"}), ("fcn16s", {"padding": "legacy"}), ("fcn8s", {"padding": "legacy"}),
        ("pspnet", {}), ("pspnet", {"depths": [2, 3, 2, 2]}), ("deeplabv3", {}), ("deeplabv3", {"output_stride": 16}),
    ],
)  # fmt: skip
def test_the_halo_is_as_far_as_an_output_pixel_sees(name, options):
    narrow = {"widths": [1] * 5, "hidden": 1} if name.startswith("fcn") else {}
    network = small(name, **narrow, classes=1, encoding="phase", **options)
    cells = -(-2 * (network.halo + network.stride) // network.stride) + 2
    above, below = reaches(network, cells * network.stride)
    assert max(above, below) == network.halo
    if name.startswith("fcn"):
        assert above == below


@pytest.mark.parametrize(
    ("name", "options"),
    [("unet", {}), *((name, {"padding": p}) for name in ("fcn32s", "fcn16s", "fcn8s") for p in ("same", "legacy"))],
)
def test_windows_shifted_by_the_stride_agree_beyond_the_halo(name, options):
    network = small(name, **options).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) / max(parameter[0].numel(), 4) ** 0.5)
    halo, stride = network.halo, network.stride
    x = torch.randn(1, 3, 2 * halo // stride * stride + 4 * stride, 2 * stride, dtype=torch.float64)
    with torch.inference_mode():
        whole, part = network(x)[:, :, stride:], network(x[:, :, stride:])
    inner = slice(halo, -halo)
    assert whole[:, :, inner].std() > 1e-3
    torch.testing.assert_close(part[:, :, inner], whole[:, :, inner])


@pytest.mark.parametrize("name", ["eca_unet", "pspnet", "deeplabv3"])
def test_networks_that_take_means_over_the_window_admit_that_their_answer_depends_on_it(name):
    assert not small(name).free_size
    assert small("unet").free_size


@pytest.mark.parametrize(("channels", "size"), [(32, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7)])
def test_the_kernel_of_channel_attention_grows_as_published(channels, size):
    assert EfficientChannelAttention(channels).mix.kernel_size == (size,)


def test_channel_attention_scales_by_a_sigmoid_of_neighbouring_means():
    torch.manual_seed(0)
    layer, x = EfficientChannelAttention(64), torch.randn(2, 64, 5, 7)
    kernel = layer.mix.weight.detach().numpy().ravel()
    means = np.pad(x.numpy().mean(axis=(2, 3)), ((0, 0), (1, 1)))
    mixed = sum(kernel[k] * means[:, k : k + 64] for k in range(3))
    expected = x.numpy() / (1 + np.exp(-mixed))[:, :, None, None]
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-6)


def test_deeplab_gives_what_torchvisions_does_with_the_same_weights():
    torch.manual_seed(1)
    peer = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=2)
    peer.train()(torch.randn(2, 3, 64, 64))
    network = detectors.build("deeplabv3")
    network.load_state_dict(peer.state_dict())
    x = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        scores = peer.eval()(x)["out"]
        torch.testing.assert_close(network.eval()(x), scores[:, 1:] - scores[:, :1], atol=1e-4, rtol=1e-4)


def test_pyramid_pooling_gives_means_over_parts_of_the_window():
    network = small("pspnet").eval()
    for level in network.pyramid:
        nn.init.constant_(level[1][0].weight, 1 / 2048)
    last = torch.rand(1, 2048, 6, 6)
    with torch.inference_mode():
        x = network._with_means(last)
    assert torch.equal(x[:, :2048], last)
    mean = last.mean(dim=1)[0] / np.sqrt(1 + 1e-5)
    whole, *_, sixths = x[0, 2048:].split(8)
    torch.testing.assert_close(sixths, mean.expand(8, 6, 6))
    torch.testing.assert_close(whole, mean.mean().expand(8, 6, 6))
    quarters = x[0, 2048 + 8, [0, 0, 5, 5], [0, 5, 0, 5]]
    torch.testing.assert_close(quarters, torch.stack([mean[r, c].mean() for r in HALVES for c in HALVES]))


HALVES = slice(0, 3), slice(3, 6)


def classification_network(seed=2):
    """VGG as torchvision lays it out, with few channels: features and fully connected layers."""
    torch.manual_seed(seed)
    config = [4, 4, "M", 4, 4, "M", 6, 6, 6, "M", 8, 8, 8, "M", 8, 8, 8, "M"]
    network = nn.Module()
    network.features = make_layers(config)
    network.classifier = nn.Sequential(
        nn.Linear(8 * 49, 12), nn.ReLU(), nn.Dropout(), nn.Linear(12, 12), nn.ReLU(), nn.Dropout(), nn.Linear(12, 10)
    )
    return network.eval()


def test_a_convolutional_network_scores_the_middle_of_a_tile_as_vgg_the_tile(tmp_path):
    """With VGG's weights the features of the central cell are those before VGG's last layer."""
    peer = classification_network()
    save_file(peer.state_dict(), tmp_path / "vgg.safetensors")
    network = small("fcn32s", weights=str(tmp_path / "vgg.safetensors")).eval()
    x = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        expected = peer.classifier[:-1](peer.features(x).flatten(1))
        found = network.classifier[:-1](network.features(x))[0, :, 3, 3]
    assert expected.std() > 0
    torch.testing.assert_close(found, expected[0])


@pytest.mark.parametrize("name", ["fcn32s", "fcn16s", "fcn8s"])
def test_equal_scores_are_enlarged_to_equal_logits_up_to_the_border(name):
    network = small(name, classes=1).eval()
    nn.init.zeros_(network.classifier[-1].weight)
    with torch.inference_mode():
        logits = network(torch.randn(1, 3, 96, 64))
    torch.testing.assert_close(logits, network.classifier[-1].bias.expand(1, 1, 96, 64))


def resnet_file(folder):
    """Weights of a narrow ResNet as torchvision names them."""
    torch.manual_seed(4)
    peer = ResNet(Bottleneck, [1, 1, 1, 1], width_per_group=8)
    save_file(peer.state_dict(), folder / "resnet.safetensors")
    return peer, str(folder / "resnet.safetensors")


@pytest.mark.parametrize("name", ["pspnet", "deeplabv3"])
def test_a_backbone_starts_from_a_file_of_weights_whatever_the_channels(tmp_path, name):
    peer, path = resnet_file(tmp_path)
    for encoding, channels in (("sincos_coherence", 3), ("sincos", 2), ("phase", 1)):
        backbone = small(name, weights=path, encoding=encoding).backbone
        torch.testing.assert_close(backbone.layer4[0].conv2.weight, peer.layer4[0].conv2.weight)
        excited = backbone.conv1.weight.sum(dim=1)
        torch.testing.assert_close(excited, peer.conv1.weight.sum(dim=1), atol=1e-6, rtol=1e-5)
        assert backbone.conv1.weight.shape[1] == channels


def test_weights_that_are_missing_foreign_or_pickled_are_refused(tmp_path, monkeypatch):
    _, path = resnet_file(tmp_path)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    pickled = tmp_path / "resnet.pth"
    torch.save({}, pickled)
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(b"no tensors")
    for options, message in [
        ({"weights": "imagenet"}, "nothing is downloaded"), ({"weights": "coco"}, "expected none, imagenet or"),
        ({"weights": str(pickled)}, "expected none, imagenet or"), ({"weights": str(garbage)}, "not a safetensors"),
        ({"weights": path, "depths": [1, 2, 1, 1]}, "nothing in it fits backbone.layer2.1.conv1.weight"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=message):
            detectors.build("pspnet", NARROW["pspnet"] | options)


def test_published_weights_are_taken_from_the_cache_once_converted(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    name = VGG16_Weights.IMAGENET1K_V1.url.rpartition("/")[2].replace(".pth", ".safetensors")
    peer = classification_network()
    save_file(peer.state_dict(), tmp_path / "checkpoints" / name)
    network = small("fcn8s", weights="imagenet")
    torch.testing.assert_close(network.features[0].weight, peer.features[0].weight)
    torch.testing.assert_close(network.classifier[3].weight[:, :, 0, 0], peer.classifier[3].weight)


@pytest.mark.parametrize("name", ["pspnet", "deeplabv3"])
def test_a_batch_of_one_tile_is_refused_in_training_where_it_cannot_be_normalised(name):
    network, target = small(name), torch.zeros(1, 64, 64, dtype=torch.uint8)
    with pytest.raises(InputError, match="batch of 1 tile"):
        network.train().loss(torch.zeros(1, 3, 64, 64), target)
    assert network.eval().loss(torch.zeros(1, 3, 64, 64), target)


def test_pspnet_learns_from_a_second_head_that_prediction_does_not_use():
    network = small("pspnet", auxiliary_weight=0.5).eval()
    x, target = torch.randn(2, 3, 64, 64), torch.ones(2, 64, 64, dtype=torch.uint8)
    with torch.no_grad():
        before, logits = network.loss(x, target), network(x)
        nn.init.constant_(network.auxiliary[-1].bias, 50.0)
        after = network.loss(x, target)
        assert torch.equal(network(x), logits)
    assert set(before) == {"entropy", "dice", "auxiliary_entropy", "auxiliary_dice"}
    assert before["entropy"] == after["entropy"]
    assert before["auxiliary_dice"] != after["auxiliary_dice"]


@pytest.mark.parametrize("amx", [False, True])
@pytest.mark.parametrize("name", SEMANTIC)
def test_prediction_in_bfloat16_is_close_and_spares_what_amx_is_slow_with(name, amx, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": amx})
    network = small(name).eval()
    fast = copy.deepcopy(network)
    fast.to_fast(torch.bfloat16)
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(fast(x.bfloat16()).float(), network(x), atol=0.05, rtol=0.02)
    dilated = {p.dtype for n, p in fast.named_parameters() if "convs.1" in n or "convs.2" in n or "convs.3" in n}
    assert dilated == ({torch.float32 if amx else torch.bfloat16} if name == "deeplabv3" else set())
