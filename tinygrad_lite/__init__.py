"""x"""
from . import engine
