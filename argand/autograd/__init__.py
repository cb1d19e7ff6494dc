"""Differentiation: the graph, the engine that walks it, and the tools around them."""

from argand.autograd.api import backward as backward
from argand.autograd.api import grad as grad
from argand.autograd.function import Function as Function
from argand.autograd.grad_mode import enable_grad as enable_grad
from argand.autograd.grad_mode import inference_mode as inference_mode
from argand.autograd.grad_mode import no_grad as no_grad
from argand.autograd.grad_mode import set_grad_enabled as set_grad_enabled
from argand.autograd.gradcheck import GradcheckError as GradcheckError
from argand.autograd.gradcheck import gradcheck as gradcheck
from argand.autograd.gradcheck import gradgradcheck as gradgradcheck
