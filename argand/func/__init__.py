"""Functions of functions: derivatives, batches, and modules as functions of their parameters."""

from argand.func.jacobians import hessian as hessian
from argand.func.jacobians import jacfwd as jacfwd
from argand.func.jacobians import jacrev as jacrev
from argand.func.modules import functional_call as functional_call
from argand.func.modules import replace_all_batch_norm_modules_ as replace_all_batch_norm_modules_
from argand.func.modules import stack_module_state as stack_module_state
from argand.func.transforms import grad as grad
from argand.func.transforms import grad_and_value as grad_and_value
from argand.func.transforms import jvp as jvp
from argand.func.transforms import linearize as linearize
from argand.func.transforms import vjp as vjp
from argand.func.vectorize import vmap as vmap
