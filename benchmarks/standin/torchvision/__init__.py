"""A stand-in for torchvision, which has no release that installs beside this PyTorch.

It has what examples/mnist_mlp.py uses, and does the same work for each sample: an image of Pillow
is made from the stored bytes, and `ToTensor` makes floats of it again.
"""

from torchvision import datasets as datasets
from torchvision import transforms as transforms
