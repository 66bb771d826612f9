"""Functions of tensors that stay finite, slopes too, where plain ones do not."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cardiosim.ionic.tensor_math import exp, x_over_expm1  # noqa: E402


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_safe_quotient_is_smooth_through_its_series(dtype):
    dtype = getattr(torch, dtype)
    u = torch.tensor([-800.0, -1.0, -0.0501, -0.0499, -1e-9, 0.0, 1e-9, 0.0499, 0.0501])
    u = torch.cat([u, torch.tensor([1.0, 100.0, 800.0])]).to(dtype).requires_grad_()
    value = x_over_expm1(u)
    (slope,) = torch.autograd.grad(value.sum(), u)
    x = u.detach().double().numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        expected = np.where(x == 0, 1.0, x / np.expm1(x))
        e = np.expm1(np.minimum(x, 700.0))
        slopes = np.where(
            np.abs(x) < 1e-6, x / 6.0 - 0.5, (1.0 - x * (e + 1.0) / e) / e
        )
    eps = torch.finfo(dtype).eps
    # Two terms of 1/u leave -1/2: they lose two digits at u = 0.05.
    np.testing.assert_allclose(value.detach(), expected, rtol=4 * eps, atol=eps)
    np.testing.assert_allclose(slope, slopes, rtol=100 * eps, atol=100 * eps)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_exponential_never_overflows(dtype):
    x = torch.tensor([-1e4, -60.0, 0.0, 60.0, 1e4], dtype=dtype, requires_grad=True)
    value = exp(x)
    assert torch.isfinite(value).all() and torch.isfinite(1.0 / value).all()
    (slope,) = torch.autograd.grad((1.0 / (1.0 + value)).sum(), x)
    assert torch.isfinite(slope).all()
    assert torch.isnan(exp(torch.tensor([torch.nan], dtype=dtype))).all()
