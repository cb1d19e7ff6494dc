"""The modules of `argand.nn`, a file per topic."""

from argand.nn.modules import activation, container, dropout, flatten, linear, loss
from argand.nn.modules.activation import *  # noqa: F403
from argand.nn.modules.container import *  # noqa: F403
from argand.nn.modules.dropout import *  # noqa: F403
from argand.nn.modules.flatten import *  # noqa: F403
from argand.nn.modules.linear import *  # noqa: F403
from argand.nn.modules.loss import *  # noqa: F403
from argand.nn.modules.module import Module as Module

__all__ = ["Module"]
__all__ += activation.__all__
__all__ += container.__all__
__all__ += dropout.__all__
__all__ += flatten.__all__
__all__ += linear.__all__
__all__ += loss.__all__
