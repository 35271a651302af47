"""Which CUDA the name of a library tells, of either system and of every generation of names."""

from __future__ import annotations

import pytest

from fixer.rules.lost_libraries import cuda_of


@pytest.mark.parametrize(("name", "cuda"), [
    ("cudart64_75.dll", "7.5"), ("cudart64_80.dll", "8.0"), ("cublas64_90.dll", "9.0"), ("cudart64_92.dll", "9.2"),
    ("cudart64_100.dll", "10.0"), ("cudart64_101.dll", "10.1"), ("cudart64_110.dll", "11"), ("cudart64_12.dll", "12"),
    ("libcublas.so.9.0", "9.0"), ("libcudart.so.10.1", "10.1"), ("libcudart.so.11.0", "11"), ("libcudart.so.12", "12"),
])  # fmt: skip
def test_a_name_tells_its_cuda(name: str, cuda: str) -> None:
    assert str(cuda_of(name)) == cuda


@pytest.mark.parametrize("name", ["cublas64_10.dll", "cusolver64_10.dll", "libcublas.so.10", "cudnn64_7.dll", "libcudnn.so.8", "nvcuda.dll"])
def test_a_name_that_several_releases_share_tells_none(name: str) -> None:
    assert cuda_of(name) is None
