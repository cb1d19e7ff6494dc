"""DLPack, under the names of ``torch.utils.dlpack``.

>>> import argand
>>> from argand.utils.dlpack import from_dlpack, to_dlpack
>>> from_dlpack(to_dlpack(argand.ones(2)))
tensor([1., 1.])
"""

from argand.ops.interchange import from_dlpack as _from_dlpack
from argand.ops.interchange import to_dlpack as _to_dlpack

from_dlpack, to_dlpack = _from_dlpack.function(), _to_dlpack.function()
