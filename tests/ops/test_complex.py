"""Complex numbers: what the records' own tests cannot see."""

from typing import Any

import numpy as np
import pytest

import argand
from argand.autograd import gradcheck, gradgradcheck
from argand.kernels.scalar import TABLE
from argand.ops.record import RECORDS

ORDINARY = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 1e-5, 1e5, 1e-20]
GRID = np.array([complex(a, b) for a in ORDINARY for b in ORDINARY])
# analytic functions of one number that NumPy has too; of log1p it loses digits, as exp2 does where
# the phase is large
UNARY = {
    name: row.numpy
    for name, row in TABLE.items()
    if isinstance(row.numpy, np.ufunc) and row.arity == 1 and row.libm
    and name not in ("log1p", "exp2")
}
ON_CUTS = sorted(name for name in UNARY if "c" in RECORDS[name].kinds)


@pytest.mark.parametrize("name", ON_CUTS)
@pytest.mark.parametrize("kind", ["complex64", "complex128"])
def test_functions_near_zero_one_and_on_branch_cuts(name: str, kind: str) -> None:
    """Also the side of a cut on which a signed zero lies."""
    values = GRID.astype(kind)
    with np.errstate(all="ignore"):
        wanted = UNARY[name](values.astype("c16"))
        limit = np.finfo(kind).max
        fits = np.isfinite(wanted) & (np.abs(wanted) < limit)
    got = getattr(argand, name)(argand.from_numpy(values)).numpy()
    rtol = 2e-6 if kind == "complex64" else 1e-13
    # an imaginary part beside a large real one, or the other way round, is below its last place
    np.testing.assert_allclose(got[fits], wanted[fits], rtol=rtol, atol=np.finfo(kind).tiny)
    cut = fits & ((values.imag == 0) | (values.real == 0)) & (wanted.imag != 0)
    with np.errstate(all="ignore"):
        signs = np.sign(got.imag) == np.sign(wanted.imag)
    assert np.all(signs[cut] | (np.abs(wanted.imag[cut]) < 1e-12))


def test_log1p_of_small_numbers() -> None:
    """NumPy's own loses the real part here."""
    z = argand.tensor([1e-20 + 1e-12j, 1e-9j, -0.25 + 0.5j], dtype=argand.complex128)
    parts = argand.view_as_real(z.log1p()).tolist()
    np.testing.assert_allclose(parts[0], [1e-20 + 5e-25, 1e-12], rtol=1e-12)
    np.testing.assert_allclose(parts[1], [5e-19, 1e-9], rtol=1e-12)
    np.testing.assert_allclose(complex(*parts[2]), np.log(0.75 + 0.5j), rtol=1e-14)


def test_quotients_of_large_and_small_numbers() -> None:
    for scale in (1e-30, 1e30):
        a = argand.tensor([scale * (1 + 2j)])
        assert abs((a / a).item() - 1) < 1e-6
        assert abs(a.abs().item() / scale - 5**0.5) < 1e-5


def test_numbers_of_all_sorts_beside_complex_tensors() -> None:
    z = argand.tensor([1 + 2j, -3j])
    exact = np.array([1 + 2j, -3j])
    for number in (True, 2, 0.5, 1 - 1j):
        np.testing.assert_allclose((z * number).numpy(), exact * number, rtol=1e-6)
        np.testing.assert_allclose((number - z).numpy(), number - exact, rtol=1e-6)
        np.testing.assert_allclose(argand.add(z, z, alpha=number).numpy(), exact * (1 + number),
                                   rtol=1e-6)  # fmt: skip
    assert (argand.ones(2) * 1j).dtype is argand.complex64
    assert (argand.ones((), dtype=argand.float64) * 1j).dtype is argand.complex128
    assert (argand.ones(2, dtype=argand.int32) * 1j).dtype is argand.complex64


@pytest.mark.parametrize("shape", [(3,), (5, 4), (2, 70)])
def test_layouts(shape: tuple[int, ...]) -> None:
    """Neighbours in memory, strides, one element for a row; results written into holes."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(*shape, 2)) + 1j * rng.normal(size=(*shape, 2))
    whole = argand.from_numpy(values.copy())
    x, y = whole.select(-1, 0), whole.select(-1, 1)
    a, b = values[..., 0], values[..., 1]
    np.testing.assert_allclose((x * y).numpy(), a * b)
    np.testing.assert_allclose((x.contiguous() * y).numpy(), a * b)
    np.testing.assert_allclose((x[..., :1] + y).numpy(), a[..., :1] + b)
    y.mul_(x)
    np.testing.assert_allclose(y.numpy(), a * b)
    np.testing.assert_array_equal(x.numpy(), a)
    np.testing.assert_allclose(x.sum().item(), a.sum())
    np.testing.assert_allclose(x.prod(-1).numpy(), a.prod(-1))
    np.testing.assert_allclose(x.sum(0).numpy(), a.sum(0))


def test_gradients_of_real_losses() -> None:
    """``dL/dRe + i dL/dIm``; that of a real operand is real."""
    z = argand.tensor([3 + 4j], requires_grad=True)
    z.abs().sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), [0.6 + 0.8j], rtol=1e-6)
    z.grad = None
    (z * z.conj()).sum().real.backward()
    np.testing.assert_allclose(z.grad.numpy(), [6 + 8j], rtol=1e-6)
    x = argand.tensor([2.0], requires_grad=True)
    argand.view_as_real(x * (1 + 3j)).sum().backward()
    assert x.grad.dtype is argand.float32
    assert x.grad.tolist() == [4.0]


def test_gradient_of_the_absolute_value_at_zero() -> None:
    z = argand.zeros(1, dtype=argand.complex64, requires_grad=True)
    (z.abs() + z.sgn().abs()).sum().backward()
    assert z.grad.tolist() == [0j]


def test_complex_losses_need_a_gradient() -> None:
    z = argand.tensor([1j], requires_grad=True)
    with pytest.raises(RuntimeError, match="real scalar outputs"):
        z.sum().backward()
    with pytest.raises(RuntimeError, match="same dtype"):
        z.sum().backward(argand.tensor(1.0))
    (given,) = argand.autograd.grad((z * 2).sum(), z, argand.tensor(1 + 1j))
    assert given.tolist() == [2 + 2j]


def test_gradcheck_sees_a_wrong_conjugate() -> None:
    class Wrong(argand.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:  # type: ignore[override]
            (z,) = ctx.saved_tensors
            return 2 * g * z

    z = argand.tensor([1 + 2j], dtype=argand.complex128, requires_grad=True)
    assert gradcheck(lambda z: z * z, [z])
    assert gradgradcheck(lambda z: z * z.conj() * z, [z])
    assert not gradcheck(Wrong.apply, [z], raise_exception=False)


def test_parts_are_views_that_can_be_written() -> None:
    z = argand.zeros(2, dtype=argand.complex64)
    z.real = argand.tensor([1.0, 2.0])
    z.imag = 3
    z.real[0] = 9
    assert z.tolist() == [9 + 3j, 2 + 3j]
    assert z.real.data_ptr() == z.data_ptr()
    assert argand.view_as_complex(argand.view_as_real(z)).data_ptr() == z.data_ptr()


def test_writing_a_part_is_recorded() -> None:
    x = argand.ones(2, requires_grad=True)
    w = argand.zeros(2, dtype=argand.complex64, requires_grad=True)
    z = w * 1
    z.real = 3 * x
    (z * z.conj()).real.sum().backward()
    assert x.grad.tolist() == [18.0, 18.0]
    assert w.grad.tolist() == [0j, 0j]
    pairs = argand.ones(2, 2, requires_grad=True) * 1
    argand.view_as_complex(pairs).mul_(1j)
    assert pairs.tolist() == [[-1.0, 1.0]] * 2
    assert "CopySlices" in repr(pairs.grad_fn)


def test_random_numbers_take_two_of_the_stream() -> None:
    argand.manual_seed(5)
    z = argand.randn(9, dtype=argand.complex64)
    argand.manual_seed(5)
    parts = argand.randn(18).view(9, 2) / 2**0.5
    np.testing.assert_allclose(argand.view_as_real(z).numpy(), parts.numpy(), rtol=1e-6)
    argand.manual_seed(5)
    u = argand.rand(3, dtype=argand.complex128)
    argand.manual_seed(5)
    assert argand.view_as_real(u).flatten().tolist() == argand.rand(
        6, dtype=argand.float64
    ).tolist()


@pytest.mark.parametrize(
    "refused",
    [
        lambda z: z < z, lambda z: z.floor(), lambda z: z.sign(), lambda z: z.max(),
        lambda z: z.clamp(0, 1), lambda z: z // 1, lambda z: z % 1, lambda z: z.relu(),
        lambda z: z.abs_(), lambda z: argand.ones(1).add_(z), lambda z: argand.ones(1).fill_(1j),
        lambda z: argand.div(z, 1, rounding_mode="floor"), lambda z: argand.imag(z.real),
        lambda z: argand.arange(3, dtype=z.dtype), lambda z: float(z), lambda z: z.amax(),
        lambda z: argand.view_as_complex(argand.ones(3)), lambda z: argand.view_as_real(z.real),
    ],
)  # fmt: skip
def test_what_complex_numbers_refuse(refused: Any) -> None:
    with pytest.raises(RuntimeError):
        refused(argand.tensor([1 + 2j]))


def test_converting_to_real_numbers_warns() -> None:
    z = argand.tensor([[1 + 2j]])
    argand.ops.copier.copier.forget()
    with pytest.warns(UserWarning, match="discards the imaginary part"):
        assert z.to(argand.float64).tolist() == [[1.0]]
    assert z.bool().tolist() == [[True]]
