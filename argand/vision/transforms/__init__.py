"""Transforms of images. Mirrors `torchvision.transforms`."""

from argand.vision.transforms import functional as functional
from argand.vision.transforms.functional import InterpolationMode as InterpolationMode
from argand.vision.transforms.transforms import CenterCrop as CenterCrop
from argand.vision.transforms.transforms import Compose as Compose
from argand.vision.transforms.transforms import ConvertImageDtype as ConvertImageDtype
from argand.vision.transforms.transforms import Lambda as Lambda
from argand.vision.transforms.transforms import Normalize as Normalize
from argand.vision.transforms.transforms import RandomHorizontalFlip as RandomHorizontalFlip
from argand.vision.transforms.transforms import RandomVerticalFlip as RandomVerticalFlip
from argand.vision.transforms.transforms import Resize as Resize
from argand.vision.transforms.transforms import ToPILImage as ToPILImage
from argand.vision.transforms.transforms import ToTensor as ToTensor
