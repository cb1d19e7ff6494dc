"""Helpers around the parameters of a module."""

from argand.nn.utils import parametrizations as parametrizations
from argand.nn.utils import parametrize as parametrize
from argand.nn.utils import stateless as stateless
from argand.nn.utils.clip_grad import clip_grad_norm as clip_grad_norm
from argand.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from argand.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from argand.nn.utils.clip_grad import clip_grads_with_norm_ as clip_grads_with_norm_
from argand.nn.utils.clip_grad import get_total_norm as get_total_norm
from argand.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from argand.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters
from argand.nn.utils.init import skip_init as skip_init
from argand.nn.utils.spectral_norm import remove_spectral_norm as remove_spectral_norm
from argand.nn.utils.spectral_norm import spectral_norm as spectral_norm
from argand.nn.utils.weight_norm import remove_weight_norm as remove_weight_norm
from argand.nn.utils.weight_norm import weight_norm as weight_norm
