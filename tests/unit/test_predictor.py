"""A detector made fast says what it said before."""

import pytest
import torch
from basinwatch import detectors
from basinwatch.inference.predictor import Predictor, fold_normalisation
from narrow_detectors import NARROW


def answers(detector, x):
    """What a detector says: its logits, or where it gives objects its losses, which all of its parts go into."""
    if detector.kind == "semantic":
        return {"logits": detector(x)}
    target = torch.zeros(len(x), *x.shape[2:], dtype=torch.uint8)
    target[:, 20:50, 10:40] = 1
    torch.manual_seed(6)
    return detector.loss(x, target)


@pytest.mark.parametrize("name", detectors.available())
def test_folding_normalisation_into_convolutions_changes_nothing(name):
    torch.manual_seed(5)
    detector = detectors.build(name, NARROW[name]).eval()
    for module in detector.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                torch.nn.init.uniform_(values, 0.5, 1.5)
            for values in (module.bias, module.running_mean):
                torch.nn.init.normal_(values, std=0.1)
    folded = fold_normalisation(detector)
    left = sum(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected, found = answers(detector, x), answers(folded, x)
    assert set(found) == set(expected)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, atol=1e-4, rtol=1e-4)
    assert (left > 0) == (name == "insarnet"), "only what follows an involution stays"


@pytest.mark.parametrize("name", [n for n in detectors.available() if detectors.build(n, NARROW[n]).kind == "semantic"])
def test_the_predictor_gives_the_probabilities_of_the_network(name):
    torch.manual_seed(8)
    detector = detectors.build(name, NARROW[name]).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = detector(x).sigmoid()
    found = Predictor(detector, torch.device("cpu"), "float32")(x.numpy())
    torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-5, rtol=1e-4)
