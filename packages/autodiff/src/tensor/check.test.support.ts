/**
 * Checks functions of tensors against ONNX Runtime: declared types against returned ones, gradients against central
 * differences, batches against single samples.
 */
import { expect } from 'vitest'
import { createEngine } from '../runtime/node.ts'
import { emitBytes } from '../transform/emit.ts'
import { arrayTypes, float32, sizeOf, type DataType, type NDArray } from './index.ts'
import { differentiate } from './differentiate.ts'
import { zerosLike } from './layout.ts'
import { atBatch, batchAxis, type Shape } from './shape.ts'
import { constant, input, type Tensor } from './tensor.ts'
import { generator, type Values } from './values.test.support.ts'

export interface Argument {
  readonly shape: Shape
  readonly values: Values
  /** @default 'float32' */
  readonly type?: DataType
  /** Written into the graph instead of fed; not differentiated. */
  readonly constant?: boolean
}

export interface Case {
  readonly name: string
  readonly f: (...args: Tensor[]) => Tensor | readonly Tensor[]
  readonly args: readonly Argument[]
  /** Relative error allowed. @default 2e-3 */
  readonly tolerance?: number
  /** Samples see each other, or do not stand in order: rows are not compared with single samples. */
  readonly mixes?: boolean
}

const BATCH = 3
const STEP = 1e-2
const DIRECTIONS = 4
const engine = createEngine({ workers: 0 })

/** A run at one batch size: the function's values, their gradients, and the same for the sum of the values. */
interface Results {
  readonly values: readonly NDArray[]
  readonly gradients: readonly NDArray[]
  readonly ofSum: readonly NDArray[]
  readonly alone: readonly NDArray[]
}

interface Built {
  readonly outputs: readonly Tensor[]
  readonly wrt: readonly number[]
  readonly run: (args: readonly NDArray[], seeds: readonly NDArray[]) => Promise<Results>
  readonly release: () => Promise<void>
}

/** Traces, differentiates and loads a case: Σ outputs · seeds, with the seeds fed. */
async function build(
  { f, args }: Case,
  data: readonly NDArray[],
  spellings?: Readonly<Record<string, string>>,
): Promise<Built> {
  const symbols = args.map((a, i) =>
    a.constant ? constant(data[i]!) : input(`x${i}`, a.type ?? 'float32', a.shape),
  )
  const result = f(...symbols)
  const outputs = Array.isArray(result) ? (result as Tensor[]) : [result as Tensor]
  const seeds = outputs.map((y, i) => input(`seed${i}`, 'float32', y.shape))
  const wrt = args.flatMap((a, i) => (a.constant || (a.type ?? 'float32') !== 'float32' ? [] : [i]))
  const inputs = wrt.map((i) => symbols[i]!)
  const projected = outputs.map((y, i) => y.mul(seeds[i]!).sum()).reduce((a, b) => a.add(b))
  const summed = outputs.map((y) => y.sum()).reduce((a, b) => a.add(b))
  const orZeros = (gradients: readonly (Tensor | undefined)[], of = inputs) =>
    gradients.map((g, i) => g ?? zerosLike(of[i]!))
  const groups = {
    y: outputs,
    g: orZeros(differentiate(projected, inputs)),
    s: orZeros(differentiate(summed, inputs)),
    a: inputs.length > 1 ? inputs.map((x) => orZeros(differentiate(projected, [x]), [x])[0]!) : [],
  }
  const named = Object.entries(groups).flatMap(([key, list]) => list.map((t, i) => [key + i, t] as const))
  const fed = [...symbols.filter((t) => t.node.op === 'Input'), ...seeds]
  const bytes = emitBytes(fed, Object.fromEntries(named), { target: { provider: 'cpu', spellings } })
  const program = await engine.load(bytes)
  return {
    outputs,
    wrt,
    release: () => program.release(),
    run: async (arrays, seedArrays) => {
      const feeds: Record<string, NDArray> = {}
      args.forEach((a, i) => !a.constant && (feeds[`x${i}`] = arrays[i]!))
      seedArrays.forEach((a, i) => (feeds[`seed${i}`] = a))
      const results = await program.run(feeds)
      const batch = batchOf(args, arrays)
      for (const [name, t] of named) {
        const got = results[name]!
        expect([name, got.type, ...got.dims]).toEqual([name, t.type, ...atBatch(t.shape, batch)])
      }
      const all = (key: string, list: readonly unknown[]) => list.map((_, i) => results[key + i]!)
      return {
        values: all('y', groups.y),
        gradients: all('g', groups.g),
        ofSum: all('s', groups.s),
        alone: all('a', groups.a),
      }
    },
  }
}

function batchOf(args: readonly Argument[], arrays: readonly NDArray[]): number {
  const i = args.findIndex((a) => batchAxis(a.shape) >= 0)
  if (i < 0) return 1
  const axis = batchAxis(args[i]!.shape)
  return arrays[i]!.dims[axis]! / -args[i]!.shape[axis]!
}

function fill(values: Values, dims: readonly number[], type: DataType, seed: number): NDArray {
  const numbers = values(sizeOf(dims), generator(seed))
  const wide = type === 'int64'
  const data = Array.from(numbers, (v) => (wide ? BigInt(v) : v))
  return { type, dims, data: (arrayTypes[type] as { from(a: unknown[]): NDArray['data'] }).from(data) }
}

/** Samples `from` to `to` of an array whose symbolic shape is `shape`; arrays without a batch as they are. */
export function samples(array: NDArray, shape: Shape, from: number, to: number): NDArray {
  const axis = batchAxis(shape)
  if (axis < 0) return array
  const k = -shape[axis]!
  const before = sizeOf(array.dims.slice(0, axis))
  const after = sizeOf(array.dims.slice(axis + 1))
  const width = array.dims[axis]! * after
  const dims = array.dims.map((d, i) => (i === axis ? (to - from) * k : d))
  const data = new arrayTypes[array.type](sizeOf(dims))
  const part = (to - from) * k * after
  for (let i = 0; i < before; i++)
    data.set(array.data.subarray(i * width + from * k * after, i * width + to * k * after) as never, i * part)
  return { type: array.type, dims, data }
}

const floats = (a: NDArray) => a.data as Float32Array
const dot = (a: NDArray, b: NDArray) => floats(a).reduce((sum, v, i) => sum + v * floats(b)[i]!, 0)
const norm = (a: ArrayLike<number>) => Math.sqrt(Array.from(a).reduce((sum, v) => sum + v * v, 0))

/** Fails unless a and b agree elementwise, relative to the largest element. */
export function expectClose(a: NDArray, b: NDArray, what: string, tolerance = 2e-5): void {
  expect(a.dims, what).toEqual(b.dims)
  const scale = floats(b).reduce((m, v) => Math.max(m, Math.abs(v)), 0)
  const worst = floats(a).reduce((m, v, i) => {
    const d = Math.abs(v - floats(b)[i]!)
    return Number.isNaN(d) ? Infinity : Math.max(m, d)
  }, 0)
  if (!(worst <= tolerance * scale + 1e-6))
    expect.fail(
      `${what}: differs by ${worst} at scale ${scale}\n${floats(a).slice(0, 12)}\n${floats(b).slice(0, 12)}`,
    )
}

const uniform: Values = (n, random) => Array.from({ length: n }, () => random() * 2 - 1)

/** Arguments and seeds of a case at a batch of three. */
function drawn(test: Case, outputs: readonly Tensor[]) {
  const args = test.args.map((a, i) => fill(a.values, atBatch(a.shape, BATCH), a.type ?? 'float32', i + 1))
  const seeds = outputs.map((y, i) => fill(uniform, atBatch(y.shape, BATCH), 'float32', 100 + i))
  return { args, seeds }
}

/**
 * Runs every check on a case: types at batch 1, 2 and 3; gradients with respect to every float argument, together and
 * alone, against differences; the gradient of the plain sum, whose `dy` starts as one number; rows against samples.
 */
export async function check(test: Case, spellings?: Readonly<Record<string, string>>): Promise<void> {
  const { args } = drawn(test, [])
  const built = await build(test, args, spellings)
  const { seeds } = drawn(test, built.outputs)
  const base = await built.run(args, seeds)
  base.alone.forEach((g, i) => expectClose(g, base.gradients[i]!, `gradient ${i} alone`))
  const ones = seeds.map((s) => float32(s.dims, new Float32Array(s.data.length).fill(1)))
  const plain = await built.run(args, ones)
  plain.gradients.forEach((g, i) => expectClose(plain.ofSum[i]!, g, `gradient ${i} of the sum`))
  await checkDifferences(test, built, args, seeds, base)
  if (test.args.some((a) => batchAxis(a.shape) >= 0)) await checkRows(test, built, args, seeds, base)
  await built.release()
}

async function checkDifferences(
  test: Case,
  built: Built,
  args: readonly NDArray[],
  seeds: readonly NDArray[],
  base: Results,
): Promise<void> {
  const size = norm(base.values.flatMap((y, j) => Array.from(floats(y), (v, i) => v * floats(seeds[j]!)[i]!)))
  const objective = async (at: number, direction: NDArray, step: number) => {
    const x = float32(
      args[at]!.dims,
      floats(args[at]!).map((v, i) => v + step * floats(direction)[i]!),
    )
    // The step that was taken, after rounding to float32.
    const moved = args.map((a, i) => (i === at ? x : a))
    const { values } = await built.run(moved, seeds)
    return values.reduce((sum, y, j) => sum + dot(y, seeds[j]!), 0)
  }
  const difference = async (at: number, direction: NDArray, step: number) =>
    ((await objective(at, direction, step)) - (await objective(at, direction, -step))) / (2 * step)
  for (const [g, at] of built.wrt.entries()) {
    const random = generator(1000 + at)
    const gradient = base.gradients[g]!
    for (let k = 0; k < DIRECTIONS; k++) {
      const signs = floats(args[at]!).map(() => (random() < 0.5 ? -1 : 1))
      const direction = float32(args[at]!.dims, signs)
      // Richardson's extrapolation takes the third derivative out, so that the step can be large against rounding.
      const [near, far] = [await difference(at, direction, STEP), await difference(at, direction, 2 * STEP)]
      const wanted = (4 * near - far) / 3
      const got = dot(gradient, direction)
      const allowed = (test.tolerance ?? 2e-3) * norm(floats(gradient)) + (1e-6 * (size + 0.1)) / STEP
      if (!(Math.abs(got - wanted) <= allowed))
        expect.fail(
          `argument ${at}, direction ${k}: gradient ${got}, differences ${wanted} (${near}, ${far}), allowed ${allowed}`,
        )
    }
  }
}

async function checkRows(
  test: Case,
  built: Built,
  args: readonly NDArray[],
  seeds: readonly NDArray[],
  base: Results,
): Promise<void> {
  const cut = (from: number, to: number) =>
    [
      test.args.map((a, i) => samples(args[i]!, a.shape, from, to)),
      built.outputs.map((y, i) => samples(seeds[i]!, y.shape, from, to)),
    ] as const
  await built.run(...cut(0, 2))
  const singles: Results[] = []
  for (let i = 0; i < BATCH; i++) singles.push(await built.run(...cut(i, i + 1)))
  if (test.mixes || built.outputs.some((y) => batchAxis(y.shape) < 0)) return
  for (const [i, single] of singles.entries()) {
    single.values.forEach((y, j) =>
      expectClose(y, samples(base.values[j]!, built.outputs[j]!.shape, i, i + 1), `row ${i} of output ${j}`),
    )
    single.gradients.forEach((g, j) => {
      const { shape } = test.args[built.wrt[j]!]!
      if (batchAxis(shape) >= 0)
        expectClose(g, samples(base.gradients[j]!, shape, i, i + 1), `row ${i} of gradient ${j}`)
    })
  }
  base.gradients.forEach((g, j) => {
    if (batchAxis(test.args[built.wrt[j]!]!.shape) >= 0) return
    const total = floats(g).map((_, k) => singles.reduce((sum, s) => sum + floats(s.gradients[j]!)[k]!, 0))
    expectClose(g, float32(g.dims, total), `gradient ${j} against the sum over samples`, 1e-4)
  })
}

/** Values and gradients of a case at a batch of three. */
export async function evaluate(
  test: Case,
  spellings?: Readonly<Record<string, string>>,
): Promise<Pick<Results, 'values' | 'gradients'>> {
  const { args } = drawn(test, [])
  const built = await build(test, args, spellings)
  const results = await built.run(args, drawn(test, built.outputs).seeds)
  await built.release()
  return results
}

/** The gradients of a case as a case of its own, the seeds being further arguments. */
export function gradientCase(test: Case): Case {
  const symbols = test.args.map((a, i) => input(`x${i}`, a.type ?? 'float32', a.shape))
  const result = test.f(...symbols)
  const outputs = Array.isArray(result) ? (result as Tensor[]) : [result as Tensor]
  const seeds: Argument[] = outputs.map((y) => ({
    shape: y.shape,
    values: uniform,
  }))
  const f = (...all: Tensor[]) => {
    const own = all.slice(0, test.args.length)
    const made = test.f(...own)
    const ys = Array.isArray(made) ? (made as Tensor[]) : [made as Tensor]
    const value = ys.map((y, i) => y.mul(all[own.length + i]!).sum()).reduce((a, b) => a.add(b))
    const wrt = own.filter(
      (_, i) => !test.args[i]!.constant && (test.args[i]!.type ?? 'float32') === 'float32',
    )
    return differentiate(value, wrt).filter((g) => g !== undefined)
  }
  return { ...test, f, args: [...test.args, ...seeds] }
}
