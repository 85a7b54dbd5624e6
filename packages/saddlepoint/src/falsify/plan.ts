/** Which disjuncts are searched from where: the centres of all boxes first, then random points, most where it is closest. */
import { Random } from '../random/philox.ts'
import type { Population, Walker } from './population.ts'
import type { Specification } from './vnnlib.ts'
import { float32Bounds } from './witness.ts'

/** A step should take about this long: the last steps of a round find most, and many points at a time delay them. */
const STEP_MS = 12
const MOST_WALKERS = 256

/** Numbers of steps: a first look, a second one, and then the length at which APGD is usually run. */
const STEPS = [20, 40, 100, 100, 300]

/** Of the soft maximum over constraints, in turns; measured: far from hard finds most, by far. */
const SHARPNESS = [20, 30, 20, 30, 20, 60, 1e4]

type Bounds = ReturnType<typeof float32Bounds>

export class Plan {
  /** The least margin seen per disjunct. */
  readonly margins: Float64Array
  private readonly seed: number
  /** −1, or the number of points that the model takes at a time. */
  private readonly batch: number
  private readonly closest: (Float32Array | undefined)[]
  private readonly boxes: readonly Bounds[]
  private readonly visits: Int32Array
  private readonly outputs: number
  private drawn = 0
  private rounds = 0
  private msPerWalker = 0

  constructor({ disjuncts, outputs }: Specification, seed: number, batch: number) {
    const inner = new Map([...new Set(disjuncts.map((d) => d.box))].map((box) => [box, float32Bounds(box)]))
    this.boxes = disjuncts.map((d) => inner.get(d.box)!)
    this.outputs = outputs
    this.margins = new Float64Array(disjuncts.length).fill(Infinity)
    this.visits = new Int32Array(disjuncts.length)
    this.closest = disjuncts.map(() => undefined)
    this.seed = seed
    this.batch = batch
  }

  /** The next population. */
  next(): { walkers: readonly Walker[]; steps: number } {
    const walkers = Array.from({ length: this.room }, () => this.walker())
    return { walkers, steps: STEPS[this.rounds < STEPS.length ? this.rounds++ : 2 + (this.rounds++ % 3)]! }
  }

  /** Tells what a step cost. */
  took(ms: number, walkers: number): void {
    this.msPerWalker = this.msPerWalker ? 0.8 * this.msPerWalker + (0.2 * ms) / walkers : ms / walkers
  }

  /** Tells how far a population came. */
  learn(population: Population): void {
    for (const [i, { disjunct }] of population.walkers.entries()) {
      const margin = population.bestMargins[i]!
      if (!(margin < this.margins[disjunct]!)) continue
      this.margins[disjunct] = margin
      this.closest[disjunct] = population.bestOf(i)
    }
  }

  private get room(): number {
    if (this.batch > 0) return this.batch
    const affordable = this.msPerWalker ? Math.round(STEP_MS / this.msPerWalker) : 16
    const unseen = this.visits.filter((v) => v === 0).length
    if (unseen) return Math.min(unseen, MOST_WALKERS)
    return Math.max(2, Math.min(affordable, MOST_WALKERS))
  }

  private walker(): Walker {
    const disjunct = this.disjunct()
    const visit = this.visits[disjunct]++
    const box = this.boxes[disjunct]!
    const walker = {
      disjunct,
      stepSize: 2,
      inertia: 0.75,
      sharpness: SHARPNESS[visit % SHARPNESS.length]!,
    }
    if (visit === 0) return { ...walker, x: box.low.map((v, i) => within(box, i, v / 2 + box.high[i]! / 2)) }
    // Clipped boxes, as of dark pictures, are lopsided: their corners lead elsewhere than their centre does.
    if (visit <= 2) return { ...walker, x: (visit === 1 ? box.low : box.high).slice() }
    return { ...walker, ...this.variation(disjunct, visit, box) }
  }

  private variation(disjunct: number, visit: number, box: Bounds): Pick<Walker, 'x'> & Partial<Walker> {
    const random = new Random(this.seed, disjunct * 2 ** 24 + visit)
    const width = (i: number) => box.high[i]! - box.low[i]!
    const lean = Float32Array.from({ length: this.outputs }, () => random.uniform(-1, 1))
    const uniform = () => box.low.map((v, i) => within(box, i, v + width(i) * random.uniform()))
    const corner = (share: number) => box.low.map((v, i) => (random.uniform() < share ? box.high[i]! : v))
    switch (visit % 6) {
      case 0:
        return { x: centre(box), stepSize: random.uniform(0.1, 2) }
      case 5:
        return { x: uniform(), lean, stepSize: 0.5 }
      case 1: {
        const near = this.closest[disjunct]
        if (!near) return { x: uniform() }
        const spread = random.uniform()
        return {
          x: near.map((v, i) => within(box, i, v + width(i) * spread * random.uniform(-0.5, 0.5))),
          stepSize: 0.5,
        }
      }
      case 2:
        return { x: corner(random.uniform()), lean, inertia: 1 }
      case 3:
        return { x: corner(random.uniform() ** 2), lean }
      default:
        return { x: corner(random.uniform() ** 2), stepSize: random.uniform(0.1, 2) }
    }
  }

  /** Every disjunct once; then by turns one after the other and those that came closest. */
  private disjunct(): number {
    const count = this.visits.length
    const turn = this.drawn++
    if (turn < count || count === 1) return turn % count
    if (turn % 2) return ((turn - 1) / 2) % count
    const order = [...this.margins.keys()].toSorted((a, b) => this.margins[a]! - this.margins[b]!)
    // 1st, 2nd, 1st, 3rd, 1st, 2nd, 1st, 4th …: how often 2 divides the turn.
    const rank = 31 - Math.clz32((turn / 2) & -(turn / 2))
    return order[Math.min(rank, count - 1)]!
  }
}

const within = ({ low, high }: Bounds, i: number, v: number) => Math.min(Math.max(v, low[i]!), high[i]!)

const centre = (box: Bounds) => box.low.map((v, i) => within(box, i, v / 2 + box.high[i]! / 2))
