"""Data sets of images. Mirrors `torchvision.datasets`, and adds `Digits`, which is built in."""

from argand.vision.datasets.digits import Digits as Digits
from argand.vision.datasets.fakedata import FakeData as FakeData
from argand.vision.datasets.folder import DatasetFolder as DatasetFolder
from argand.vision.datasets.folder import ImageFolder as ImageFolder
from argand.vision.datasets.mnist import KMNIST as KMNIST
from argand.vision.datasets.mnist import MNIST as MNIST
from argand.vision.datasets.mnist import FashionMNIST as FashionMNIST
from argand.vision.datasets.vision import VisionDataset as VisionDataset
