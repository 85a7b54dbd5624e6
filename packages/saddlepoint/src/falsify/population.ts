/** Points that walk down their margins together, step sizes by the rule of APGD (Croce and Hein 2020, algorithm 1). */
import { float32, int64, type NDArray } from '@saddlepoint/autodiff'
import type { TracedProgram } from '../attacks/program.ts'

/** Where one point starts and how it walks. */
export interface Walker {
  readonly disjunct: number
  readonly x: Float32Array
  /** In half widths of the box. */
  readonly stepSize: number
  /** Share of the new direction in a move. */
  readonly inertia: number
  /** Of the soft maximum over constraints; large is the maximum itself. */
  readonly sharpness: number
  /** A direction of the outputs to climb for the first steps: where the search begins in earnest (ODI, Tashiro et al. 2020). */
  readonly lean?: Float32Array
}

/** Steps that a walker with a direction takes along it. */
const LEAN_STEPS = 5

/** The share of improving steps under which a step size is halved (their rho). */
const ENOUGH = 0.75

export class Population {
  readonly walkers: readonly Walker[]
  readonly bestMargins: Float32Array
  private readonly size: number
  private readonly outputs: number
  private leans: Float32Array
  private readonly stepSizes: Float32Array
  private readonly checkpoints: ReadonlySet<number>
  private readonly gains: Int32Array
  private readonly bestAtCheckpoint: Float32Array
  private readonly halved: Uint8Array
  private lastMargins: Float32Array
  private lastCheckpoint = 0
  private steps = 0
  private x: Float32Array
  private previous: Float32Array
  private best: Float32Array

  /**
   * @param outputs components of the model's output
   * @param budget steps that will be made at most
   */
  constructor(walkers: readonly Walker[], outputs: number, budget: number) {
    this.walkers = walkers
    this.size = walkers[0]!.x.length
    this.x = new Float32Array(walkers.length * this.size)
    walkers.forEach((w, i) => this.x.set(w.x, i * this.size))
    this.outputs = outputs
    this.leans = new Float32Array(walkers.length * outputs)
    walkers.forEach((w, i) => w.lean && this.leans.set(w.lean, i * outputs))
    this.previous = this.x
    this.best = this.x
    this.bestMargins = new Float32Array(walkers.length).fill(Infinity)
    this.lastMargins = this.bestMargins.slice()
    this.bestAtCheckpoint = this.bestMargins.slice()
    this.stepSizes = Float32Array.from(walkers, (w) => w.stepSize)
    this.gains = new Int32Array(walkers.length)
    this.halved = new Uint8Array(walkers.length)
    this.checkpoints = checkpointsOf(budget)
  }

  /** One step of all; afterwards bestMargins and bestOf speak of every point visited so far. */
  async step(program: TracedProgram): Promise<void> {
    const { walkers, size } = this
    const n = walkers.length
    const column = (values: ArrayLike<number>) => float32([n, 1], values)
    const feeds: Record<string, NDArray> = {
      x: float32([n, size], this.x),
      previous: float32([n, size], this.previous),
      best: float32([n, size], this.best),
      bestMargin: column(this.bestMargins),
      stepSize: column(this.stepSizes),
      // The first step has no move before it.
      inertia: column(walkers.map((w) => (this.steps ? w.inertia : 1))),
      sharpness: column(walkers.map((w) => w.sharpness)),
      lean: float32([n, this.outputs], this.leans),
      pull: column(walkers.map((w) => (w.lean && this.steps < LEAN_STEPS ? 0 : 1))),
      disjunct: int64(
        [n],
        walkers.map((w) => w.disjunct),
      ),
    }
    const { margin, next, nextBest } = (await program.run(feeds)) as Record<string, { data: Float32Array }>
    this.previous = this.x
    this.x = next!.data
    this.best = nextBest!.data
    this.judge(margin!.data)
  }

  /** The best point that walker i has visited. */
  bestOf(i: number): Float32Array {
    return this.best.slice(i * this.size, (i + 1) * this.size)
  }

  /** The walker with the least margin. */
  get leader(): number {
    return this.bestMargins.reduce((least, m, i, all) => (m < all[least]! ? i : least), 0)
  }

  private judge(margins: Float32Array): void {
    this.steps++
    if (this.steps === LEAN_STEPS) this.leans = new Float32Array(this.leans.length)
    for (const [i, m] of margins.entries()) {
      if (m < this.lastMargins[i]!) this.gains[i]!++
      if (m < this.bestMargins[i]!) this.bestMargins[i] = m
    }
    this.lastMargins = margins.slice()
    if (this.checkpoints.has(this.steps)) this.checkpoint()
  }

  private checkpoint(): void {
    const length = this.steps - this.lastCheckpoint
    for (let i = 0; i < this.walkers.length; i++) {
      const stuck = !this.halved[i] && this.bestAtCheckpoint[i] === this.bestMargins[i]
      const halve = stuck || this.gains[i]! < ENOUGH * length
      this.halved[i] = halve ? 1 : 0
      if (halve) {
        this.stepSizes[i]! /= 2
        const [from, to] = [i * this.size, (i + 1) * this.size]
        this.x.set(this.best.subarray(from, to), from)
        this.previous.set(this.best.subarray(from, to), from)
      }
      this.gains[i] = 0
    }
    this.bestAtCheckpoint.set(this.bestMargins)
    this.lastCheckpoint = this.steps
  }
}

function checkpointsOf(budget: number): ReadonlySet<number> {
  const steps = new Set<number>()
  let [before, at] = [0, 0.22]
  while (at <= 1) {
    steps.add(Math.ceil(at * budget))
    ;[before, at] = [at, at + Math.max(at - before - 0.03, 0.06)]
  }
  return steps
}
