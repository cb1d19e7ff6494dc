"""Optimizers; each step is one native call per group of parameters."""

from argand.errors import missing as _missing
from argand.optim import lr_scheduler as lr_scheduler
from argand.optim.adadelta import Adadelta as Adadelta
from argand.optim.adagrad import Adagrad as Adagrad
from argand.optim.adam import Adam as Adam
from argand.optim.adam import AdamW as AdamW
from argand.optim.adamax import Adamax as Adamax
from argand.optim.asgd import ASGD as ASGD
from argand.optim.lbfgs import LBFGS as LBFGS
from argand.optim.nadam import NAdam as NAdam
from argand.optim.optimizer import Optimizer as Optimizer
from argand.optim.radam import RAdam as RAdam
from argand.optim.rmsprop import RMSprop as RMSprop
from argand.optim.rprop import Rprop as Rprop
from argand.optim.sgd import SGD as SGD


def __getattr__(name: str) -> object:
    raise _missing(__name__, name)
