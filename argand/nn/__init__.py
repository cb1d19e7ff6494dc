"""Neural networks: modules, their parameters, initial values and helpers."""

from argand.errors import missing as _missing
from argand.nn import functional as functional
from argand.nn import init as init
from argand.nn import modules as modules
from argand.nn import parameter as parameter
from argand.nn import utils as utils
from argand.nn.modules.activation import *
from argand.nn.modules.batchnorm import *
from argand.nn.modules.container import *
from argand.nn.modules.conv import *
from argand.nn.modules.dropout import *
from argand.nn.modules.flatten import *
from argand.nn.modules.fold import *
from argand.nn.modules.lazy import *
from argand.nn.modules.linear import *
from argand.nn.modules.loss import *
from argand.nn.modules.margin_loss import *
from argand.nn.modules.module import Module as Module
from argand.nn.modules.normalization import *
from argand.nn.modules.padding import *
from argand.nn.modules.pixelshuffle import *
from argand.nn.modules.pooling import *
from argand.nn.modules.sparse import *
from argand.nn.modules.upsampling import *
from argand.nn.parameter import Buffer as Buffer
from argand.nn.parameter import Parameter as Parameter
from argand.nn.parameter import UninitializedBuffer as UninitializedBuffer
from argand.nn.parameter import UninitializedParameter as UninitializedParameter


def __getattr__(name: str) -> object:
    raise _missing(__name__, name)
