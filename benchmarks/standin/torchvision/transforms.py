"""The conversion of an image of Pillow to a tensor."""

import numpy as np
import torch
from PIL import Image


class ToTensor:
    """From rows x columns (x channels) of bytes to channels x rows x columns of 0 to 1."""

    def __call__(self, image: Image.Image) -> torch.Tensor:
        values = torch.from_numpy(np.array(image, np.uint8, copy=True))
        values = values.view(image.height, image.width, len(image.getbands()))
        values = values.permute(2, 0, 1).contiguous()
        return values.to(torch.get_default_dtype()).div(255)
