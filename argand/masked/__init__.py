"""Operations on the elements of a tensor where a mask is true, under PyTorch's names.

An element that is masked out does not count: it is replaced by what changes nothing. What has no
element left is that value itself, for example 0 for a sum.
"""

from argand.errors import missing
from argand.masked.normalizations import log_softmax as log_softmax
from argand.masked.normalizations import logaddexp as logaddexp
from argand.masked.normalizations import normalize as normalize
from argand.masked.normalizations import softmax as softmax
from argand.masked.normalizations import softmin as softmin
from argand.masked.reductions import amax as amax
from argand.masked.reductions import amin as amin
from argand.masked.reductions import argmax as argmax
from argand.masked.reductions import argmin as argmin
from argand.masked.reductions import cumprod as cumprod
from argand.masked.reductions import cumsum as cumsum
from argand.masked.reductions import logsumexp as logsumexp
from argand.masked.reductions import mean as mean
from argand.masked.reductions import median as median
from argand.masked.reductions import norm as norm
from argand.masked.reductions import prod as prod
from argand.masked.reductions import std as std
from argand.masked.reductions import sum as sum
from argand.masked.reductions import var as var


def __getattr__(name: str) -> object:
    raise missing(__name__, name)
