/**
 * Functions that work number by number as one WebAssembly loop. ONNX Runtime goes over memory once for each operation:
 * where the operations are many, as in an optimiser's update of millions of numbers, that is most of the time.
 */
import { lower } from '../transform/lower.ts'
import { ancestors } from '../tensor/differentiate.ts'
import { constantValue, type Tensor } from '../tensor/tensor.ts'
import { loopModule, type LoopNode } from './simd-loop.ts'

/** Numbers of each array that are worked on at once: all arrays together then stay in a processor's cache. */
const PIECE = 2 ** 12

/**
 * Writes the outputs of some numbers.
 *
 * @param inputs by name: arrays of equal length, and numbers for the scalars
 * @param into an array of that length for each output; it may be one of the inputs
 * @returns whether all numbers written are finite
 */
export type Fused = (
  inputs: Readonly<Record<string, Float32Array | number>>,
  into: Readonly<Record<string, Float32Array>>,
) => boolean

/** Operations on four numbers at once, each rounded as ONNX Runtime rounds it. */
const VECTOR: Readonly<Record<string, number>> = {
  Add: 0xe4,
  Sub: 0xe5,
  Mul: 0xe6,
  Div: 0xe7,
  Min: 0xe8,
  Max: 0xe9,
  Abs: 0xe0,
  Neg: 0xe1,
  Sqrt: 0xe3,
}

/** The same on scalars, which are worked out once for all numbers. */
const SCALAR: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Min: (a, b) => Math.min(a, b),
  Max: (a, b) => Math.max(a, b),
  Abs: (a) => Math.abs(a),
  Neg: (a) => -a,
  Sqrt: (a) => Math.sqrt(a),
  Pow: (a, b) => a ** b,
}

type ScalarRule = (inputs: Parameters<Fused>[0]) => number

/**
 * @param outputs of placeholders made by `input` and of constants: float32, of shape [−1] each, or [] for a scalar
 * @throws Error if an operation is not elementary arithmetic
 */
export async function fuse(outputs: Readonly<Record<string, Tensor>>): Promise<Fused> {
  const results = lower(Object.values(outputs), { provider: 'cpu' })
  const names = Object.keys(outputs)
  const order = ancestors(results).map((node) => node.outputs[0]!)
  const varying = order.filter((t) => t.rank > 0)
  const scalars = order.filter((t) => t.rank === 0)
  const arrays = varying.filter((t) => t.node.op === 'Input')

  const first = Math.ceil(scalars.length / 4) * 16
  const place = (slot: number) => first + slot * PIECE * 4
  const operand = (t: Tensor) =>
    t.rank > 0 ? { value: varying.indexOf(t) } : { scalarAt: 4 * scalars.indexOf(t) }
  const body = varying.map((t): LoopNode => {
    if (t.node.op === 'Input') return { loadFrom: place(arrays.indexOf(t)) }
    return { opcode: known(VECTOR, t), operands: t.node.inputs.map((x) => operand(x!)) }
  })
  const stores = results.map((t, i) => ({ from: operand(t), to: place(arrays.length + i) }))
  const size = place(arrays.length + names.length)
  const { instance } = await WebAssembly.instantiate(loopModule(body, stores, size))
  const { memory, loop } = instance.exports as unknown as {
    memory: WebAssembly.Memory
    loop(bytes: number): number
  }
  const numbers = new Float32Array(memory.buffer)

  const fed: ScalarRule[] = scalars.map((t) => {
    if (t.node.op === 'Input') return (inputs) => inputs[nameOf(t)] as number
    const fixed = constantValue(t)
    if (fixed) return () => Number(fixed.data[0])
    const rule = known(SCALAR, t)
    const [a, b] = t.node.inputs.map((x) => scalars.indexOf(x!))
    return () => rule(numbers[a!]!, numbers[b!]!)
  })
  return (inputs, into) => {
    fed.forEach((value, at) => (numbers[at] = value(inputs)))
    const size = into[names[0]!]!.length
    let finite = true
    for (let from = 0; from < size; from += PIECE) {
      const count = Math.min(PIECE, size - from)
      // The last four may be fewer: copies of a true number fill them up, of which nothing new can come.
      const whole = Math.ceil(count / 4) * 4
      arrays.forEach((t, i) => {
        const piece = (inputs[nameOf(t)] as Float32Array).subarray(from, from + count)
        const at = place(i) / 4
        numbers.set(piece, at)
        numbers.fill(piece[count - 1]!, at + count, at + whole)
      })
      if (loop(4 * whole) !== 0) finite = false
      names.forEach((name, i) => {
        const at = place(arrays.length + i) / 4
        into[name]!.set(numbers.subarray(at, at + count), from)
      })
    }
    return finite
  }
}

function known<T>(table: Readonly<Record<string, T>>, { node: { op, inputs } }: Tensor): T {
  if (table[op] === undefined || inputs.length > 2)
    throw new Error(
      `${op} of ${inputs.length} operands cannot be fused; what can is ${Object.keys(table).join(', ')} of one or two`,
    )
  return table[op]
}

const nameOf = (t: Tensor) => String(t.node.attributes['name'])
