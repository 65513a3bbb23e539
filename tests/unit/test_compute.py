"""What the processor is told before networks run."""

import ctypes
import resource

import numpy as np
import pytest
import torch
from basinwatch.compute import prepare_cpu

BLOCK_BYTES = 200 * 2**20


def faults_of(blocks):
    """Pages the kernel had to hand out while blocks were taken and given back one after the other."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(blocks):
        np.ones(BLOCK_BYTES // 8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_memory_that_was_freed_is_used_again_without_asking_the_kernel():
    prepare_cpu(None)
    first = faults_of(1)
    assert faults_of(10) <= 2 * first + 100


def test_an_older_allocator_is_asked_for_what_it_takes(monkeypatch):
    taken = {}

    class Library:
        def mallopt(self, parameter, value):
            if parameter == -3 and value > 2**25:
                return 0
            taken[parameter] = value
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    prepare_cpu(None)
    assert taken == {-3: 2**25, -1: 2**30}


def test_a_library_without_the_switch_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    prepare_cpu(None)


def test_denormal_numbers_are_zero():
    prepare_cpu(None)
    assert (torch.full((8,), 1e-38) * torch.full((8,), 1e-3)).sum() == 0
