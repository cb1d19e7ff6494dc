"""Helpers around training: loading of data, checkpoints of parts of a network."""

from argand.utils import checkpoint as checkpoint
from argand.utils import data as data
from argand.utils import dlpack as dlpack
