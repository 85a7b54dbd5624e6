/** The rows of one batch of a table, and what may become of them, traced. */
import {
  abs,
  and,
  clip,
  constant,
  cumSum,
  equal,
  expand,
  float32,
  floor,
  gatherElements,
  greater,
  greaterOrEqual,
  less,
  matMul,
  maximum,
  minimum,
  round,
  scatterElements,
  sign,
  stack,
  stopGradient,
  topK,
  where,
  zerosLike,
  type Tensor,
} from '@saddlepoint/autodiff'
import { isStill, SLACK, type Column } from './columns-schema.ts'
import type { Place } from './perturbation.ts'

/** How far below the next whole number, or below a switch, something stays that is not affordable. */
const SHORT = 0.02
const HALVINGS = 24

/** The rows of one batch, and what may become of them. */
export class Rows {
  private readonly place: Place
  private readonly list: readonly Column[]
  private readonly members: readonly (readonly number[])[]
  private readonly norm: 'l1' | 'linf'
  /** How far down and up each value may go, [N, d]: what is there is always allowed. */
  private readonly low: Tensor
  private readonly high: Tensor

  constructor(
    place: Place,
    list: readonly Column[],
    members: readonly (readonly number[])[],
    norm: 'l1' | 'linf',
  ) {
    this.place = place
    this.list = list
    this.members = members
    this.norm = norm
    const { x, bounds } = place
    const limit = (f: (c: Column) => number) => this.row(f)
    const free = limit((c) => (isStill(c) ? 0 : 1))
    const down = limit((c) => Math.max(c.low === Infinity ? bounds[0] : c.low, bounds[0])).sub(x)
    const up = limit((c) => Math.min(c.high === -Infinity ? bounds[1] : c.high, bounds[1])).sub(x)
    this.low = minimum(down, 0)
      .mul(free)
      .mul(limit((c) => (c.direction > 0 ? 0 : 1)))
    this.high = maximum(up, 0)
      .mul(free)
      .mul(limit((c) => (c.direction < 0 ? 0 : 1)))
  }

  ball() {
    const { place, norm } = this
    const { x } = place
    return {
      ...place,
      zero: () => zerosLike(x),
      random: (random: { uniform(shape: readonly number[]): Tensor }) => {
        const u = random.uniform(x.shape.slice(1))
        return this.project(this.low.add(this.high.sub(this.low).mul(u)))
      },
      apply: (p: Tensor) => x.add(this.straightThrough(p)),
      project: (p: Tensor) => this.project(p),
      steepest: (g: Tensor, p: Tensor) => this.steepest(g, p),
      extreme: (g: Tensor) => this.extreme(g),
      size: (p: Tensor) => total(this.prices(this.hard(p)), norm),
      evidence: (p: Tensor) => stack([this.hard(p), x], 1),
    }
  }

  private row(f: (column: Column, index: number) => number): Tensor {
    return constant(float32([1, this.list.length], this.list.map(f)))
  }

  /** Whole numbers and whole switches in the value; the gradient goes by as if there were none (Bengio et al. 2013). */
  private straightThrough(p: Tensor): Tensor {
    return p.add(stopGradient(this.hard(p).sub(p)))
  }

  /** What p stands for: whole numbers, the largest member of each group. */
  private hard(p: Tensor): Tensor {
    const whole = where(
      greater(
        this.row((c) => (c.integer ? 1 : 0)),
        0,
      ),
      round(p),
      p,
    )
    if (!this.members.length) return whole
    const { x } = this.place
    const level = x.add(p)
    const best = this.overGroups(level, 'max')
    // Of equal ones the one that is there.
    const leads = greaterOrEqual(level.add(x.mul(1e-6)), best)
    const chosen = leads.cast('float32')
    const only = where(greater(this.overGroups(chosen, 'sum'), 1.5), x, chosen)
    return where(
      greater(
        this.row((c) => (c.group >= 0 && !isStill(c) ? 1 : 0)),
        0,
      ),
      only.sub(x),
      whole,
    )
  }

  /** For each column the maximum or sum over its group; its own value where it has none. */
  private overGroups(values: Tensor, how: 'max' | 'sum'): Tensor {
    let result = values
    for (const [g, members] of this.members.entries()) {
      const mask = this.row((c) => (c.group === g ? 1 : 0))
      const inside = greater(mask, 0)
      const one =
        how === 'sum' ? matMul(values, this.selector(members)) : where(inside, values, -1e30).max(1, true)
      result = where(inside, one, result)
    }
    return result
  }

  private selector(members: readonly number[]): Tensor {
    return constant(
      float32(
        [this.list.length, 1],
        this.list.map((_, j) => (members.includes(j) ? 1 : 0)),
      ),
    )
  }

  /**
   * How much of its item each column holds, [N, d] ≥ 0: the change of a single column; at the first column of a group the share
   * that moved to another member, and 0 at its others.
   */
  private amounts(p: Tensor): Tensor {
    const moved = this.overGroups(
      where(
        greater(
          this.row((c) => (c.group >= 0 ? 1 : 0)),
          0,
        ),
        maximum(p, 0),
        p,
      ),
      'sum',
    )
    return abs(moved).mul(this.row((c, j) => (c.group < 0 || this.members[c.group]![0] === j ? 1 : 0)))
  }

  private prices(p: Tensor): Tensor {
    return this.amounts(p).mul(this.costs())
  }

  private costs(): Tensor {
    return this.row((c) => c.cost)
  }

  /** The factor of each item for all of its columns. */
  private spread(perItem: Tensor): Tensor {
    return this.overGroups(
      perItem.mul(this.row((c, j) => (c.group < 0 || this.members[c.group]![0] === j ? 1 : 0))),
      'sum',
    )
  }

  private project(p: Tensor): Tensor {
    const inRange = this.onSimplices(maximum(minimum(p, this.high), this.low))
    return this.affordable(this.cheaper(inRange))
  }

  /** Shares of a group sum to 1. */
  private onSimplices(p: Tensor): Tensor {
    if (!this.members.length) return p
    const { x } = this.place
    const level = maximum(x.add(p), 0)
    const scaled = level.div(maximum(this.overGroups(level, 'sum'), 1e-9))
    return where(
      greater(
        this.row((c) => (c.group >= 0 && !isStill(c) ? 1 : 0)),
        0,
      ),
      scaled.sub(x),
      p,
    )
  }

  /** All amounts lessened by λ · cost for the one λ at which what is left costs eps (as in the L1 ball), or cut at eps. */
  private cheaper(p: Tensor): Tensor {
    const { eps } = this.place
    const amount = this.amounts(p)
    const costs = this.costs()
    const radius = eps.reshape([eps.shape[0]!, 1])
    if (this.norm === 'linf') {
      const most = where(greater(costs, 0), radius.div(maximum(costs, 1e-12)), 1e30)
      return p.mul(this.spread(minimum(most.div(maximum(amount, 1e-12)), 1)))
    }
    const left = (lambda: Tensor) => maximum(amount.sub(costs.mul(lambda)), 0)
    let low = radius.mul(0)
    let high = where(greater(costs, 0), amount.div(maximum(costs, 1e-12)), 0).max(1, true)
    for (let i = 0; i < HALVINGS; i++) {
      const middle = low.add(high).mul(0.5)
      const above = greater(left(middle).mul(costs).sum(1, true), radius)
      low = where(above, middle, low)
      high = where(above, high, middle)
    }
    const inside = less(amount.mul(costs).sum(1, true), radius.mul(1 + 1e-6))
    return p.mul(this.spread(where(inside, 1, left(high).div(maximum(amount, 1e-12)))))
  }

  /**
   * Rounding may make a change dearer than it was. Items are paid for in turn, those first that rounding did not favour; what can no
   * longer be paid stays just short of its next whole number, or of its switch.
   */
  private affordable(p: Tensor): Tensor {
    const { x, eps } = this.place
    const soft = this.prices(p)
    const due = this.prices(this.hard(p))
    const radius = eps.reshape([eps.shape[0]!, 1]).mul(1 - 1e-6)
    const paid =
      this.norm === 'linf' ? minimum(due, radius) : this.inTurn(soft.div(maximum(due, 1e-9)), due, radius)
    const short = less(paid, due.mul(1 - 1e-6))
    const amount = this.amounts(p)
    const units = floor(paid.div(maximum(this.costs(), 1e-12)).add(1e-4))
    const isWhole = greater(
      this.row((c) => (c.integer ? 1 : 0)),
      0,
    )
    const most = where(
      isWhole,
      minimum(amount, units.add(0.5 - SHORT)),
      paid.div(maximum(this.costs(), 1e-12)),
    )
    const single = where(short, p.mul(most.div(maximum(amount, 1e-12))), p)
    if (!this.members.length) return single
    // The member that is there leads the others by a little.
    const level = x.add(p)
    const others = this.overGroups(level.sub(x.mul(1e3)), 'max')
    const held = where(greater(x, 0.5), maximum(level, others.add(SHORT)), level).sub(x)
    const grouped = greater(
      this.row((c) => (c.group >= 0 ? 1 : 0)),
      0,
    )
    const shortGroup = greater(this.spread(short.cast('float32')), 0.5)
    return where(grouped, where(shortGroup, held, p), single)
  }

  /** How much of each price is paid out of a budget [N, 1], the items of the highest rank first. */
  private inTurn(rank: Tensor, due: Tensor, budget: Tensor): Tensor {
    const { indices } = topK(rank, this.list.length)
    const sorted = gatherElements(due, indices, 1)
    const before = cumSum(sorted, 1).sub(sorted)
    const paid = clip(budget.sub(before), 0)
    return scatterElements(zerosLike(due), indices, minimum(paid, sorted), 1)
  }

  /** For each item: where a gradient leads, as a change by one unit (one switch), and what that gains per price. */
  private wishes(g: Tensor, p: Tensor) {
    const { x } = this.place
    const grouped = greater(
      this.row((c) => (c.group >= 0 && !isStill(c) ? 1 : 0)),
      0,
    )
    const open = where(
      greater(g, 0),
      greater(this.high.sub(p), SLACK).cast('float32'),
      greater(p.sub(this.low), SLACK).cast('float32'),
    )
    let unit = sign(g).mul(open)
    let gain = abs(g).mul(open)
    if (this.members.length) {
      const best = this.overGroups(where(grouped, g, 0), 'max')
      const towards = and(grouped, equal(g, best)).cast('float32')
      const only = towards.div(maximum(this.overGroups(towards, 'sum'), 1))
      unit = where(grouped, only.sub(x), unit)
      const there = this.overGroups(g.mul(x), 'sum')
      gain = where(grouped, maximum(best.sub(there), 0), gain)
    }
    const still = this.row((c) => (isStill(c) ? 0 : 1))
    const first = this.row((c, j) => (c.group < 0 || this.members[c.group]![0] === j ? 1 : 0))
    const rate = gain.mul(still).mul(first).div(maximum(this.costs(), 1e-6))
    return { unit: unit.mul(still), rate }
  }

  private steepest(g: Tensor, p: Tensor): Tensor {
    const { unit, rate } = this.wishes(g, p)
    const per = this.row((c) => 1 / Math.max(c.cost, 1e-6))
    const chosen =
      this.norm === 'linf' ? greater(rate, 0) : and(greaterOrEqual(rate, rate.max(1, true)), greater(rate, 0))
    return unit.mul(this.spread(chosen.cast('float32').mul(per)))
  }

  /** Every item as far as it goes, in the order of what it gains per price, until the budget is spent: a fractional knapsack. */
  private extreme(g: Tensor): Tensor {
    const { eps } = this.place
    const { unit, rate } = this.wishes(g, zerosLike(g))
    const room = where(greater(unit, 0), this.high, this.low.neg())
    const grouped = greater(
      this.row((c) => (c.group >= 0 ? 1 : 0)),
      0,
    )
    const reach = where(greater(rate, 0), where(grouped, 1, room), 0)
    const due = reach.mul(this.costs())
    const radius = eps.reshape([eps.shape[0]!, 1])
    const paid =
      this.norm === 'linf' ? minimum(due, expand(radius, due.shape)) : this.inTurn(rate, due, radius)
    const share = where(greater(due, 0), paid.div(maximum(due, 1e-12)), 1)
    return unit.mul(this.spread(reach.mul(share)))
  }
}

const total = (prices: Tensor, norm: 'l1' | 'linf') => (norm === 'l1' ? prices.sum(1) : prices.max(1))
