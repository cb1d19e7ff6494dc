"""Images: data sets and transforms. Mirrors torchvision: https://docs.pytorch.org/vision/"""

from argand.vision import datasets as datasets
from argand.vision import transforms as transforms
