/** Counterexamples in the format of VNN-COMP, and the judgement of them: on the untouched file, with the printed numbers. */
import { float32, sizeOf, type Model } from '@saddlepoint/autodiff'
import type { LinearConstraint } from './formula.ts'
import type { Box, Disjunct, Specification } from './vnnlib.ts'

/** A point that satisfies the specification on the untouched model. */
export interface Witness {
  /** Index of the disjunct that it satisfies. */
  readonly disjunct: number
  /** As printed: each inside its bounds in double precision; rounded to float32 they are what the model was fed. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** The largest Σ c·Y − bound over the disjunct's constraints: at most 0; −∞ if it has none. */
  readonly margin: number
}

/** The largest violation of a conjunction of constraints, in double precision. */
export function marginOf(constraints: readonly LinearConstraint[], y: ArrayLike<number>): number {
  let worst = -Infinity
  for (const { coefficients, bound } of constraints) {
    let sum = -bound
    for (const [j, c] of coefficients) sum += c * y[j]!
    // NaN satisfies nothing.
    worst = Number.isNaN(sum) ? Infinity : Math.max(worst, sum)
  }
  return worst
}

/** The bounds in float32, drawn inwards; where no float32 lies between them, the nearest one for both. */
export function float32Bounds({ low, high }: Box): { low: Float32Array; high: Float32Array } {
  const inner = {
    low: Float32Array.from(low, (v) => inwards(v, 1)),
    high: Float32Array.from(high, (v) => inwards(v, -1)),
  }
  for (let i = 0; i < low.length; i++)
    if (inner.low[i]! > inner.high[i]!) inner.low[i] = inner.high[i] = (low[i]! + high[i]!) / 2
  return inner
}

const bits = new Int32Array(1)
const value = new Float32Array(bits.buffer)

/** The float32 nearest to v among those not below it (direction 1) or not above it (−1). */
function inwards(v: number, direction: 1 | -1): number {
  value[0] = v
  if ((value[0]! - v) * direction >= 0) return value[0]!
  if (value[0] === 0) {
    // From either zero the next number is the smallest one of that sign.
    bits[0] = direction > 0 ? 1 : 0x80000001 | 0
    return value[0]!
  }
  bits[0]! += value[0]! > 0 === direction > 0 ? 1 : -1
  return value[0]!
}

/** The shortest decimal that rounds to the float32 `v` and lies in [low, high]. */
export function decimal(v: number, low = -Infinity, high = Infinity): string {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(v.toPrecision(digits))
    if (Math.fround(short) === v && short >= low && short <= high) return String(short)
  }
  // A bound between v and its neighbours that float32 does not hold: any number of the interval is fed as v.
  return String(v >= low && v <= high ? v : v < low ? low : high)
}

/**
 * Writes the point down, reads it back, and runs the file on it.
 *
 * @param x float32 values inside the bounds
 * @returns undefined if the untouched model does not satisfy the disjunct there
 */
export async function witnessAt(
  model: Model,
  specification: Specification,
  disjunct: number,
  x: Float32Array,
): Promise<Witness | undefined> {
  const { box, constraints } = specification.disjuncts[disjunct]!
  const inputs = Array.from(x, (v, i) => decimal(v, box.low[i], box.high[i]))
  if (inputs.some((text, i) => !(Number(text) >= box.low[i]! && Number(text) <= box.high[i]!)))
    return undefined
  const y = await outputsAt(model, inputs.map(Number))
  const margin = marginOf(constraints, y)
  return margin <= 0 ? { disjunct, inputs, outputs: Array.from(y, (v) => decimal(v)), margin } : undefined
}

/** The untouched model's first output, flat. */
export async function outputsAt(model: Model, x: ArrayLike<number>): Promise<Float32Array> {
  const [port] = model.inputs
  const sample = port!.shape.slice(1)
  const feeds = { [port!.name]: float32([x.length / sizeOf(sample), ...sample], x) }
  const results = await model.original.run(feeds)
  return results[model.outputs[0]!.name]!.data as Float32Array
}

/** Which disjunct a point satisfies in double precision on given outputs, or −1. */
export function satisfied({ disjuncts }: Specification, x: ArrayLike<number>, y: ArrayLike<number>): number {
  return disjuncts.findIndex(
    ({ box, constraints }: Disjunct) =>
      box.low.every((low, i) => x[i]! >= low && x[i]! <= box.high[i]!) && marginOf(constraints, y) <= 0,
  )
}

/** `((X_0 v)` … `(Y_0 v)` …`)`, one variable a line. */
export function formatWitness({ inputs, outputs }: Witness): string {
  const lines = [...inputs.map((v, i) => `(X_${i} ${v})`), ...outputs.map((v, i) => `(Y_${i} ${v})`)]
  return `(${lines.join('\n ')})`
}
