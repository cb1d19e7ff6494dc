"""Helpers around training: so far, loading of data."""

from argand.utils import data as data
