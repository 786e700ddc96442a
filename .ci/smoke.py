"""Whether what was installed works, without the tests' packages.

    python .ci/smoke.py CHECKOUT compiled|pure dot|no-dot|either

It must not be the checkout's package that is imported; the engine must be of the kind named, and dot there or not.
"""

import importlib
import os
import shutil
import sys
import tempfile

import tinygrad_lite as tl
from tinygrad_lite import demo, optim
from tinygrad_lite.nn import MLP
from tinygrad_lite.source.engine_choice import SOURCES

checkout, engine, dot = sys.argv[1:]
assert not tl.__file__.startswith(checkout), tl.__file__
kinds = {name: importlib.import_module(name).compiled for name in SOURCES}
assert set(kinds.values()) == {tl.engine.compiled} == {engine == "compiled"}, kinds
assert bool(shutil.which("dot")) == (dot == "dot") or dot == "either"
assert demo.__doc__ is not None
assert tl.hessian(lambda x: x[0] ** 2 * x[1])([2.0, 3.0]) == [[6.0, 4.0], [4.0, 0.0]]
model = MLP(2, [4, 1])
loss = (model([1.0, -2.0]) - 1) ** 2
loss.backward()
assert any(p.grad for p in model.parameters())
print(tl.explain(model.parameters()[0], wrt=loss))
assert tl.compare(loss).ok and "relu" in str(loss.formula())
optim.Adam(model.parameters()).step()
assert tl.gradcheck(lambda x: x.tanh(), [0.5]).ok
compiled_loss = tl.compile(lambda x: (model(x) - 1) ** 2)
assert abs(compiled_loss.batch([[1.0, -2.0]]).data - compiled_loss([1.0, -2.0])) < 1e-12
print(compiled_loss.summary)
folder = tempfile.mkdtemp()
for name in ("loss.svg", "loss.dot"):
    loss.graph().save(os.path.join(folder, name))
compiled_loss.graph().save(os.path.join(folder, "compiled.svg"))
model.save(os.path.join(folder, "model.npz"))
model.load(os.path.join(folder, "model.npz"))
print("smoke test passed:", tl.__file__)
