"""Optimizers; each step is one native call per group of parameters."""

from argand.optim.adam import Adam as Adam
from argand.optim.adam import AdamW as AdamW
from argand.optim.optimizer import Optimizer as Optimizer
from argand.optim.sgd import SGD as SGD
