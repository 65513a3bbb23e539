"""Learning rates against torch's schedulers and closed forms, optimisers against torch's own steps."""

import pytest
import torch
from basinwatch.detectors import build
from basinwatch.errors import InputError
from basinwatch.training.optimizers import OptimizerSettings, build_optimizer, limit_gradient, set_learning_rate
from basinwatch.training.schedules import ScheduleSettings, learning_rate
from narrow_detectors import NARROW
from torch.optim import lr_scheduler

STEPS = 50
PEERS = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, factor=1.0),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS),
    "poly": lambda o: lr_scheduler.PolynomialLR(o, STEPS, power=0.9),
    "step": lambda o: lr_scheduler.StepLR(o, 7, gamma=0.1),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.1 ** (1 / 7)),
}


@pytest.mark.parametrize("kind", PEERS)
def test_a_schedule_equals_torchs_step_by_step(kind):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    peer = PEERS[kind](optimizer)
    settings = ScheduleSettings(kind, warmup_steps=0, every_steps=7)
    for step in range(STEPS):
        assert learning_rate(step, STEPS, 0.3, settings) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        peer.step()


def test_the_rate_rises_linearly_and_then_falls_along_half_a_cosine():
    settings = ScheduleSettings(warmup_steps=10)
    assert [learning_rate(s, 110, 1.0, settings) for s in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    assert learning_rate(60, 110, 1.0, settings) == pytest.approx(0.5)
    assert 0 < learning_rate(109, 110, 1.0, settings) < 0.001


def test_the_printed_form_of_the_polynomial_takes_the_power_inside():
    settings = ScheduleSettings("poly", warmup_steps=0, power=0.9, poly_form="inner")
    assert learning_rate(25, 100, 0.001, settings) == pytest.approx(0.001 * (1 - 0.25**0.9))


@pytest.mark.parametrize("wrong", [{"kind": "cosin"}, {"poly_form": "both"}, {"every_steps": 0}, {"warmup_steps": -1}])
def test_a_schedule_that_does_not_exist_is_refused(wrong):
    with pytest.raises(InputError, match=r"training\.schedule\..*expected .*; correct the setting"):
        ScheduleSettings(**wrong)


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("adamw", lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.2, betas=(0.8, 0.95))),
        ("adam", lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.2, betas=(0.8, 0.95))),
        ("sgd", lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.2, momentum=0.8)),
    ],
)
def test_an_optimiser_steps_like_torchs_and_decays_kernels_alone(name, peer):
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    kernel, bias = (torch.nn.Parameter(p.detach().clone()) for p in (layer.weight, layer.bias))
    own = build_optimizer(layer, OptimizerSettings(name, 0.2, 0.8, 0.95))
    theirs = peer([{"params": [kernel]}, {"params": [bias], "weight_decay": 0.0}])
    for group in own.param_groups:
        group["lr"] = 0.1
    for number in range(4):
        for p, q in ((layer.weight, kernel), (layer.bias, bias)):
            p.grad = torch.full_like(p, number - 1.5)
            q.grad = p.grad.clone()
        own.step()
        theirs.step()
    torch.testing.assert_close(layer.weight, kernel)
    torch.testing.assert_close(layer.bias, bias)


def test_a_frozen_parameter_is_left_to_itself():
    layer = torch.nn.Linear(3, 2)
    layer.weight.requires_grad_(False)
    groups = build_optimizer(layer, OptimizerSettings()).param_groups
    assert [len(group["params"]) for group in groups] == [0, 1]


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_deformable_offsets_learn_at_a_tenth_of_the_rate_and_other_layers_as_asked(name):
    network = build("insarnet", NARROW["insarnet"])
    optimizer = build_optimizer(network, OptimizerSettings(name, 0.01, layer_rates={"rpn.": 0.5}))
    set_learning_rate(optimizer, 0.2)
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    rates = {n: rate[id(p)] for n, p in network.named_parameters()}
    offsets = [n for n in rates if ".offset." in n]
    assert len(offsets) == 2
    assert [rates.pop(n) for n in offsets] == pytest.approx([0.02, 0.02])
    assert {rates.pop(n) for n in list(rates) if n.startswith("rpn.")} == {0.1}
    assert set(rates.values()) == {0.2}
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {decays[id(p)] for p in network.parameters() if p.ndim > 1} == {0.01}
    assert {decays[id(p)] for p in network.parameters() if p.ndim <= 1} == {0.0}


def test_a_rate_of_the_configuration_wins_and_that_of_no_layer_is_refused():
    network = build("insarnet", NARROW["insarnet"])
    name = "roi_heads.box_roi_pool.offset."
    optimizer = build_optimizer(network, OptimizerSettings(layer_rates={name: 1.0}))
    assert {group["rate_share"] for group in optimizer.param_groups} == {1.0}
    with pytest.raises(InputError, match="layer_rates: found 'offset', expected the beginning of a parameter's name"):
        build_optimizer(network, OptimizerSettings(layer_rates={"offset": 0.1}))


def test_gradients_are_shortened_to_the_norm_or_let_be():
    layer = torch.nn.Linear(2, 1, bias=False)
    layer.weight.grad = torch.tensor([[30.0, 40.0]])
    assert limit_gradient(layer, OptimizerSettings(clip_norm=None)) == 50
    assert layer.weight.grad.norm() == 50
    assert limit_gradient(layer, OptimizerSettings(clip_norm=5.0)) == 50
    torch.testing.assert_close(layer.weight.grad, torch.tensor([[3.0, 4.0]]))


def test_an_unknown_optimiser_is_refused():
    with pytest.raises(InputError, match="found 'lion', expected one of adamw, adam, sgd"):
        OptimizerSettings("lion")
