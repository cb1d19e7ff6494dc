"""Differentiation: the graph, the engine that walks it, and the tools around them.

`functional` and `forward_ad` are here too; they are loaded with the package, because they are
written with tensors.
"""

from argand.autograd import anomaly_mode as anomaly_mode
from argand.autograd import function as function
from argand.autograd import grad_mode as grad_mode
from argand.autograd import graph as graph
from argand.autograd import variable as variable
from argand.autograd.anomaly_mode import detect_anomaly as detect_anomaly
from argand.autograd.anomaly_mode import set_detect_anomaly as set_detect_anomaly
from argand.autograd.api import backward as backward
from argand.autograd.api import grad as grad
from argand.autograd.function import Function as Function
from argand.autograd.grad_mode import enable_grad as enable_grad
from argand.autograd.grad_mode import inference_mode as inference_mode
from argand.autograd.grad_mode import is_multithreading_enabled as is_multithreading_enabled
from argand.autograd.grad_mode import no_grad as no_grad
from argand.autograd.grad_mode import set_grad_enabled as set_grad_enabled
from argand.autograd.grad_mode import set_multithreading_enabled as set_multithreading_enabled
from argand.autograd.gradcheck import GradcheckError as GradcheckError
from argand.autograd.gradcheck import gradcheck as gradcheck
from argand.autograd.gradcheck import gradgradcheck as gradgradcheck
from argand.autograd.variable import Variable as Variable
