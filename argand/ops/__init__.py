"""Operations: one record each, a file per topic."""

from argand.ops import activation as activation
from argand.ops import arithmetic as arithmetic
from argand.ops import bits as bits
from argand.ops import create as create
from argand.ops import floating as floating
from argand.ops import fold as fold
from argand.ops import index as index
from argand.ops import inplace as inplace
from argand.ops import join as join
from argand.ops import linalg as linalg
from argand.ops import logic as logic
from argand.ops import loss as loss
from argand.ops import masks as masks
from argand.ops import matmul as matmul
from argand.ops import power as power
from argand.ops import query as query
from argand.ops import random as random
from argand.ops import reduce as reduce
from argand.ops import resample as resample
from argand.ops import rounding as rounding
from argand.ops import sampling as sampling
from argand.ops import shape as shape
from argand.ops import slicing as slicing
from argand.ops import softmax as softmax
from argand.ops import sorting as sorting
from argand.ops import transcendental as transcendental
