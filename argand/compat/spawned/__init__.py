"""A folder that `argand run` puts on the program's `sys.path`.

A process which `multiprocessing` spawns for the program starts from nothing but that path. There
the two files beside this one are what ``import torch`` and ``import torchvision`` find first.
"""
