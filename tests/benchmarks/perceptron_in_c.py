"""A perceptron's step of training in C: how fast plain loops are, if there is a compiler."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .networks import RATE, stepping
from .racing import Contender
from .starts import DECAY, PERCEPTRONS, by_neuron, start

SOURCE = r"""
#include <math.h>
#include <string.h>

/* A row of outputs at a time; weights lie input by input, so that the inner loops run along memory. */
static void layer(long batch, long n, long m, const double *x, const double *w, const double *b, double *y) {
    for (long r = 0; r < batch; r++, x += n, y += m) {
        memcpy(y, b, m * sizeof *y);
        for (long i = 0; i < n; i++)
            for (long j = 0; j < m; j++) y[j] += x[i] * w[i * m + j];
    }
}

static void activate(long count, int relu, double *y) {
    for (long k = 0; k < count; k++) y[k] = relu ? (y[k] > 0 ? y[k] : 0) : tanh(y[k]);
}

/* g: derivatives by the outputs, of which those by weights, biases and, unless h is null, inputs are made. */
static void back(long batch, long n, long m, const double *x, const double *w, const double *g,
                 double *restrict gw, double *restrict gb, double *restrict h) {
    memset(gw, 0, n * m * sizeof *gw);
    memset(gb, 0, m * sizeof *gb);
    for (long r = 0; r < batch; r++, x += n, g += m) {
        for (long j = 0; j < m; j++) gb[j] += g[j];
        for (long i = 0; i < n; i++)
            for (long j = 0; j < m; j++) gw[i * m + j] += x[i] * g[j];
        if (!h) continue;
        for (long i = 0; i < n; i++) {
            double sum = 0;
            for (long j = 0; j < m; j++) sum += w[i * m + j] * g[j];
            *h++ = sum;
        }
    }
}

static double hinge(long batch, const double *score, const double *side, double *g) {
    double loss = 0;
    for (long r = 0; r < batch; r++) {
        double margin = 1 - side[r] * score[r];
        g[r] = margin > 0 ? -side[r] / batch : 0;
        loss += margin > 0 ? margin : 0;
    }
    return loss / batch;
}

static double cross_entropy(long batch, long m, const double *z, const double *label, double *g) {
    double loss = 0;
    for (long r = 0; r < batch; r++, z += m, g += m) {
        double top = z[0], total = 0;
        for (long j = 1; j < m; j++) top = z[j] > top ? z[j] : top;
        for (long j = 0; j < m; j++) total += g[j] = exp(z[j] - top);
        for (long j = 0; j < m; j++) g[j] /= total * batch;
        g[(long)label[r]] -= 1.0 / batch;
        loss += log(total) + top - z[(long)label[r]];
    }
    return loss / batch;
}

/* values: the batch, then room for each layer's outputs; adjoints: as much room. weights, gradients: layer by layer. */
double step(long layers, const long *width, int is_hinge, double decay, double rate, long batch,
            const double *targets, double *weights, double *gradients, double *values, double *adjoints) {
    long w = 0, v = 0;
    for (long k = 0; k < layers; k++) {
        long n = width[k], m = width[k + 1];
        layer(batch, n, m, values + v, weights + w, weights + w + n * m, values + v + batch * n);
        w += (n + 1) * m;
        v += batch * n;
        if (k < layers - 1) activate(batch * m, is_hinge, values + v);
    }
    long last = width[layers], count = w;
    double loss = is_hinge ? hinge(batch, values + v, targets, adjoints + v)
                           : cross_entropy(batch, last, values + v, targets, adjoints + v);
    for (long k = layers - 1; k >= 0; k--) {
        long n = width[k], m = width[k + 1];
        double *g = adjoints + v;
        w -= (n + 1) * m;
        v -= batch * n;
        back(batch, n, m, values + v, weights + w, g, gradients + w, gradients + w + n * m, k ? adjoints + v : 0);
        if (k == 0) break;
        for (long i = v; i < v + batch * n; i++)
            adjoints[i] *= is_hinge ? (values[i] > 0) : 1 - values[i] * values[i];
    }
    for (long k = 0; k < count; k++) {
        loss += decay * weights[k] * weights[k];
        gradients[k] += 2 * decay * weights[k];
        weights[k] -= rate * gradients[k];
    }
    return loss;
}
"""


def is_there() -> bool:
    return shutil.which("cc") is not None


def _library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "perceptron.c"), Path(folder, "perceptron.so")
        source.write_text(SOURCE)
        command = ["cc", "-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(library))


def contender(name: str) -> Contender:
    import numpy as np

    net = PERCEPTRONS[name]
    begin = start(name)
    x, targets = begin.columns
    weights = np.concatenate([w.T.ravel() for w in begin.weights])
    gradients = np.empty_like(weights)
    values = np.empty(len(x) * sum(net.widths))
    values[: x.size] = x.ravel()
    adjoints = np.empty_like(values)
    function = _library().step
    function.restype = ctypes.c_double
    layers = len(net.widths) - 1
    numbers = [ctypes.c_long(layers), (ctypes.c_long * len(net.widths))(*net.widths), ctypes.c_int(net.hinge)]
    numbers += [ctypes.c_double(DECAY if net.hinge else 0), ctypes.c_double(RATE if net.updates else 0)]
    numbers.append(ctypes.c_long(len(x)))
    arrays = [a.ctypes.data_as(ctypes.c_void_p) for a in (targets, weights, gradients, values, adjoints)]  # keeps them

    def step() -> float:
        return float(function(*numbers, *arrays))

    def found() -> list[float]:
        parts: list[Any] = []
        end = 0
        for w in begin.weights:
            begun, end = end, end + w.size
            parts.append((weights if net.updates else gradients)[begun:end].reshape(w.T.shape).T)
        return by_neuron(parts)

    return stepping(step, found)
