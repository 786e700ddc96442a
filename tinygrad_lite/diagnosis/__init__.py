"""Reports what is wrong with a network or its training, in words and numbers, and how to cure it."""

from .finding import Diagnosis, Finding
from .learning_rate import LearningRates, lr_find
from .network import diagnose
from .recording import gradient_norms

__all__ = ["Diagnosis", "Finding", "LearningRates", "diagnose", "gradient_norms", "lr_find"]
