"""The special functions, gathered: importing this module enters them in the scalar table."""

from argand.kernels import bessel as bessel
from argand.kernels import gamma as gamma
from argand.kernels import normal as normal
from argand.kernels import recurrence as recurrence
from argand.kernels.primitive import EXPANSIONS as EXPANSIONS
from argand.kernels.primitive import expansion as expansion
