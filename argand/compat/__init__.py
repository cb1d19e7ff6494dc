"""Argand under PyTorch's names.

>>> import argand.compat
>>> argand.compat.install()  # doctest: +SKIP
>>> import torch.nn.functional as F  # doctest: +SKIP
>>> F is argand.nn.functional  # doctest: +SKIP
True
"""

from argand.compat.names import install as install
from argand.compat.names import uninstall as uninstall
