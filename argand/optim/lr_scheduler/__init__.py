"""Schedules of learning rates; see `LRScheduler`."""

from argand.errors import missing as _missing
from argand.optim.lr_scheduler.base import LRScheduler as LRScheduler
from argand.optim.lr_scheduler.combined import ChainedScheduler as ChainedScheduler
from argand.optim.lr_scheduler.combined import SequentialLR as SequentialLR
from argand.optim.lr_scheduler.cosine import CosineAnnealingLR as CosineAnnealingLR
from argand.optim.lr_scheduler.cosine import (
    CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts,
)
from argand.optim.lr_scheduler.cyclic import CyclicLR as CyclicLR
from argand.optim.lr_scheduler.cyclic import OneCycleLR as OneCycleLR
from argand.optim.lr_scheduler.decay import ConstantLR as ConstantLR
from argand.optim.lr_scheduler.decay import ExponentialLR as ExponentialLR
from argand.optim.lr_scheduler.decay import LambdaLR as LambdaLR
from argand.optim.lr_scheduler.decay import LinearLR as LinearLR
from argand.optim.lr_scheduler.decay import MultiplicativeLR as MultiplicativeLR
from argand.optim.lr_scheduler.decay import MultiStepLR as MultiStepLR
from argand.optim.lr_scheduler.decay import PolynomialLR as PolynomialLR
from argand.optim.lr_scheduler.decay import StepLR as StepLR
from argand.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau


def __getattr__(name: str) -> object:
    if name == "_LRScheduler":  # its old name, which programs still use
        return LRScheduler
    raise _missing(__name__, name)
