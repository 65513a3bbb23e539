"""Models on disk: what is saved comes back, what is damaged is refused."""

import json

import numpy as np
import pytest
import torch
from basinwatch import detectors
from basinwatch.errors import InputError
from basinwatch.models import load_model, save_model
from basinwatch.provenance import file_hash
from safetensors.torch import load_file, save_file

OPTIONS = {"widths": [4, 6]}
SPEC = {
    "name": "tiny", "architecture": "basinnet", "options": OPTIONS, "tile_size_px": 64, "threshold": 0.4,
    "peak_threshold": 0.6, "min_area_px": 12, "pixel_size_m": [20.0, 60.0], "training": {},
}  # fmt: skip


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(3)
    net = detectors.build("basinnet", OPTIONS)
    net(torch.randn(4, 3, 32, 32))
    save_model(tmp_path, net, SPEC)
    return tmp_path, net.eval()


def test_a_loaded_model_predicts_what_the_saved_one_did(saved):
    folder, net = saved
    model = load_model(folder)
    x = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected, found = torch.sigmoid(net(x)), torch.sigmoid(model.detector(x))
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert not model.detector.training
    assert {k: model.spec[k] for k in SPEC} == SPEC


def test_weights_are_stored_as_half_precision_tensors(saved):
    folder, net = saved
    tensors = load_file(folder / "weights.safetensors")
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    torch.testing.assert_close(tensors["head.weight"], net.head.weight.detach().half())


def test_a_tensor_that_half_precision_cannot_hold_stays_single(saved, tmp_path):
    _, net = saved
    name = next(name for name in net.state_dict() if name.endswith("running_var"))
    net.state_dict()[name].fill_(1e5)
    save_model(tmp_path / "wide", net, SPEC)
    tensors = load_file(tmp_path / "wide" / "weights.safetensors")
    assert {key for key, tensor in tensors.items() if tensor.dtype == torch.float32} == {name}
    torch.testing.assert_close(load_model(tmp_path / "wide").detector.state_dict()[name], net.state_dict()[name])


def test_the_same_detector_gives_the_same_bytes(saved, tmp_path):
    folder, net = saved
    save_model(tmp_path / "again", net, SPEC)
    for name in ("weights.safetensors", "model.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_weights_that_were_exchanged_are_refused(saved):
    folder, _ = saved
    tensors = load_file(folder / "weights.safetensors")
    tensors["head.bias"] += 1
    save_file(tensors, folder / "weights.safetensors")
    with pytest.raises(InputError, match=r"weights\.safetensors: found SHA-256"):
        load_model(folder)


def test_a_model_loads_without_the_weights_its_training_started_from(tmp_path):
    options = {"depths": [1, 1, 1, 1], "width_per_group": 8, "hidden": 8}
    net = detectors.build("pspnet", options)
    spec = SPEC | {"architecture": "pspnet", "options": options | {"weights": "gone.safetensors"}}
    save_model(tmp_path, net, spec)
    model = load_model(tmp_path)
    assert model.spec["options"] == spec["options"]
    torch.testing.assert_close(model.detector.head[0][0].weight, net.head[0][0].weight, atol=1e-3, rtol=1e-2)


def test_a_model_keeps_the_encoding_it_was_trained_with(tmp_path):
    net = detectors.build("basinnet", OPTIONS | {"encoding": "sincos"})
    save_model(tmp_path, net, SPEC | {"options": OPTIONS | {"encoding": "sincos"}})
    assert load_model(tmp_path).detector.encoding == json.loads((tmp_path / "model.json").read_text())["encoding"]
    assert load_model(tmp_path).detector.encoding == "sincos"


@pytest.mark.parametrize("damage", ["weights", "model", "both", "garbage", "field", "architecture", "encoding"])
def test_an_incomplete_or_foreign_model_is_refused_in_one_sentence(saved, damage):
    folder, _ = saved
    weights, spec = folder / "weights.safetensors", folder / "model.json"
    fields = json.loads(spec.read_text())
    if damage == "weights":
        weights.unlink()
    elif damage == "model":
        spec.unlink()
    elif damage == "both":
        spec.write_text("{")
    elif damage == "garbage":
        weights.write_bytes(b"not tensors")
        spec.write_text(json.dumps(fields | {"weights_sha256": file_hash(weights)}))
    elif damage == "field":
        spec.write_text(json.dumps({k: v for k, v in fields.items() if k != "threshold"}))
    elif damage == "architecture":
        spec.write_text(json.dumps(fields | {"options": {"widths": [4, 8]}}))
    else:
        spec.write_text(json.dumps(fields | {"encoding": "colour wheel"}))
    with pytest.raises(InputError) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_diverged_network_is_not_saved(saved):
    folder, net = saved
    with torch.no_grad():
        net.head.bias.fill_(float("nan"))
    before = (folder / "weights.safetensors").read_bytes()
    with pytest.raises(ValueError, match="diverged"):
        save_model(folder, net, SPEC)
    assert (folder / "weights.safetensors").read_bytes() == before
