/** From one node of a file to tensors: constant integer inputs become attributes, the batch finds its place. */
import type { NDArray } from '../tensor/array.ts'
import type { OnnxNode } from '../onnx/graph.ts'
import { clip } from '../tensor/elementwise.ts'
import { greaterOrEqual, less, where } from '../tensor/logic.ts'
import { randomNormal, randomUniform } from '../tensor/random.ts'
import { expand, flatten, squeeze, unsqueeze } from '../tensor/layout.ts'
import { atBatch, batchAxis, formatShape, reshapeTo, ShapeError, type Shape } from '../tensor/shape.ts'
import {
  applyAll,
  constant,
  findOp,
  intAttr,
  intsAttr,
  scalar,
  type Attributes,
  type Inputs,
  type Tensor,
} from '../tensor/tensor.ts'
// All operators must be in the table, or nodes would pass for ones without a rule.
// oxlint-disable-next-line import/no-unassigned-import
import '../tensor/index.ts'
import { ONNX_TYPES } from './emit.ts'
import { evaluateStatic, staticNumbers, staticValue, type Size } from './static-values.ts'

/** Why a node cannot be written with the operators known here; the loader then takes it over as it is. */
export class UnsupportedNode extends Error {
  override name = 'UnsupportedNode'
}

export interface ImportContext {
  /** The batch size the file is fixed at, where the batch was made free: hard-coded shapes are read at that size. */
  readonly fixedBatch?: number
  /** The batch for which random tensors that the file has for one sample (or its fixed batch) are drawn. */
  readonly batch?: number
  /** Random draws give one fixed number. */
  readonly still?: boolean
}

type Importer = (
  inputs: Inputs,
  attributes: Attributes,
  context: ImportContext,
  node: OnnxNode,
) => readonly Tensor[]

/** @throws UnsupportedNode, ShapeError */
export function importNode(node: OnnxNode, inputs: Inputs, context: ImportContext): readonly Tensor[] {
  const attributes = ownAttributes(node)
  if (node.domain !== '') throw new UnsupportedNode(`${node.domain}.${node.op}`)
  const known = evaluateStatic(node.op, inputs, attributes)
  if (known) return [known]
  const importer = importers[node.op]
  if (importer) return importer(inputs, attributes, context, node)
  const definition = findOp(node.op)
  if (!definition || definition.spellings) throw new UnsupportedNode(node.op)
  const { operands, fixed } = splitStatic(node.op, inputs, definition.staticInputs ?? [])
  return applyAll(node.op, operands, { ...attributes, ...fixed })
}

/** Attributes as the operators here keep them. */
function ownAttributes(node: OnnxNode): Attributes {
  if (node.op !== 'Cast' && node.op !== 'CastLike') return node.attributes as Attributes
  const to = Object.entries(ONNX_TYPES).find(([, code]) => code === node.attributes['to'])
  return { ...(node.attributes as Attributes), to: to?.[0] }
}

function splitStatic(op: string, inputs: Inputs, slots: readonly string[]) {
  const fixed: Record<string, number[]> = {}
  const operands: (Tensor | undefined)[] = []
  inputs.forEach((t, i) => {
    const [key] = (slots[i] ?? '').split(':')
    if (!key) return void operands.push(t)
    if (!t) return
    const values = staticNumbers(t)
    if (!values) throw new UnsupportedNode(`${op} whose ${key} is computed from data`)
    if (values.length || key !== 'roi') fixed[key] = values
  })
  return { operands, fixed }
}

/** Exporters write "no bound" as the largest float. */
const bound = (v: number | undefined) => (v !== undefined && Math.abs(v) < 3.4e38 ? v : undefined)

const importers: Record<string, Importer> = {
  Identity: ([x]) => [x!],
  // Left in the graph only where it is in training mode.
  Dropout: ([x, ratio], _, context) => {
    const p = ratio ? numbers(ratio, 'Dropout ratio')[0]! : 0.5
    const kept = greaterOrEqual(uniformLike(x!, context), p)
    return [where(kept, x!.mul(1 / (1 - p)), 0), kept]
  },
  Bernoulli: ([p], { dtype }, context) => [
    less(uniformLike(p!, context), p!).cast(dtype === undefined ? p!.type : typeOf(dtype as number)),
  ],
  RandomUniform: (_, { shape, low = 0, high = 1 }, context) => {
    const [a, b] = [Number(low), Number(high)]
    return [drawn(forEach(shape as Shape, context), (s) => randomUniform(s, a, b), (a + b) / 2, context)]
  },
  RandomNormal: (_, { shape, mean = 0, scale = 1 }, context) => {
    const [m, s] = [Number(mean), Number(scale)]
    return [drawn(forEach(shape as Shape, context), (d) => randomNormal(d, m, s), m, context)]
  },
  RandomUniformLike: ([x], { low = 0, high = 1 }, context) => {
    const [a, b] = [Number(low), Number(high)]
    return [drawn(x!.shape, (s) => randomUniform(s, a, b), (a + b) / 2, context)]
  },
  RandomNormalLike: ([x], { mean = 0, scale = 1 }, context) => {
    const [m, s] = [Number(mean), Number(scale)]
    return [drawn(x!.shape, (d) => randomNormal(d, m, s), m, context)]
  },
  Flatten: ([x], attributes) => [flatten(x!, intAttr(attributes, 'axis', 1))],
  Squeeze: ([x, axes]) => [squeeze(x!, axes && numbers(axes, 'Squeeze axes'))],
  Unsqueeze: ([x, axes]) => [unsqueeze(x!, numbers(axes!, 'Unsqueeze axes'))],
  Reshape: ([x, target], attributes, { fixedBatch }) => {
    const sizes = staticValue(target)?.values
    if (!sizes) throw new UnsupportedNode('Reshape to a shape computed from data')
    const zeroCopies = !intAttr(attributes, 'allowzero', 0)
    return [x!.reshape(resolveReshape(x!.shape, sizes, zeroCopies, fixedBatch))]
  },
  Expand: ([x, shape]) => {
    const sizes = staticValue(shape)?.values
    if (!sizes) throw new UnsupportedNode('Expand to a shape computed from data')
    return [expand(x!, sizes.map(dim))]
  },
  ConstantOfShape: ([shape], { value }) => {
    const sizes = staticValue(shape)?.values
    if (!sizes) throw new UnsupportedNode('ConstantOfShape of a shape computed from data')
    const fill = (value as NDArray | undefined) ?? { type: 'float32', dims: [1], data: new Float32Array(1) }
    return [expand(constant({ ...fill, dims: [] }), sizes.map(dim))]
  },
  Clip: ([x, low, high]) => {
    const [min, max] = [low, high].map((t) => t && staticNumbers(t)?.[0])
    const fixed = (!low || min !== undefined) && (!high || max !== undefined)
    return [fixed ? clip(x!, bound(min), bound(max)) : clip(x!, low, high)]
  },
  Pad: ([x, pads, value, axes], attributes) => {
    const given = numbers(pads!, 'Pad pads')
    const over = axes
      ? numbers(axes, 'Pad axes').map((a) => (a < 0 ? a + x!.rank : a))
      : x!.shape.map((_, i) => i)
    const full = Array.from({ length: 2 * x!.rank }, () => 0)
    over.forEach((axis, i) => {
      full[axis] = given[i]!
      full[axis + x!.rank] = given[i + over.length]!
    })
    return applyAll('Pad', [x], {
      ...attributes,
      pads: full,
      value: value ? numbers(value, 'Pad value')[0] : 0,
    })
  },
  Slice: ([x, starts, ends, axes, steps]) => {
    const from = numbers(starts!, 'Slice starts')
    const along = axes ? numbers(axes, 'Slice axes') : from.map((_, i) => i)
    const to = staticValue(ends)?.values.map((v) => (typeof v === 'number' ? v : Number.MAX_SAFE_INTEGER))
    if (!to) throw new UnsupportedNode('Slice to an end computed from data')
    return applyAll('Slice', [x], {
      starts: from,
      ends: to.map((v) => Math.min(Math.max(v, -(2 ** 31)), 2 ** 31 - 1)),
      axes: along,
      steps: steps ? numbers(steps, 'Slice steps') : undefined,
    })
  },
  Split: ([x, sizes], attributes, _, node) => {
    const given = sizes ? numbers(sizes, 'Split sizes') : undefined
    return applyAll('Split', [x], {
      axis: attributes['axis'],
      ...(given ? { split: given } : { num_outputs: attributes['num_outputs'] ?? node.outputs.length }),
    })
  },
  Concat: (inputs, attributes) => {
    const tensors = (inputs as Tensor[]).filter((t) => !(t.rank === 1 && t.shape[0] === 0))
    const first = tensors[0]!
    const at = intAttr(attributes, 'axis', 0)
    const axis = at < 0 ? at + first.rank : at
    const batch = tensors.map((t) => batchAxis(t.shape)).find((i) => i >= 0 && i !== axis)
    // A constant that was written for one sample (a class token) is repeated for each.
    const fitted = tensors.map((t) => {
      if (batch === undefined || t.shape[batch] !== 1) return t
      const wanted = tensors.find((o) => o.shape[batch]! < 0)!.shape[batch]!
      return expand(
        t,
        t.shape.map((d, i) => (i === batch ? wanted : d)),
      )
    })
    return applyAll('Concat', fitted, { axis })
  },
  Resize: (inputs, attributes) => importResize(inputs, attributes),
  CastLike: ([x, like]) => [x!.cast(like!.type)],
  Size: ([x]) => {
    throw new UnsupportedNode(`Size of ${formatShape(x!.shape)}`)
  },
}
for (const op of [
  'ReduceSum',
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceProd',
  'ReduceL1',
  'ReduceL2',
].concat(['ReduceSumSquare', 'ReduceLogSum', 'ReduceLogSumExp']))
  importers[op] = ([x, axes], attributes) => {
    const list = axes ? numbers(axes, `${op} axes`) : intsAttr(attributes, 'axes')
    if (!list?.length && intAttr(attributes, 'noop_with_empty_axes', 0)) return [x!]
    const all = list?.length ? list : x!.shape.map((_, i) => i)
    return applyAll(op, [x], {
      axes: all.map((a) => (a < 0 ? a + x!.rank : a)),
      keepdims: intAttr(attributes, 'keepdims', 1),
    })
  }

/** Only the axes that change are kept, so that the batch need not be known. */
function importResize([x, , scales, sizes]: Inputs, attributes: Attributes): readonly Tensor[] {
  const factors = scales && staticNumbers(scales)
  const targets = staticValue(sizes)?.values
  if (!factors?.length && !targets?.length) throw new UnsupportedNode('Resize to a size computed from data')
  const given = intsAttr(attributes, 'axes') ?? x!.shape.map((_, i) => i)
  const policy = attributes['keep_aspect_ratio_policy'] ?? 'stretch'
  if (policy !== 'stretch')
    throw new UnsupportedNode(`Resize with keep_aspect_ratio_policy=${String(policy)}`)
  const kept = given
    .map((axis, i) => ({ axis: axis < 0 ? axis + x!.rank : axis, scale: factors?.[i], size: targets?.[i] }))
    .filter(({ axis, scale, size }) =>
      factors?.length ? scale !== 1 : typeof size === 'number' && size !== x!.shape[axis],
    )
  if (!kept.length) return [x!]
  const { axes: _, keep_aspect_ratio_policy: __, ...rest } = attributes
  return applyAll('Resize', [x], {
    ...rest,
    axes: kept.map((k) => k.axis),
    ...(factors?.length
      ? { scales: kept.map((k) => k.scale!) }
      : { sizes: kept.map((k) => k.size as number) }),
  })
}

/** A random tensor; the seeds of a file are not an attacker's to know. */
const drawn = (shape: Shape, draw: (shape: Shape) => Tensor, middle: number, { still }: ImportContext) =>
  still ? expand(scalar(middle), shape) : draw(shape)
const uniformLike = (x: Tensor, context: ImportContext) =>
  drawn(x.shape, (s) => randomUniform(s), 0.5, context)

/**
 * The shape of a draw that the file makes for one sample or for its fixed batch, for every sample of this one: samples that
 * went through the file one by one would not share it.
 */
function forEach(shape: Shape, { batch, fixedBatch = 1 }: ImportContext): Shape {
  const hasBatch = shape[0] === fixedBatch && (shape.length > 1 || fixedBatch > 1)
  return batch !== undefined && hasBatch ? [batch, ...shape.slice(1)] : shape
}

const typeOf = (code: number) => Object.entries(ONNX_TYPES).find(([, c]) => c === code)![0] as Tensor['type']

const dim = (v: Size): number => (typeof v === 'number' ? v : -v.batch)

function numbers(t: Tensor, what: string): number[] {
  const values = staticNumbers(t)
  if (!values) throw new UnsupportedNode(`${what} computed from data`)
  return values
}

/**
 * The shape that a Reshape in a file gives. With `fixedBatch` the target was written for that one batch size: it is
 * resolved at that size, and the batch is put where the same elements lie before it as in the input.
 */
export function resolveReshape(
  from: Shape,
  target: readonly Size[],
  zeroCopies: boolean,
  fixedBatch?: number,
): Shape {
  const wanted = target.map((v, i) => {
    if (typeof v !== 'number') return -v.batch
    if (v === 0 && zeroCopies) return from[i]!
    return v === -1 ? null : v
  })
  const free = batchAxis(from) >= 0 && !target.some((v) => typeof v !== 'number')
  if (fixedBatch !== undefined && free) return reshapeAt(from, wanted, fixedBatch)
  try {
    return reshapeTo(from, wanted)
  } catch (error) {
    // A file may declare a free batch and still carry a shape that was recorded for a batch of one.
    if (free && fixedBatch === undefined) return reshapeAt(from, wanted, 1)
    throw error
  }
}

function reshapeAt(from: Shape, wanted: readonly (number | null)[], fixedBatch: number): Shape {
  const at = batchAxis(from)
  const concrete = reshapeTo(
    atBatch(from, fixedBatch),
    wanted.map((v) => (v !== null && v < 0 ? -v * fixedBatch : v)),
  )
  // Per-sample vectors: the file dropped the batch of one altogether.
  if (concrete.length === 1 && at === 0) return [-1, concrete[0]! / fixedBatch]
  const before = from.slice(0, at).reduce((p, d) => p * d, 1)
  let prefix = 1
  for (const [i, d] of concrete.entries()) {
    if (prefix === before && d % fixedBatch === 0)
      return concrete.map((v, j) => (j === i ? -v / fixedBatch : v))
    prefix *= d
  }
  throw new ShapeError(
    `a Reshape from ${formatShape(from)} to [${concrete.join(', ')}] mixes the samples of a batch`,
  )
}
