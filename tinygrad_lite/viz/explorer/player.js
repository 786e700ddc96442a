// The player: its positions go through the forward pass, then the backward pass; each step is one box.

export class Player {
  // Position 0: only the leaves are known. 1..n: operations are computed one after the other. n+1..2n: they pass on
  // their gradients, in reverse order.
  constructor(onMove) {
    this.onMove = onMove;
    this.speed = 1;
    this.steps = [];
    this.position = 0;
  }

  get end() {
    return 2 * this.steps.length;
  }

  get playing() {
    return this.timer !== undefined;
  }

  // Sets the steps, those of the visible items; the position in the passes is kept as well as possible.
  setSteps(steps) {
    const { pass } = this;
    const share = this.steps.length ? (this.position % this.steps.length || this.steps.length) / this.steps.length : 1;
    const wasEnd = this.position === this.end;
    this.steps = steps;
    if (wasEnd) this.position = this.end;
    else if (pass === "start") this.position = 0;
    else this.position = (pass === "backward" ? steps.length : 0) + Math.max(1, Math.round(share * steps.length));
  }

  get pass() {
    if (this.position === 0) return "start";
    return this.position <= this.steps.length ? "forward" : "backward";
  }

  // The position in words.
  get words() {
    const n = this.steps.length;
    if (this.pass === "start") return "start";
    return this.pass === "forward"
      ? `Forward, step ${this.position} of ${n}`
      : `Backward, step ${this.position - n} of ${n}`;
  }

  get current() {
    const n = this.steps.length;
    if (this.position === 0) return undefined;
    return this.position <= n ? this.steps[this.position - 1] : this.steps[2 * n - this.position];
  }

  // Whether a step is computed, and whether it has passed on its gradient.
  stage(index) {
    const n = this.steps.length;
    const handedOn = this.position > n && index >= 2 * n - this.position;
    return { computed: index < this.position, handedOn };
  }

  go(position) {
    const next = Math.min(this.end, Math.max(0, position));
    const forth = next === this.position + 1;
    this.position = next;
    if (next === this.end) this.pause();
    this.onMove(forth);
  }

  jump(position) {
    this.pause();
    this.go(position);
  }

  step(by) {
    this.jump(this.position + by);
  }

  play() {
    if (this.position === this.end) this.go(0);
    const tick = () => {
      this.timer = setTimeout(tick, 1000 / this.speed);
      this.go(this.position + 1);
    };
    this.timer = setTimeout(tick, 200);
    this.onMove(false);
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  toggle() {
    if (this.playing) {
      this.pause();
      this.onMove(false);
    } else this.play();
  }
}
