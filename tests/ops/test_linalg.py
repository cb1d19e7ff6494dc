"""Linear algebra: what its results must satisfy, gradients of what is symmetric, and refusals."""

from typing import Any

import numpy as np
import pytest

import argand
from argand.autograd import gradcheck, gradgradcheck
from tests.tolerances import GRADIENTS

RTOL, ATOL = GRADIENTS


def drawn(*shape: int, kind: str = "float64", seed: int = 0) -> Any:
    """Numbers around 0, complex ones where `kind` says so."""
    source = np.random.default_rng(seed)
    values = source.standard_normal(shape)
    if "complex" in kind:
        values = values + 1j * source.standard_normal(shape)
    return argand.tensor(values.astype(kind))


def adjoint(x: Any) -> Any:
    return x.mH


def hermitian(x: Any) -> Any:
    return x + adjoint(x)


def definite(x: Any) -> Any:
    return x @ adjoint(x) + argand.eye(x.shape[-1], dtype=x.dtype)


def check(function: Any, *inputs: Any) -> None:
    """First and second derivatives."""
    inputs = tuple(x.requires_grad_() for x in inputs)
    gradcheck(function, inputs, rtol=RTOL, atol=ATOL)
    gradgradcheck(function, inputs, rtol=RTOL, atol=ATOL)


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), atol=1e-10)


KINDS = ("float64", "complex128")


# ---- decompositions --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("upper", [False, True])
def test_cholesky(kind: str, upper: bool) -> None:
    A = definite(drawn(2, 3, 3, kind=kind))
    L = argand.linalg.cholesky(A, upper=upper)
    close(adjoint(L) @ L if upper else L @ adjoint(L), A)
    check(lambda x: argand.linalg.cholesky(definite(x), upper=upper), drawn(3, 3, kind=kind))


def test_a_failing_cholesky_says_which_minor() -> None:
    A = argand.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]])
    assert argand.linalg.cholesky_ex(A).info.tolist() == [0, 2]
    with pytest.raises(argand.linalg.LinAlgError, match=r"Batch element 1.*order 2"):
        argand.linalg.cholesky(A)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)])
def test_qr(kind: str, shape: tuple[int, ...]) -> None:
    A = drawn(*shape, kind=kind)
    Q, R = argand.linalg.qr(A)
    close(Q @ R, A)
    close(R, argand.tensor(np.triu(R.numpy())))
    close(adjoint(Q) @ Q, argand.eye(Q.shape[-1], dtype=A.dtype).expand(*(adjoint(Q) @ Q).shape))
    check(lambda x: abs(argand.linalg.qr(x).R), A)


@pytest.mark.parametrize("kind", KINDS)
def test_eigh(kind: str) -> None:
    A = hermitian(drawn(2, 3, 3, kind=kind))
    values, V = argand.linalg.eigh(A)
    close(V @ (values.unsqueeze(-1) * adjoint(V)), A)
    check(lambda x: argand.linalg.eigvalsh(hermitian(x)), drawn(3, 3, kind=kind))
    check(lambda x: abs(argand.linalg.eigh(hermitian(x))[1]), drawn(3, 3, kind=kind))


@pytest.mark.parametrize("kind", KINDS)
def test_eig(kind: str) -> None:
    A = drawn(3, 3, kind=kind)
    values, V = argand.linalg.eig(A)
    close(A.to(V.dtype) @ V, V * values)
    check(lambda x: abs(argand.linalg.eigvals(x)), A)
    check(lambda x: abs(argand.linalg.eig(x)[1]), A)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_svd(kind: str, shape: tuple[int, ...]) -> None:
    A = drawn(*shape, kind=kind)
    U, S, Vh = argand.linalg.svd(A, full_matrices=False)
    close((U * S) @ Vh, A)
    assert [x.shape[-1] for x in argand.linalg.svd(A)[::2]] == list(shape)
    check(lambda x: abs(argand.linalg.svd(x, full_matrices=False)[0]), A)
    check(lambda x: abs(argand.linalg.svd(x, full_matrices=False)[2]), A)

    def whole(x: Any) -> Any:
        U, S, Vh = argand.linalg.svd(x, full_matrices=False)
        return (U * S.exp()) @ Vh

    check(whole, A)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 5, 40, 70])
def test_lu_of_any_size(kind: str, size: int) -> None:
    """More columns than one panel has."""
    for shape in ((size, size), (2, size + 3, size), (size, size + 5)):
        A = drawn(*shape, kind=kind)
        P, L, U = argand.linalg.lu(A)
        close(P @ L @ U, A)
        assert float(abs(L).max()) < 1.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_gradients_of_lu(kind: str, shape: tuple[int, ...]) -> None:
    check(lambda x: tuple(argand.linalg.lu(x)[1:]), drawn(*shape, kind=kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turned", [False, True])
def test_ldl(kind: str, turned: bool) -> None:
    for seed in range(8):
        x = drawn(2, 6, 6, kind=kind, seed=seed)
        x = x * (1 - argand.eye(6, dtype=x.dtype)) if seed % 2 else x  # needs steps of two columns
        A = x + (adjoint(x) if turned else x.mT)
        B = drawn(6, 2, kind=kind)
        LD, pivots = argand.linalg.ldl_factor(A, hermitian=turned)
        assert seed % 2 == 0 or bool((pivots < 0).any())
        close(A @ argand.linalg.ldl_solve(LD, pivots, B, hermitian=turned), B.expand(2, 6, 2))


# ---- systems of equations --------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("adjointly", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_lu_solve(kind: str, left: bool, adjointly: bool) -> None:
    A, B = drawn(2, 4, 4, kind=kind), drawn(4, 4, kind=kind, seed=1)
    X = argand.linalg.lu_solve(*argand.linalg.lu_factor(A), B, left=left, adjoint=adjointly)
    given = adjoint(A) if adjointly else A
    close(given @ X if left else X @ given, B.expand(2, 4, 4))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_solutions(kind: str) -> None:
    A, B = drawn(3, 3, kind=kind), drawn(3, 2, kind=kind, seed=1)
    check(argand.linalg.solve, A, B)
    check(argand.linalg.inv, A)
    check(argand.linalg.det, A)
    check(lambda x: argand.linalg.slogdet(x)[1], A)
    check(argand.linalg.matrix_exp, A)
    for left in (True, False):
        right = B if left else B.detach().mT
        check(
            lambda a, b, left=left: argand.linalg.solve_triangular(a, b, upper=True, left=left),
            A, right,
        )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(4, 2), (2, 4)])
def test_pseudoinverse(kind: str, shape: tuple[int, int]) -> None:
    A = drawn(*shape, kind=kind)
    P = argand.linalg.pinv(A)
    close(A @ P @ A, A)
    close(adjoint(A @ P), A @ P)
    check(argand.linalg.pinv, A)
    check(lambda a, b: argand.linalg.lstsq(a, b)[0], A, drawn(shape[0], 2, kind=kind))


def test_the_gradient_of_the_determinant_of_a_singular_matrix() -> None:
    A = argand.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    argand.linalg.det(A).backward()
    np.testing.assert_allclose(A.grad.numpy(), np.diag([0.0, 0.0, 2.0]), atol=1e-6)


def test_empty_matrices() -> None:
    nothing = argand.ones(0, 0)
    assert argand.det(nothing).item() == 1
    assert [x.item() for x in argand.slogdet(nothing)] == [1, 0]
    assert argand.linalg.inv(nothing).shape == (0, 0)
    assert [tuple(x.shape) for x in argand.linalg.svd(argand.ones(3, 0))] == [(3, 3), (0,), (0, 0)]
    assert argand.linalg.solve(argand.ones(2, 0, 0), argand.ones(2, 0)).shape == (2, 0)


def test_batches_of_vectors_are_solved() -> None:
    A, B = drawn(2, 3, 3), drawn(2, 3, seed=1)
    close((A @ argand.linalg.solve(A, B).unsqueeze(-1)).squeeze(-1), B)


def test_singular_matrices_are_refused_or_reported() -> None:
    A = argand.tensor([[[1.0, 1.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, 4.0]]])
    for function in (argand.linalg.inv, lambda x: argand.linalg.solve(x, argand.ones(2, 1))):
        with pytest.raises(argand.linalg.LinAlgError, match="Batch element 0"):
            function(A)
    inverse, info = argand.linalg.inv_ex(A)
    assert info.tolist() == [2, 0]
    assert inverse[1].tolist() == [[0.5, 0.0], [0.0, 0.25]]
    assert issubclass(argand.linalg.LinAlgError, RuntimeError)


def test_a_triangle_with_a_zero_divides_by_it() -> None:
    A = argand.tensor([[2.0, 0.0], [1.0, 0.0]])
    found = argand.linalg.solve_triangular(A, argand.ones(2, 1), upper=False)
    assert found.flatten().tolist() == [0.5, float("inf")]


def test_householder_products_are_those_of_qr() -> None:
    A = drawn(5, 3)
    a, tau = argand.geqrf(A)
    Q = argand.linalg.householder_product(a, tau)
    close(Q @ argand.tensor(np.triu(a.numpy()[:3])), A)
    B = drawn(5, 2)
    complete = argand.ormqr(a, tau, argand.eye(5, dtype=A.dtype))
    close(argand.ormqr(a, tau, B), complete @ B)
    close(argand.ormqr(a, tau, B, transpose=True), complete.mT @ B)
    close(argand.ormqr(a, tau, B.mT, left=False), B.mT @ complete)


def test_low_rank() -> None:
    A = drawn(8, 2) @ drawn(2, 6)
    U, S, V = argand.svd_lowrank(A, q=3)
    close((U * S) @ V.mT, A)
    U, S, V = argand.pca_lowrank(A, q=3)
    close((U * S) @ V.mT, A - A.mean(0, keepdim=True))


# ---- norms, products -------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, float("inf"), float("-inf"), -1])
def test_gradients_of_norms_at_zeros_are_finite(p: float) -> None:
    x = argand.tensor([0.0, 0.0, 3.0], requires_grad=True)
    argand.linalg.vector_norm(x, p).backward()
    assert bool(argand.isfinite(x.grad).all())


def test_einsum_of_an_outer_product() -> None:
    a, b, c = drawn(2), drawn(3), drawn(4)
    wanted = np.einsum("i,j,k->kji", a.numpy(), b.numpy(), c.numpy())
    np.testing.assert_allclose(argand.einsum("i,j,k->kji", a, b, c).numpy(), wanted)


def test_einsum_refuses_what_does_not_fit() -> None:
    x = argand.ones(2, 3)
    for equation, operands in (
        ("ij,jk", (x, x)), ("ij->k", (x,)), ("ij->ii", (x,)), ("ijk", (x,)), ("i1", (x,)),
        ("i..", (x,)), ("ij", (x, x)), ("ii", (x,)),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="einsum"):
            argand.einsum(equation, *operands)
    with pytest.raises(ValueError, match="valid range"):
        argand.einsum(x, [0, 60], [0])


def test_multi_dot_takes_the_cheapest_order() -> None:
    """(1000 x 2) (2 x 1000) (1000 x 1) must not make the large matrix in the middle."""
    a, b, c = argand.ones(1000, 2), argand.ones(2, 1000), argand.ones(1000, 1)
    argand.reset_peak_memory_stats()
    before = argand.memory_allocated()
    argand.linalg.multi_dot([a, b, c])
    assert argand.max_memory_allocated() - before < 1_000_000
