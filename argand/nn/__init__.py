"""Neural networks: modules, their parameters, initial values and helpers."""

from argand.nn import functional as functional
from argand.nn import init as init
from argand.nn import modules as modules
from argand.nn import parameter as parameter
from argand.nn import utils as utils
from argand.nn.modules import *  # noqa: F403
from argand.nn.parameter import Buffer as Buffer
from argand.nn.parameter import Parameter as Parameter
