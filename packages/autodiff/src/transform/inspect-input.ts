/** Finds the preprocessing that a file does itself: operators with constants at its input, before the first real layer. */
import type { OnnxNode } from '../onnx/graph.ts'
import type { NDArray } from '../tensor/array.ts'
import type { Model } from './load.ts'

export interface PreprocessingStep {
  readonly op: string
  readonly name: string
  /** The constant beside the data, or the permutation; left out if it is long. */
  readonly values?: readonly number[]
}

export interface Preprocessing {
  readonly steps: readonly PreprocessingStep[]
  /** What the steps come to as (x − mean) / std, one value or one per channel, where they are of that form. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
}

/** More values than any picture has channels are no normalisation but a layer. */
const CHANNELS = 16

/** x·scale + shift, each one value or one per channel. */
interface Affine {
  readonly scale: readonly number[]
  readonly shift: readonly number[]
}

export function preprocessingOf(model: Model): Preprocessing {
  const { graph } = model.source
  const readers = new Map<string, OnnxNode[]>()
  for (const node of graph.nodes)
    for (const name of new Set(node.inputs)) readers.set(name, [...(readers.get(name) ?? []), node])
  const steps: PreprocessingStep[] = []
  let affine: Affine | undefined = { scale: [1], shift: [0] }
  let name = model.inputs.find((p) => p.type === 'float32' && p.shape.length)!.name
  for (;;) {
    const next = readers.get(name)
    if (next?.length !== 1) break
    const node = next[0]!
    const step = readStep(node, name, (n) => graph.initializers.get(n))
    if (!step) break
    if (node.op !== 'Identity' && node.op !== 'Cast')
      steps.push({ op: node.op, name: node.name || node.outputs[0]!, values: step.values })
    affine = affine && step.affine && compose(affine, step.affine)
    name = node.outputs[0]!
  }
  const scales = affine?.scale
  const trivial = affine && scales!.every((s) => s === 1) && affine.shift.every((s) => s === 0)
  if (!affine || trivial || scales!.includes(0)) return { steps }
  const std = affine.scale.map((s) => tidy(1 / s))
  return { steps, std, mean: combine(affine.shift, affine.scale, (b, a) => tidy(-b / a)) }
}

interface Step {
  readonly values?: readonly number[]
  /** Undefined where the step is no affine map of single values. */
  readonly affine?: Affine
}

const unchanged: Affine = { scale: [1], shift: [0] }

function readStep(
  node: OnnxNode,
  data: string,
  constant: (name: string) => NDArray | undefined,
): Step | undefined {
  if (node.domain !== '') return undefined
  if (node.op === 'Identity' || node.op === 'Cast') return { affine: unchanged }
  if (node.op === 'Transpose') return { values: node.attributes['perm'] as number[], affine: unchanged }
  if (node.op === 'BatchNormalization') return batchNorm(node, constant)
  const at = node.inputs.indexOf(data)
  const other = node.inputs.length === 2 ? constant(node.inputs[1 - at]!) : undefined
  const values = other && numbersOf(other)
  if (!values) return undefined
  const each = (f: (v: number) => number) => values.map(f)
  const turned = at === 1
  switch (node.op) {
    case 'Add':
      return { values, affine: { scale: [1], shift: values } }
    case 'Sub':
      return {
        values,
        affine: turned ? { scale: [-1], shift: values } : { scale: [1], shift: each((v) => -v) },
      }
    case 'Mul':
      return { values, affine: { scale: values, shift: [0] } }
    case 'Div':
      return turned ? undefined : { values, affine: { scale: each((v) => 1 / v), shift: [0] } }
    default:
      return undefined
  }
}

function batchNorm(node: OnnxNode, constant: (name: string) => NDArray | undefined): Step | undefined {
  const [gamma, beta, mean, variance] = node.inputs.slice(1).map((n) => {
    const array = constant(n)
    return array && numbersOf(array)
  })
  if (!gamma || !beta || !mean || !variance) return undefined
  const epsilon = (node.attributes['epsilon'] as number | undefined) ?? 1e-5
  const scale = gamma.map((g, i) => g / Math.sqrt(variance[i]! + epsilon))
  return { affine: { scale, shift: scale.map((s, i) => beta[i]! - s * mean[i]!) } }
}

/** The values of a constant with one per channel at most. */
function numbersOf({ dims, data, type }: NDArray): number[] | undefined {
  if (!type.startsWith('float') || data.length > CHANNELS || dims.filter((d) => d > 1).length > 1)
    return undefined
  return Array.from(data as Float32Array, tidy)
}

function compose(first: Affine, then: Affine): Affine | undefined {
  const scale = combine(first.scale, then.scale, (a, b) => a * b)
  const moved = combine(first.shift, then.scale, (a, b) => a * b)
  const shift = moved && combine(moved, then.shift, (a, b) => a + b)
  return scale && shift && { scale, shift }
}

function combine(
  a: readonly number[],
  b: readonly number[],
  f: (a: number, b: number) => number,
): number[] | undefined {
  const n = Math.max(a.length, b.length)
  if ((a.length !== 1 && a.length !== n) || (b.length !== 1 && b.length !== n)) return undefined
  return Array.from({ length: n }, (_, i) => f(a[a.length === 1 ? 0 : i]!, b[b.length === 1 ? 0 : i]!))
}

/** Single-precision constants as they were meant: 0.485, not 0.48500001430511475. */
const tidy = (v: number) => Number(v.toPrecision(6))
