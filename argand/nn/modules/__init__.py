"""The modules of `argand.nn`, a file per topic."""

from argand.nn.modules.activation import *
from argand.nn.modules.batchnorm import *
from argand.nn.modules.container import *
from argand.nn.modules.conv import *
from argand.nn.modules.dropout import *
from argand.nn.modules.flatten import *
from argand.nn.modules.fold import *
from argand.nn.modules.lazy import *
from argand.nn.modules.linear import *
from argand.nn.modules.loss import *
from argand.nn.modules.margin_loss import *
from argand.nn.modules.module import Module as Module
from argand.nn.modules.normalization import *
from argand.nn.modules.padding import *
from argand.nn.modules.pixelshuffle import *
from argand.nn.modules.pooling import *
from argand.nn.modules.sparse import *
from argand.nn.modules.upsampling import *
