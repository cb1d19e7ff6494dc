"""Products of matrices, and the linear layer that is made of them."""

from functools import partial
from typing import Any

from benchmarks.work import Call, Work

TITLE = "Matrix products"
BATCH, INPUTS, OUTPUTS = 64, 784, 128


def square(torch: Any, size: int) -> Call:
    a, b = torch.randn(size, size), torch.randn(size, size)
    return lambda: a @ b


def linear(torch: Any) -> Call:
    x = torch.randn(BATCH, INPUTS)
    weight, bias = torch.randn(OUTPUTS, INPUTS), torch.randn(OUTPUTS)
    return lambda: torch.nn.functional.linear(x, weight, bias)


def linear_and_gradients(torch: Any) -> Call:
    x = torch.randn(BATCH, INPUTS, requires_grad=True)
    weight = torch.randn(OUTPUTS, INPUTS, requires_grad=True)
    bias = torch.randn(OUTPUTS, requires_grad=True)
    cotangent = torch.randn(BATCH, OUTPUTS)

    def forward_and_backward() -> None:
        x.grad = weight.grad = bias.grad = None
        torch.nn.functional.linear(x, weight, bias).backward(cotangent)

    return forward_and_backward


WORKS = [
    *(Work(f"matmul, {n} x {n}", partial(square, size=n), 0.95) for n in (256, 512, 1024, 2048)),
    Work("linear (64, 784, 128), forward", linear, 0.95),
    Work("linear (64, 784, 128), forward and backward", linear_and_gradients, 0.95),
]
