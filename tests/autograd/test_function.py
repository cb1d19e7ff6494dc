"""Operations with a gradient of the user's own."""

from typing import Any

import pytest

import argand
from argand.autograd import Function, gradcheck, gradgradcheck


def leaf(*values: float) -> Any:
    return argand.tensor(values or (1.0, 2.0), dtype=argand.float64, requires_grad=True)


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


def test_forward_and_backward() -> None:
    x = leaf()
    y = Cube.apply(x)
    assert y.requires_grad
    assert y.grad_fn.name() == "CubeBackward"
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]
    assert gradcheck(Cube.apply, leaf(0.5, -1.5))
    assert gradgradcheck(Cube.apply, leaf(0.5, -1.5))


def test_nothing_is_recorded_without_need() -> None:
    assert not Cube.apply(argand.ones(2)).requires_grad
    with argand.no_grad():
        assert not Cube.apply(leaf()).requires_grad


def test_forward_is_not_recorded() -> None:
    seen = []

    class Watch(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            seen.append(argand.is_grad_enabled())
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            seen.append(argand.is_grad_enabled())
            return g * 2

    x = leaf()
    y = Watch.apply(x)
    y.sum().backward(create_graph=True)
    y.sum().backward()
    assert seen == [False, True, False]


def test_other_arguments() -> None:
    class Scale(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, factor: float, text: str, options: dict[str, int]) -> Any:
            ctx.factor = factor
            assert text == "text"
            assert options == {"a": 1}
            return x * factor

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * ctx.factor, None, None, None

    x = leaf()
    Scale.apply(x, 3.0, "text", {"a": 1}).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_several_outputs_and_missing_gradients() -> None:
    seen = []

    class Both(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, a: Any, b: Any) -> Any:
            seen.append((a.tolist(), b.tolist()))
            return a * 2 + b * 3

    x = leaf()
    first, second = Both.apply(x)
    first.sum().backward()
    assert seen == [([1.0, 1.0], [0.0, 0.0])]
    assert x.grad.tolist() == [2.0, 2.0]
    assert (first.output_nr, second.output_nr) == (0, 1)


def test_missing_gradients_as_none() -> None:
    seen = []

    class Both(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, a: Any, b: Any) -> Any:
            seen.append(a is None)
            return b * 3

    x = leaf()
    Both.apply(x)[1].sum().backward()
    assert seen == [True]
    assert x.grad.tolist() == [3.0, 3.0]


def test_outputs_without_a_gradient() -> None:
    class Sorted(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            positive = (x > 0).to(x.dtype)
            ctx.mark_non_differentiable(positive)
            ctx.save_for_backward(positive)
            return x * positive, positive

        @staticmethod
        def backward(ctx: Any, g: Any, ignored: Any) -> Any:
            (positive,) = ctx.saved_tensors
            return g * positive

    x = leaf(-1.0, 2.0)
    y, positive = Sorted.apply(x)
    assert y.requires_grad
    assert not positive.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]


def test_integer_outputs_have_no_gradient() -> None:
    class Where(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1, x.argmax()

        @staticmethod
        def backward(ctx: Any, g: Any, ignored: Any) -> Any:
            return g

    y, place = Where.apply(leaf())
    assert y.requires_grad
    assert not place.requires_grad


def test_needs_input_grad() -> None:
    seen = []

    class Product(Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any, c: float) -> Any:
            ctx.save_for_backward(a, b)
            seen.append(ctx.needs_input_grad)
            return a * b * c

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            a, b = ctx.saved_tensors
            seen.append(ctx.needs_input_grad)
            return (g * b if ctx.needs_input_grad[0] else None,
                    g * a if ctx.needs_input_grad[1] else None, None)  # fmt: skip

    x = leaf()
    Product.apply(x, argand.ones(2, dtype=argand.float64), 1.0).sum().backward()
    assert seen == [(True, False, False)] * 2
    assert x.grad.tolist() == [1.0, 1.0]


def test_saved_outputs_do_not_keep_the_graph_alive() -> None:
    import gc
    import weakref

    class Exp(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (y,) = ctx.saved_tensors
            return g * y

    assert gradgradcheck(Exp.apply, leaf(0.5, -1.0))
    gc.collect()
    gc.disable()
    try:
        y = Exp.apply(leaf())
        gone = weakref.ref(y)
        del y
        assert gone() is None
    finally:
        gc.enable()


def test_saved_tensors_are_watched() -> None:
    x = leaf()
    y = x * 1
    z = Cube.apply(y)
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_saved_tensors_are_freed() -> None:
    x = leaf()
    y = Cube.apply(x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_wrong_number_of_gradients(count: int) -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            return a + b

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return (g,) * count

    with pytest.raises(RuntimeError, match="incorrect number of gradients"):
        Wrong.apply(leaf(), leaf()).sum().backward()


def test_more_gradients_than_arguments_if_they_are_none() -> None:
    class Generous(Function):
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            return a * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2, None, None

    x = leaf()
    Generous.apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_gradient_of_another_shape_is_refused_or_reduced() -> None:
    class Shapes(Function):
        @staticmethod
        def forward(ctx: Any, a: Any, wrong: bool) -> Any:
            ctx.wrong = wrong
            return a * argand.ones(3, 2, dtype=argand.float64)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return (g.new_ones(5) if ctx.wrong else g), None

    x = leaf()
    Shapes.apply(x, False).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    with pytest.raises(RuntimeError, match="invalid gradient"):
        Shapes.apply(x, True).sum().backward()


def test_a_gradient_of_another_type_is_converted() -> None:
    class Half(Function):
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            return a * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return (g * 2).float()

    x = leaf()
    Half.apply(x * 1).sum().backward()
    assert x.grad.dtype is argand.float64
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_missing_backward() -> None:
    class Forward(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

    with pytest.raises(NotImplementedError, match="backward"):
        Forward.apply(leaf()).sum().backward()
    with pytest.raises(NotImplementedError, match="forward"):
        Function.apply(leaf())


def test_setup_context() -> None:
    class Square(Function):
        @staticmethod
        def forward(x: Any, power: int) -> Any:
            return x**power

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            x, ctx.power = inputs
            ctx.save_for_backward(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * ctx.power * x ** (ctx.power - 1), None

    x = leaf()
    Square.apply(x, 3).sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]


def test_an_input_that_is_returned() -> None:
    class Same(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 5

    x = leaf()
    y = Same.apply(x)
    assert y is not x
    assert x.is_leaf
    y.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


def test_an_input_that_is_changed() -> None:
    class Double(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    x = leaf()
    y = x * 1
    z = Double.apply(y)
    assert z is y
    assert y.tolist() == [2.0, 4.0]
    (y * y).sum().backward()
    assert x.grad.tolist() == [8.0, 16.0]
    with pytest.raises(RuntimeError, match="leaf"):
        Double.apply(x)


def test_a_view_that_is_changed() -> None:
    class Double(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    x = leaf()
    y = x * 1
    Double.apply(y[:1])
    (y * y).sum().backward()
    assert y.tolist() == [2.0, 2.0]
    assert x.grad.tolist() == [8.0, 4.0]


def test_none_among_outputs_and_saved_values() -> None:
    class Optional(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x, None)
            return x * 2, None

        @staticmethod
        def backward(ctx: Any, g: Any, ignored: Any) -> Any:
            x, nothing = ctx.saved_tensors
            assert nothing is None
            return g * 2 + x * 0

    x = leaf()
    y, nothing = Optional.apply(x)
    assert nothing is None
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_backward_may_use_other_functions() -> None:
    class Outer(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**4 / 4

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * Cube.apply(x)

    assert gradgradcheck(Outer.apply, leaf(0.5, 1.5))
