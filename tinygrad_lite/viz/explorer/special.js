// Functions that the evaluator needs and Math lacks, with the names of the Python array API and of SciPy.

function maximum(a, b) {
  return a !== a || a > b ? a : b;
}
function minimum(a, b) {
  return a !== a || a < b ? a : b;
}
function sign(x) {
  return x > 0 ? 1 : x < 0 ? -1 : x === 0 ? 0 : x;
}
function heaviside(x, atZero) {
  return x > 0 ? 1 : x < 0 ? 0 : x === 0 ? atZero : x;
}
function logaddexp(a, b) {
  return a === b ? a + Math.LN2 : maximum(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
}

// The remainder with the sign of a, as in C.
function fmod(a, b) {
  return a % b;
}

// The remainder with the sign of b, as in Python.
function remainder(a, b) {
  const rest = a % b;
  if (rest === 0) return b > 0 ? 0 : -0;
  return rest < 0 !== b < 0 ? rest + b : rest;
}

// Rounds to the nearest whole number; a tie goes to the even one.
function round(x) {
  const above = Math.round(x);
  return Math.abs(x % 1) === 0.5 && above % 2 !== 0 ? above - 1 : above;
}

// The power as in C: 1 to any power is 1, and -1 to an infinite power is 1, where Math.pow gives NaN.
function pow(x, n) {
  return x === 1 || (x === -1 && Math.abs(n) === Infinity) ? 1 : Math.pow(x, n);
}
function exp2(x) {
  return Math.pow(2, x);
}

// Near 0 computed from exp(x x) erf(x), whose power series has only positive terms (Abramowitz & Stegun 7.1.6).
function erf(x) {
  if (!(Math.abs(x) < 1)) return 1 - erfc(x);
  let term = x,
    sum = x;
  for (let k = 1; k < 30; k++) sum += term *= (2 * x * x) / (2 * k + 1);
  return (sum * Math.exp(-x * x) * 2) / Math.sqrt(Math.PI);
}

// erfc(x) = exp(-x x) 2 x / pi * (integral of exp(-t t) / (t t + x x) over t > 0), Abramowitz & Stegun 7.4.11, by the
// midpoint rule. With this step its error is 1e-21, except for the pole at t = i x, whose share is added up to pi / step.
function erfc(x) {
  if (x < 0) return 2 - erfc(-x);
  if (x < 1) return 1 - erf(x);
  if (!(x < 40)) return x > 0 ? 0 : x;
  return Math.exp(-x * x) * erfcx(x);
}

// exp(x x) erfc(x), for x >= 1/2.
function erfcx(x) {
  const step = 29 / 64;
  let sum = 0;
  for (let t = step / 2; t < 7; t += step) sum += Math.exp(-t * t) / (x + t * (t / x));
  const pole = x < Math.PI / step ? (2 * Math.exp(x * x)) / (1 + Math.exp(((2 * Math.PI) / step) * x)) : 0;
  return (sum * 2 * step) / Math.PI + pole;
}

function log_ndtr(x) {
  if (x < -1) return Math.log(erfcx(-x * Math.SQRT1_2) / 2) - 0.5 * x * x;
  return Math.log1p(-erfc(x * Math.SQRT1_2) / 2);
}

// Near 0 computed from the power series and two steps of Halley's iteration.
function erfinv(x) {
  if (!(Math.abs(x) <= 0.5)) return -Math.sign(x) * Math.SQRT1_2 * ndtri(0.5 - 0.5 * Math.abs(x));
  const half = Math.sqrt(Math.PI) / 2,
    w = half * x;
  let y = w * (1 + w * w * (1 / 3 + w * w * (7 / 30 + (w * w * 127) / 630)));
  for (let k = 0; k < 2; k++) {
    const off = (erf(y) - x) * half * Math.exp(y * y);
    y -= off / (1 + y * off);
  }
  return y;
}

// Starts from Abramowitz & Stegun 26.2.23, then uses Halley's iteration for the logarithm.
function ndtri(p) {
  if (p > 0.75) return 0 - ndtri(1 - p);
  if (p > 0.25) return Math.SQRT2 * erfinv(2 * p - 1);
  if (!(p > 0)) return p === 0 ? -Infinity : NaN;
  const t = Math.sqrt(-2 * Math.log(p));
  let y = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
  for (let k = 0; k < 3; k++) {
    const ratio = erfcx(-y * Math.SQRT1_2) / 2,
      slope = 1 / (Math.sqrt(2 * Math.PI) * ratio),
      off = (Math.log(ratio) - 0.5 * y * y - Math.log(p)) / slope;
    y -= off / (1 + 0.5 * off * (slope + y));
  }
  return y;
}

// The integral of u**n exp(-u u / 2 - u x) over u > 0, by the trapezoidal rule for u = exp(s - exp(-s)) (Takahasi and
// Mori 1974); below -1 by recurrence.
function mills(n, x) {
  if (!(n >= 0 && n <= 20 && Number.isInteger(n)) || x !== x) return NaN;
  if (x < -1) {
    let before = 0,
      value = (Math.sqrt(Math.PI / 2) * erfc(x * Math.SQRT1_2)) / Math.exp(-0.5 * x * x);
    for (let k = 0; k < n; k++) [before, value] = [value, (k ? k * before : 1) - x * value];
    return value;
  }
  if (x === Infinity) return 0;
  const scale = x >= 2 ? 2 ** Math.floor(Math.log2(x)) : 1;
  let sum = 0;
  for (let k = -60; k <= 80; k++) {
    const small = Math.exp(-k / 16),
      u = Math.exp(k / 16 - small);
    sum += ((u * (1 + small)) / 16) * u ** n * Math.exp(-u * ((0.5 / scale / scale) * u + x / scale));
  }
  return (sum / scale) * scale ** -n;
}

// B2, B4, ... B20.
const BERNOULLI = [
  1 / 6,
  -1 / 30,
  1 / 42,
  -1 / 30,
  5 / 66,
  -691 / 2730,
  7 / 6,
  -3617 / 510,
  43867 / 798,
  -174611 / 330,
];

// Stirling's series from 16 on (Abramowitz & Stegun 6.1.41), by recurrence below; by reflection (6.1.17) below 0.
function gammaln(x) {
  if (!(Math.abs(x) < Infinity)) return x * x;
  if (x <= 0) {
    const sine = Math.abs(Math.sin(Math.PI * (x - Math.round(x))));
    return Number.isInteger(x) ? Infinity : -Math.log(sine / Math.PI) - Math.log(-x) - gammaln(-x);
  }
  let product = 1;
  for (; x < 16; x++) product *= x;
  let series = 0;
  BERNOULLI.forEach((b, j) => {
    series += (b / ((2 * j + 1) * (2 * j + 2))) * x ** (-2 * j - 1);
  });
  return (x - 0.5) * (Math.log(x) - 1) + 0.4189385332046727 + series - Math.log(product);
}

// n! times the sum of (x + k)**-(n + 1) over k >= 0; for n = 0, -digamma(x). The first terms are added one by one, the
// rest by the Euler-Maclaurin formula (Abramowitz & Stegun 6.4.11, 6.3.18).
function zetaSum(n, x) {
  let sum = 0;
  for (; ; x++) {
    let term = 1 / x;
    for (let j = 1; j <= n; j++) term *= j / x;
    if (x >= Math.max(16, 2 * n + 2)) {
      let series = 0.5,
        c = (n + 1) / (2 * x);
      BERNOULLI.forEach((b, j) => {
        series += b * c;
        c *= ((n + 2 * j + 2) * (n + 2 * j + 3)) / ((2 * j + 3) * (2 * j + 4) * x * x);
      });
      return sum + term * series + (n > 0 ? (term * x) / n : -Math.log(x));
    }
    sum += term;
  }
}

// For x < 0, the sum runs over x, x + 1, ..., near, near + 1, ...; its first part is a difference of two sums.
function polygamma(n, x) {
  if (!(n >= 0 && n <= 1000 && Number.isInteger(n)) || x !== x || x === -Infinity) return NaN;
  const odd = n % 2 === 1,
    factor = odd ? 1 : -1;
  if (x === Infinity) return n > 0 ? factor * 0 : Infinity;
  if (x === 0) return odd ? Infinity : -1 / x;
  if (x > 0) return factor * zetaSum(n, x);
  if (Number.isInteger(x)) return odd ? Infinity : NaN;
  const near = x - Math.round(x);
  let first = 1 / near;
  for (let j = 1; j <= n; j++) first *= j / near;
  if (!Number.isFinite(first)) return factor * first;
  return factor * (first + zetaSum(n, 1 + near) + factor * (zetaSum(n, 1 - near) - zetaSum(n, 1 - x)));
}
