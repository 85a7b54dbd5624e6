/**
 * Shape arithmetic, done while a file is read: the values of small integer tensors that depend on shapes and constants
 * alone. A value may be a multiple of the batch.
 */
import { ndarray, sizeOf } from '../tensor/array.ts'
import type { Shape } from '../tensor/shape.ts'
import { constant, constantValue, Node, type Attributes, type Tensor } from '../tensor/tensor.ts'

/** A number, or k times the batch size. */
export type Size = number | { readonly batch: number }
export interface Sizes {
  readonly dims: readonly number[]
  readonly values: readonly Size[]
}

/** More elements than this are weights, not shapes. */
const LIMIT = 4096

const known = new WeakMap<Tensor, Sizes>()

/** The value of a tensor as far as it is known now. */
export function staticValue(tensor: Tensor | undefined): Sizes | undefined {
  if (!tensor) return undefined
  const noted = known.get(tensor)
  if (noted) return noted
  const value = constantValue(tensor)
  if (!value || value.data.length > LIMIT) return undefined
  return { dims: value.dims, values: Array.from(value.data as ArrayLike<number | bigint>, Number) }
}

/** The same where no element is a multiple of the batch. */
export function staticNumbers(tensor: Tensor | undefined): number[] | undefined {
  const values = staticValue(tensor)?.values
  return values?.every((v) => typeof v === 'number') ? [...values] : undefined
}

/** A tensor with a value known now: a constant, or a node that is only written out if something reads it at run time. */
function staticTensor(type: Tensor['type'], { dims, values }: Sizes): Tensor {
  if (values.every((v) => typeof v === 'number')) return constant(ndarray(type, dims, values))
  const sizes = values.map((v) => (typeof v === 'number' ? [v, 0] : [0, v.batch]))
  const tensor = new Node('Sizes', [], { sizes }, [{ type, shape: dims }]).outputs[0]!
  known.set(tensor, { dims, values })
  return tensor
}

export const dimensions = (shape: Shape): Size[] => shape.map((d) => (d < 0 ? { batch: -d } : d))

/** Evaluates one node of a file if its operands are known; undefined if it is no shape arithmetic. */
export function evaluateStatic(
  op: string,
  inputs: readonly (Tensor | undefined)[],
  attributes: Attributes,
): Tensor | undefined {
  const [x] = inputs
  if (op === 'Shape') {
    const { start = 0, end } = attributes as { start?: number; end?: number }
    const values = dimensions(x!.shape).slice(start, end)
    return staticTensor('int64', { dims: [values.length], values })
  }
  const rule = rules[op]
  if (!rule || !inputs.length) return undefined
  const operands = inputs.map((t) => staticValue(t))
  if (operands.some((v, i) => inputs[i] && !v)) return undefined
  // Constant weights stay what they are: only values that could be shapes are worked out here.
  if (inputs.every((t) => !t || (t.type.startsWith('float') && sizeOf(t.shape) > 16))) return undefined
  const result = rule(operands as Sizes[], attributes, x!)
  return result && staticTensor(result.type ?? x!.type, result)
}

type Rule = (
  operands: readonly Sizes[],
  attributes: Attributes,
  first: Tensor,
) => (Sizes & { type?: Tensor['type'] }) | undefined

const batchOf = (v: Size) => (typeof v === 'number' ? 0 : v.batch)
const size = (number: number, batch: number): Size | undefined =>
  batch === 0 ? number : number === 0 ? { batch } : undefined

function pairwise(f: (a: Size, b: Size, integer: boolean) => Size | undefined): Rule {
  return ([a, b], _, first) => {
    if (a!.values.length !== b!.values.length && a!.values.length !== 1 && b!.values.length !== 1)
      return undefined
    const longer = a!.values.length >= b!.values.length && a!.dims.length >= b!.dims.length ? a! : b!
    const values = Array.from({ length: Math.max(a!.values.length, b!.values.length) }, (__, i) =>
      f(
        a!.values[a!.values.length === 1 ? 0 : i]!,
        b!.values[b!.values.length === 1 ? 0 : i]!,
        !first.type.startsWith('float'),
      ),
    )
    return values.every((v) => v !== undefined) ? { dims: longer.dims, values: values as Size[] } : undefined
  }
}
const numeric = (f: (...v: number[]) => number) =>
  pairwise((a, b) => (typeof a === 'number' && typeof b === 'number' ? f(a, b) : undefined))

const sameAs = (a: Size, b: Size) => (typeof a === 'number' ? a === b : a.batch === batchOf(b))
const mapped =
  (f: (v: number) => number): Rule =>
  ([a]) => ({ dims: a!.dims, values: a!.values.map((v) => (typeof v === 'number' ? f(v) : v)) })

const at = (s: Sizes, i: number) => s.values[s.values.length === 1 ? 0 : i]!

const rules: Record<string, Rule> = {
  Identity: ([a]) => a,
  Cast: ([a], { to }) => {
    const integer = !String(to).startsWith('float')
    const values = a!.values.map((v) => (typeof v === 'number' && integer ? Math.trunc(v) : v))
    return { dims: a!.dims, values, type: to as Tensor['type'] }
  },
  Floor: mapped(Math.floor),
  Ceil: mapped(Math.ceil),
  Neg: mapped((v) => -v),
  Add: pairwise((a, b) =>
    typeof a === 'number' && typeof b === 'number'
      ? a + b
      : size((typeof a === 'number' ? a : 0) + (typeof b === 'number' ? b : 0), batchOf(a) + batchOf(b)),
  ),
  Sub: pairwise((a, b) =>
    typeof a === 'number' && typeof b === 'number'
      ? a - b
      : size((typeof a === 'number' ? a : 0) - (typeof b === 'number' ? b : 0), batchOf(a) - batchOf(b)),
  ),
  Mul: pairwise((a, b) => {
    if (typeof a === 'number') return typeof b === 'number' ? a * b : { batch: a * b.batch }
    return typeof b === 'number' ? { batch: a.batch * b } : undefined
  }),
  Div: pairwise((a, b, integer) => {
    const whole = (v: number) => (integer ? Math.trunc(v) : v)
    if (typeof a === 'number') return typeof b === 'number' ? whole(a / b) : undefined
    if (typeof b === 'number') return Number.isInteger(a.batch / b) ? { batch: a.batch / b } : undefined
    return a.batch / b.batch
  }),
  Mod: numeric((a, b) => a - Math.floor(a / b) * b),
  Min: numeric(Math.min),
  Max: numeric(Math.max),
  Equal: (operands, attributes, first) => {
    const result = pairwise((a, b) => (sameAs(a, b) ? 1 : 0))(operands, attributes, first)
    return result && { ...result, type: 'bool' }
  },
  Where: ([c, a, b]) => {
    const longest = [c!, a!, b!].reduce((p, q) => (q.values.length > p.values.length ? q : p))
    return {
      dims: longest.dims,
      values: longest.values.map((_v, i) => (at(c!, i) ? at(a!, i) : at(b!, i))),
      type: 'int64',
    }
  },
  Concat: (operands) => {
    if (operands.some((o) => o.dims.length !== 1)) return undefined
    const values = operands.flatMap((o) => o.values)
    return { dims: [values.length], values }
  },
  Gather: ([data, indices], { axis }) => {
    if (data!.dims.length !== 1 || (axis ?? 0) !== 0) return undefined
    const n = data!.values.length
    const values = indices!.values.map(
      (i) => data!.values[(i as number) < 0 ? (i as number) + n : (i as number)]!,
    )
    return { dims: indices!.dims, values }
  },
  Slice: ([data, starts, ends, axes, steps]) => {
    if (data!.dims.length !== 1 || (axes && axes.values[0] !== 0 && axes.values[0] !== -1)) return undefined
    if (steps && steps.values[0] !== 1) return undefined
    const values = data!.values.slice(starts!.values[0] as number, ends!.values[0] as number)
    return { dims: [values.length], values }
  },
  Unsqueeze: ([a]) => (a!.dims.length === 0 ? { dims: [1], values: a!.values } : undefined),
  Squeeze: ([a]) => (a!.values.length === 1 ? { dims: [], values: a!.values } : undefined),
  Reshape: ([a, target]) => {
    const dims = target!.values.map((v) => (v === -1 ? a!.values.length : (v as number)))
    return sizeOf(dims) === a!.values.length ? { dims, values: a!.values } : undefined
  },
  ReduceProd: ([a]) => {
    let number = 1
    let batch = 0
    for (const v of a!.values) {
      if (typeof v === 'number') number *= v
      else if (batch) return undefined
      else batch = v.batch
    }
    return { dims: [], values: [batch ? { batch: batch * number } : number] }
  },
  ConstantOfShape: ([a], { value }) => {
    if (a!.values.length > 1 || typeof a!.values[0] === 'object') return undefined
    const fill = value as { type: Tensor['type']; data: ArrayLike<number | bigint> } | undefined
    const count = (a!.values[0] as number | undefined) ?? 1
    if (count > LIMIT) return undefined
    return {
      dims: a!.values.length ? [count] : [],
      values: Array.from({ length: count }, () => Number(fill?.data[0] ?? 0)),
      type: fill?.type ?? 'float32',
    }
  },
  Range: ([start, limit, delta]) => {
    const [from, to, by] = [start!, limit!, delta!].map((s) => s.values[0])
    if (typeof from !== 'number' || typeof to !== 'number' || typeof by !== 'number') return undefined
    const count = Math.max(0, Math.ceil((to - from) / by))
    if (count > LIMIT) return undefined
    return { dims: [count], values: Array.from({ length: count }, (_, i) => from + i * by) }
  },
}
