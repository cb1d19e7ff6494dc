"""Losses of regression and classification as modules.

Every loss takes `reduction`: "mean" gives the mean over all elements, "sum" their sum, "none" a
loss for each element. Where a class says nothing else, input and target have the same, arbitrary
shape and the output has no dimension, or with "none" the shape of the input. The arguments
`size_average` and `reduce` are deprecated forms of `reduction`.
"""

from __future__ import annotations

import warnings
from typing import Any

from argand.errors import message
from argand.nn import functional as F
from argand.nn.modules.module import Module
from argand.tensor import Tensor

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "SmoothL1Loss",
]


class _Loss(Module):
    __constants__ = ["reduction"]
    reduction: str

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = _reduction_of(size_average, reduce)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


def _reduction_of(size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that the two deprecated arguments mean."""
    if reduce is False:
        reduction = "none"
    else:
        reduction = "sum" if size_average is False else "mean"
    message = f"size_average and reduce are deprecated; use reduction='{reduction}' instead"
    warnings.warn(message, stacklevel=4)
    return reduction


class L1Loss(_Loss):
    """The absolute difference, `|input - target|`.

    Args:
        reduction (str): "mean", "sum" or "none". Default: "mean".

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.L1Loss()(argand.tensor([1.0, 5.0]), argand.tensor([2.0, 2.0]))
        tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """The squared difference, `(input - target) ** 2`.

    Args:
        reduction (str): "mean", "sum" or "none". Default: "mean".

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.MSELoss()(argand.tensor([1.0, 5.0]), argand.tensor([2.0, 2.0]))
        tensor(5.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """`d ** 2 / (2 * beta)` where `d = |input - target|` is below `beta`, `d - beta / 2` elsewhere.

    From Girshick 2015, "Fast R-CNN".

    Args:
        reduction (str): "mean", "sum" or "none". Default: "mean".
        beta (float): where the parabola ends; 0 gives `L1Loss`. Default: 1.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.SmoothL1Loss(reduction="none")(argand.tensor([1.0, 5.0]), argand.tensor([2.0, 2.0]))
        tensor([0.5000, 2.5000])
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """`d ** 2 / 2` where `d = |input - target|` is below `delta`, else `delta * (d - delta / 2)`.

    Args:
        reduction (str): "mean", "sum" or "none". Default: "mean".
        delta (float): where the parabola ends; above 0. Default: 1.

    Raises:
        TypeError: `delta` is no number.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.HuberLoss(delta=2.0)(argand.tensor([5.0]), argand.tensor([2.0]))
        tensor(4.)
    """

    __constants__ = ["reduction", "delta"]

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, (float, int)):
            raise TypeError(message("HuberLoss", "delta must be a number", type(delta).__name__))
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class CrossEntropyLoss(_WeightedLoss):
    """Minus the logarithm of the softmax probability of the right class, from logits.

    Args:
        weight (Tensor): `(C,)`, a factor for each class. Default: all 1.
        ignore_index (int): a class whose targets do not count. Default: -100.
        reduction (str): "mean" (over the weights of the targets that count), "sum" or "none".
            Default: "mean".
        label_smoothing (float): this share of each target is spread evenly over all classes.
            Default: 0.

    Shape:
        - Input: `(N, C)`, `(C,)`, or `(N, C, d1, ..., dk)`: logits of C classes.
        - Target: class indices, the shape of the input without C; or class probabilities, the shape
          of the input.
        - Output: no dimension, or with "none" the shape of the input without C.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> logits = argand.zeros(2, 4)
        >>> nn.CrossEntropyLoss()(logits, argand.tensor([0, 3]))
        tensor(1.3863)
    """

    __constants__ = ["ignore_index", "reduction", "label_smoothing"]
    ignore_index: int
    label_smoothing: float

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_WeightedLoss):
    """Minus the log-probability of the right class, from log-probabilities.

    Args:
        weight (Tensor): `(C,)`, a factor for each class. Default: all 1.
        ignore_index (int): a class whose targets do not count. Default: -100.
        reduction (str): "mean" (over the weights of the targets that count), "sum" or "none".
            Default: "mean".

    Shape:
        - Input: `(N, C)`, `(C,)`, or `(N, C, d1, ..., dk)`: log-probabilities of C classes.
        - Target: class indices, the shape of the input without C.
        - Output: no dimension, or with "none" the shape of the target.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.NLLLoss()(argand.tensor([[-1.0, -2.0]]), argand.tensor([1]))
        tensor(2.)
    """

    __constants__ = ["ignore_index", "reduction"]
    ignore_index: int

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class BCELoss(_WeightedLoss):
    """`-(target * log(input) + (1 - target) * log(1 - input))`, from probabilities.

    The logarithms are kept above -100, so the loss is finite.

    Args:
        weight (Tensor): a factor for each element, broadcast to the input. Default: all 1.
        reduction (str): "mean", "sum" or "none". Default: "mean".

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.BCELoss()(argand.tensor([0.5, 0.5]), argand.tensor([0.0, 1.0]))
        tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """`BCELoss` after a sigmoid, in one step that does not overflow.

    Args:
        weight (Tensor): a factor for each element, broadcast to the input. Default: all 1.
        reduction (str): "mean", "sum" or "none". Default: "mean".
        pos_weight (Tensor): a factor for the term of the positive targets, broadcast to the input.
            Default: all 1.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.BCEWithLogitsLoss()(argand.zeros(3), argand.ones(3))
        tensor(0.6931)
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """`target * (log(target) - input)`: the divergence of a distribution, from log-probabilities.

    Args:
        reduction (str): "mean" over all elements, "batchmean" over the batch (the divergence
            proper), "sum" or "none". Default: "mean".
        log_target (bool): the target has log-probabilities too. Default: False.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> p = argand.tensor([[0.5, 0.5]])
        >>> nn.KLDivLoss(reduction="batchmean")(p.log(), p)
        tensor(0.)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class CTCLoss(_Loss):
    """The loss of sequences of labels that inputs are not aligned with; from Graves et al. 2006.

    Args:
        blank (int): the class of no label. Default: 0.
        reduction (str): "mean" divides losses by the lengths of their targets and takes their mean;
            "sum" or "none". Default: "mean".
        zero_infinity (bool): losses of inputs too short for their targets are 0. Default: False.

    Shape:
        - log_probs: `(T, N, C)` or `(T, C)`, from `log_softmax`.
        - targets: `(N, S)`, or all sequences behind each other.
        - input_lengths, target_lengths: `(N,)`.
        - Output: no dimension, or `(N,)` with "none".

    Example:
        >>> import argand
        >>> from argand import nn
        >>> x = argand.zeros(3, 1, 2).log_softmax(2)
        >>> nn.CTCLoss()(x, argand.tensor([[1]]), (3,), (1,))
        tensor(0.2877)
    """

    __constants__ = ["blank", "reduction"]

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
            self.zero_infinity,
        )  # fmt: skip
