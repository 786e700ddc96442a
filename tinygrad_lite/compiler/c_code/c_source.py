"""Writes a program as C, operation by operation, from the bytecode that the native sweep runs.

Numbers stand in the slots of the bytecode: in a short program a local variable each, in a long one an array, so that it
can be divided into functions and the time to compile it grows with its length alone. What C has no operator for calls
the functions that the native sweep calls, by address. So results are those of the native sweep to the last bit, but for
the order in which a loop adds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from ... import ops
from ...ops import Op
from ..native.bytecode import ADD, DIV, EQUAL, LANES, MANY, MUL, NEG, ONE, SUB, SUMS, TAKE, TWO, WEIGHTED, Encoding
from ..native.bytecode_machine import forms

# Bytecode up to this length is one function with local variables; longer code is functions of this many statements.
MOST_LOCAL = 4000
_PART = 200
# Steps whose numbers are added before they are added to the sum: so rounding errors do not grow with all steps.
_ADDED_TOGETHER = 128
_TERMS_IN_LINE = 8
_OPERATORS = {ADD: "+", SUB: "-", MUL: "*", DIV: "/"}
_NAMES: dict[int, Op] = {op.code: op for op in forms if isinstance(op, Op)}
_TYPES = {
    ONE: ("double", "double"), LANES: ("void", "double *, double *, ptrdiff_t"), TWO: ("double", "double, double"),
    MANY: ("double", "double *, ptrdiff_t"),
}  # fmt: skip
# Functions that are shorter than a call, as in c_functions.py and sequence_functions.py.
_SHORT = {
    ops.abs: "fabs({0})",
    ops.sqrt: "sqrt({0})",
    ops.relu: "{0} <= 0.0 ? 0.0 : {0}",
    ops.step: "{0} > 0.0 ? 1.0 : {0} <= 0.0 ? 0.0 : {0}",
    ops.sign: "{0} > 0.0 ? 1.0 : {0} < 0.0 ? -1.0 : {0} == 0.0 ? 0.0 : {0}",
    ops.maximum: "{0} != {0} || {0} > {1} ? {0} : {1}",
    ops.minimum: "{0} != {0} || {0} < {1} ? {0} : {1}",
    ops.less: "{0} < {1} ? 1.0 : 0.0",
    ops.less_equal: "{0} <= {1} ? 1.0 : 0.0",
    ops.equal: "{0} == {1} ? 1.0 : 0.0",
    ops.not_equal: "{0} != {1} ? 1.0 : 0.0",
    ops.where: "{0} != 0.0 ? {1} : {2}",
}


class Source:
    """A program in C. Each of its operations must have a form in C.

    functions  the operations whose functions it calls, in the order in which connect() takes their addresses
    """

    def __init__(self, encoding: Encoding) -> None:
        self.functions: list[Op] = []
        self.encoding = encoding
        self._constants = dict(encoding.constants)
        code = encoding.written.numbers
        self._local = len(code) <= MOST_LOCAL
        self._written = set[int]()
        self._statements = list(self._operations(code))
        self._starts = () if self._local else range(0, len(self._statements), _PART)

    def sweep(self) -> str:
        """sweep(w, xs): runs the program once on the slots w; see Executor."""
        return "\n".join([*self._beginning(), *self._parts(), *self._sweep(), ""])

    def loop(self, carried: int, given: int) -> str:
        """loop(at): runs the program once a step; see CLoop."""
        return "\n".join([*self._beginning(), *self._parts(), *self._loop(carried, given), ""])

    def _beginning(self) -> Iterator[str]:
        yield "#include <math.h>\n#include <stddef.h>\n#include <stdint.h>"
        kinds = [_TYPES[forms[op][0]] for op in self.functions]
        for op, (result, arguments) in zip(self.functions, kinds, strict=True):
            yield f"static {result} (*f_{op.name})({arguments});"
        yield "void connect(const long long *at) {"
        for k, (op, (result, arguments)) in enumerate(zip(self.functions, kinds, strict=True)):
            yield f"f_{op.name} = ({result} (*)({arguments}))(intptr_t)at[{k}];"
        yield "}"

    def _parts(self) -> Iterator[str]:
        """The functions of a long program, one after the other."""
        for start in self._starts:
            yield f"static int part{start}(double *restrict w, double *restrict xs) {{"
            yield from self._statements[start : start + _PART]
            yield "return 0;\n}"

    def _run(self) -> Iterator[str]:
        if self._local:
            yield from self._statements
        else:
            yield f"if ({' || '.join(f'part{start}(w, xs)' for start in self._starts)}) return 1;"

    def _sweep(self) -> Iterator[str]:
        encoding = self.encoding
        yield "int sweep(double *restrict w, double *restrict xs) {"
        if self._local:
            yield from self._declared(f"w[{k}]" for k in range(encoding.inputs + encoding.parameters))
        yield from self._run()
        if self._local:
            for slot in sorted(self._written.intersection(encoding.results)):
                yield f"w[{slot}] = s{slot};"
        yield "return 0;\n}"

    def _loop(self, carried: int, given: int) -> Iterator[str]:
        results, inputs = self.encoding.results, self.encoding.inputs
        summed = len(results) - carried - given
        yield "int loop(const long long *at) {"
        yield "const long long steps = at[0], lanes = at[1], back = at[2];"
        for k, name in enumerate(("P", "C", "G", "S", "A", "w", "xs"), 3):
            yield f"double *restrict {name} = (double *)(intptr_t)at[{k}];"
        for k in range(inputs - carried) if self._local else ():
            yield f"const double *r{k} = (const double *)(intptr_t)at[{10 + 3 * k}];"
            yield f"const long long a{k} = at[{11 + 3 * k}], b{k} = at[{12 + 3 * k}];"
        if not self._local:
            yield f"for (int k = 0; k < {self.encoding.parameters}; k++) w[{inputs} + k] = P[k];"
            for slot, number in self._constants.items():
                yield f"w[{slot}] = {_literal(number)};"
        yield f"for (long long k = 0; k < {summed} * lanes; k++) S[k] = 0.0;"
        yield f"for (long long first = 0; first < steps; first += {_ADDED_TOGETHER}) {{"
        yield f"const long long end = steps - first < {_ADDED_TOGETHER} ? steps : first + {_ADDED_TOGETHER};"
        yield f"for (long long k = 0; k < {summed} * lanes; k++) A[k] = 0.0;"
        yield "for (long long i = first; i < end; i++) {"
        yield "const long long t = back ? steps - 1 - i : i, now = t + (back != 0), next = t + (back == 0);"
        yield "for (long long l = 0; l < lanes; l++) {"
        carry, read = "C[({0} * (steps + 1) + now) * lanes + l]", "r{0}[t * a{0} + l * b{0}]"
        if self._local:
            numbers = [*map(carry.format, range(carried)), *map(read.format, range(inputs - carried))]
            yield from self._declared([*numbers, *[f"P[{k}]" for k in range(self.encoding.parameters)]])
        else:
            yield f"for (int k = 0; k < {carried}; k++) w[k] = {carry.format('k')};"
            yield f"for (int k = 0; k < {inputs - carried}; k++)"
            yield f"w[{carried} + k] = ((double *)(intptr_t)at[10 + 3 * k])[t * at[11 + 3 * k] + l * at[12 + 3 * k]];"
        yield from self._run()
        for k, slot in enumerate(results):
            name = self._name(slot)
            if k < carried:
                yield f"C[({k} * (steps + 1) + next) * lanes + l] = {name};"
            elif k < carried + given:
                yield f"G[({k - carried} * steps + t) * lanes + l] = {name};"
            else:
                yield f"A[{k - carried - given} * lanes + l] += {name};"
        yield f"}}\n}}\nfor (long long k = 0; k < {summed} * lanes; k++) S[k] += A[k];\n}}\nreturn 0;\n}}"

    def _declared(self, numbers: Iterable[str]) -> Iterator[str]:
        """Declares the local variables: these numbers are the first, in order."""
        known = 0
        for known, number in enumerate(numbers, 1):
            yield f"double s{known - 1} = {number};"
        rest = sorted(slot for slot in self._written if slot >= known)
        if rest:
            yield f"double {', '.join(f's{slot}' for slot in rest)};"

    def _name(self, slot: int) -> str:
        if slot in self._constants:
            return _literal(self._constants[slot])
        return f"s{slot}" if self._local else f"w[{slot}]"

    def _operations(self, code: Sequence[int]) -> Iterator[str]:
        """One statement for each operation."""
        i = 0
        while i < len(code):
            operation, result, i = code[i], self._name(code[i + 1]), i + 2
            self._written.add(code[i - 1])
            if operation in (SUMS, WEIGHTED):
                pairs, plus, minus = code[i + 1 : i + 4]
                end = i + 4 + 2 * pairs + plus + minus
                names = [self._name(slot) for slot in code[i + 4 : end]]
                yield from self._sum(result, self._name(code[i]), names, pairs, plus)
                i = end
            elif operation == TAKE:
                count = code[i]
                yield self._take(result, code[i + 1 : i + 1 + count], self._name(code[i + 1 + count]))
                i += count + 2
            elif operation in _TYPES:
                op = _NAMES[code[i]]
                count = {MANY: code[i + 1], TWO: 2}.get(operation, 1)
                i += 1 + (operation == MANY)
                yield self._called(op, result, [self._name(slot) for slot in code[i : i + count]])
                i += count
            else:
                count = {NEG: 1, EQUAL: 4}.get(operation, 2)
                names = [self._name(slot) for slot in code[i : i + count]]
                i += count
                if operation == EQUAL:
                    yield "{} = {} == {} ? {} : {};".format(result, *names)
                else:
                    yield f"{result} = {_OPERATORS.get(operation, '-').join(names if count == 2 else ['', *names])};"

    def _sum(self, result: str, start: str, names: Sequence[str], pairs: int, plus: int) -> Iterator[str]:
        """start + products of pairs + plus terms - minus terms, from left to right."""
        terms = [f" + {a} * {b}" for a, b in zip(names[: 2 * pairs : 2], names[1 : 2 * pairs : 2], strict=True)]
        terms += [f" + {a}" for a in names[2 * pairs : 2 * pairs + plus]]
        terms += [f" - {a}" for a in names[2 * pairs + plus :]]
        for k in range(0, max(1, len(terms)), _TERMS_IN_LINE):
            yield f"{result} = {result if k else start}{''.join(terms[k : k + _TERMS_IN_LINE])};"

    def _take(self, result: str, table: Sequence[int], index: str) -> str:
        """An element of a table; an index that is none ends the run, which then says which it was."""
        count = len(table)
        check = f"if (!(x >= 0.0 && x < {count} && x == (double)(int)x)) {{ xs[0] = x; xs[1] = {count}; return 1; }}"
        if self._local:
            cases = " ".join([f"case {k}: {result} = {self._name(slot)}; break;" for k, slot in enumerate(table)])
            return f"{{ const double x = {index}; {check}\nswitch ((int)x) {{ {cases} }} }}"
        slots = f"static const int slots[] = {{{', '.join(map(str, table or [0]))}}};"
        return f"{{ const double x = {index}; {check}\n{slots} {result} = w[slots[(int)x]]; }}"

    def _called(self, op: Op, result: str, names: Sequence[str]) -> str:
        """A function of the native sweep."""
        short, operation = _SHORT.get(op), forms[op][0]
        if short is not None:
            return f"{result} = {short.format(*names)};"
        if op not in self.functions:
            self.functions.append(op)
        if operation == LANES:
            return f"{{ double x = {names[0]}, y; f_{op.name}(&x, &y, 1); {result} = y; }}"
        if operation == MANY:
            given = " ".join([f"xs[{k}] = {name};" for k, name in enumerate(names)])
            return f"{given} {result} = f_{op.name}(xs, {len(names)});"
        return f"{result} = f_{op.name}({', '.join(names)});"


def _literal(number: float) -> str:
    if math.isfinite(number):
        return f"({number.hex()})"
    return "NAN" if math.isnan(number) else "INFINITY" if number > 0.0 else "(-INFINITY)"
