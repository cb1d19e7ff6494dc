"""The operations that training programs call most, at three sizes."""

from collections.abc import Callable
from functools import partial
from math import isqrt
from typing import Any

from benchmarks.work import Call, Work

TITLE = "The operations that training programs call most"
SIZES = {"1 K": 2**10, "64 K": 2**16, "1 M": 2**20}  # elements of the (first) operand
ROW = 128  # the length of a row, for what works on rows
CHANNELS = 16

Prepare = Callable[[Any, int], Call]


def unary(function: Callable[[Any, Any], Any]) -> Prepare:
    """A function of one tensor."""

    def prepare(torch: Any, size: int) -> Call:
        x = torch.rand(size) + 0.1
        return partial(function, torch, x)

    return prepare


def binary(function: Callable[[Any, Any, Any], Any]) -> Prepare:
    """A function of two tensors of one shape."""

    def prepare(torch: Any, size: int) -> Call:
        return partial(function, torch, torch.rand(size), torch.rand(size) + 0.1)

    return prepare


def rows(function: Callable[[Any, Any], Any]) -> Prepare:
    """A function of one tensor with rows."""

    def prepare(torch: Any, size: int) -> Call:
        return partial(function, torch, torch.randn(size // ROW, ROW))

    return prepare


def picked(function: Callable[[Any, Any, Any], Any]) -> Prepare:
    """A function of rows and one number of a class per row."""

    def prepare(torch: Any, size: int) -> Call:
        x, labels = torch.randn(size // ROW, ROW), torch.randint(0, ROW, (size // ROW,))
        return partial(function, torch, x, labels)

    return prepare


def trained(function: Callable[[Any, Any], Any]) -> Prepare:
    """A function of rows, and its gradient."""

    def prepare(torch: Any, size: int) -> Call:
        x = torch.randn(size // ROW, ROW, requires_grad=True)
        given = torch.ones_like(function(torch, x))

        def step() -> None:
            x.grad = None
            function(torch, x).backward(given)

        return step

    return prepare


def product(torch: Any, size: int) -> Call:
    side = isqrt(size)
    a, b = torch.randn(side, side), torch.randn(side, side)
    return lambda: a @ b


def products(torch: Any, size: int) -> Call:
    side = isqrt(size // 16)
    a, b = torch.randn(16, side, side), torch.randn(16, side, side)
    return lambda: torch.bmm(a, b)


def addmm(torch: Any, size: int) -> Call:
    side = isqrt(size)
    bias, a, b = torch.randn(side), torch.randn(side, side), torch.randn(side, side)
    return lambda: torch.addmm(bias, a, b)


def linear(torch: Any, size: int) -> Call:
    layer, x = torch.nn.Linear(ROW, ROW), torch.randn(size // ROW, ROW)
    return lambda: layer(x)


def layer_trained(make: Callable[[Any], Any], shape: Callable[[int], tuple[int, ...]]) -> Prepare:
    """A module's forward and backward."""

    def prepare(torch: Any, size: int) -> Call:
        layer, x = make(torch.nn), torch.randn(shape(size), requires_grad=True)
        given = torch.ones_like(layer(x))

        def step() -> None:
            x.grad = None
            layer.zero_grad()
            layer(x).backward(given)

        return step

    return prepare


def images(size: int) -> tuple[int, ...]:
    side = 8 if size < 2**16 else 32
    return max(1, size // (CHANNELS * side * side)), CHANNELS, side, side


def lines(size: int) -> tuple[int, ...]:
    return size // ROW, ROW


def embedding(torch: Any, size: int) -> Call:
    layer, words = torch.nn.Embedding(1000, ROW), torch.randint(0, 1000, (size // ROW,))

    def step() -> None:
        layer.zero_grad()
        layer(words).sum().backward()

    return step


def adam(torch: Any, size: int) -> Call:
    p = torch.randn(size, requires_grad=True)
    p.grad = torch.randn(size)
    return torch.optim.Adam([p]).step  # type: ignore[no-any-return]


def sgd(torch: Any, size: int) -> Call:
    p = torch.randn(size, requires_grad=True)
    p.grad = torch.randn(size)
    return torch.optim.SGD([p], lr=1e-3, momentum=0.9).step  # type: ignore[no-any-return]


OPERATIONS: dict[str, Prepare] = {
    "add": binary(lambda t, x, y: x + y),
    "sub": binary(lambda t, x, y: x - y),
    "mul": binary(lambda t, x, y: x * y),
    "div": binary(lambda t, x, y: x / y),
    "add a number": unary(lambda t, x: x + 1.5),
    "add a row": rows(lambda t, x: x + x[0]),
    "add_": binary(lambda t, x, y: x.add_(y, alpha=1e-3)),
    "mul_": unary(lambda t, x: x.mul_(0.999)),
    "maximum": binary(lambda t, x, y: t.maximum(x, y)),
    "gt": binary(lambda t, x, y: x > y),
    "where": binary(lambda t, x, y: t.where(x > 0.5, x, y)),
    "neg": unary(lambda t, x: -x),
    "abs": unary(lambda t, x: x.abs()),
    "square": unary(lambda t, x: x**2),
    "sqrt": unary(lambda t, x: x.sqrt()),
    "exp": unary(lambda t, x: x.exp()),
    "log": unary(lambda t, x: x.log()),
    "sin": unary(lambda t, x: x.sin()),
    "clamp": unary(lambda t, x: x.clamp(0.2, 0.8)),
    "sigmoid": unary(lambda t, x: x.sigmoid()),
    "tanh": unary(lambda t, x: x.tanh()),
    "relu": unary(lambda t, x: t.nn.functional.relu(x)),
    "leaky_relu": unary(lambda t, x: t.nn.functional.leaky_relu(x, 0.1)),
    "gelu": unary(lambda t, x: t.nn.functional.gelu(x)),
    "silu": unary(lambda t, x: t.nn.functional.silu(x)),
    "dropout": unary(lambda t, x: t.nn.functional.dropout(x, 0.5)),
    "relu and gradient": trained(lambda t, x: t.nn.functional.relu(x)),
    "gelu and gradient": trained(lambda t, x: t.nn.functional.gelu(x)),
    "zeros": unary(lambda t, x: t.zeros(x.shape)),
    "randn": unary(lambda t, x: t.randn(x.shape)),
    "clone": unary(lambda t, x: x.clone()),
    "to double": unary(lambda t, x: x.to(t.float64)),
    "sum": unary(lambda t, x: x.sum()),
    "sum of rows": rows(lambda t, x: x.sum(1)),
    "sum of columns": rows(lambda t, x: x.sum(0)),
    "mean": unary(lambda t, x: x.mean()),
    "max of rows": rows(lambda t, x: x.max(1)),
    "argmax of rows": rows(lambda t, x: x.argmax(1)),
    "norm": unary(lambda t, x: x.norm()),
    "cumsum of rows": rows(lambda t, x: x.cumsum(1)),
    "softmax": rows(lambda t, x: x.softmax(1)),
    "log_softmax and gradient": trained(lambda t, x: t.nn.functional.log_softmax(x, 1)),
    "cross_entropy": picked(lambda t, x, y: t.nn.functional.cross_entropy(x, y)),
    "mse_loss": binary(lambda t, x, y: t.nn.functional.mse_loss(x, y)),
    "bce_with_logits": binary(
        lambda t, x, y: t.nn.functional.binary_cross_entropy_with_logits(x, y - 0.1)
    ),
    "layer_norm and gradient": layer_trained(lambda nn: nn.LayerNorm(ROW), lines),
    "batch_norm and gradient": layer_trained(lambda nn: nn.BatchNorm1d(ROW), lines),
    "matmul": product,
    "bmm": products,
    "addmm": addmm,
    "linear": linear,
    "linear and gradients": layer_trained(lambda nn: nn.Linear(ROW, ROW), lines),
    "conv2d and gradients": layer_trained(lambda nn: nn.Conv2d(CHANNELS, 32, 3, padding=1), images),
    "max_pool2d and gradient": layer_trained(lambda nn: nn.MaxPool2d(2), images),
    "avg_pool2d and gradient": layer_trained(lambda nn: nn.AvgPool2d(2), images),
    "embedding and gradient": embedding,
    "transpose and copy": rows(lambda t, x: x.t().contiguous()),
    "cat": rows(lambda t, x: t.cat((x, x), 1)),
    "index of rows": picked(lambda t, x, y: x[y % x.shape[0]]),
    "gather": picked(lambda t, x, y: x.gather(1, y[:, None])),
    "masked_fill": binary(lambda t, x, y: x.masked_fill(y > 0.5, 0.0)),
    "topk of rows": rows(lambda t, x: x.topk(5, 1)),
    "sort of rows": rows(lambda t, x: x.sort(1)),
    "SGD step": sgd,
    "Adam step": adam,
}

WORKS = [
    Work(f"{name}, {amount}", partial(prepare, size=size), 1.0, group=name)
    for name, prepare in OPERATIONS.items()
    for amount, size in SIZES.items()
]
