/** `inspectModel`: what is in a model file, and what an attack will meet in it. */
import { findNonFinite } from '../onnx/non-finite.ts'
import { findOp, type Tensor } from '../tensor/tensor.ts'
import { surveyGradient, type GradientSurvey } from './inspect-gradient.ts'
import { preprocessingOf, type Preprocessing } from './inspect-input.ts'
import { layersOf, traceAll, type Layer, type Traced } from './inspect-layers.ts'
import type { Batching, Model } from './load.ts'
import { logitsOf } from './logits.ts'
import type { Port } from './model.ts'

export type { GradientSurvey, MissingGradient } from './inspect-gradient.ts'
export type { Preprocessing, PreprocessingStep } from './inspect-input.ts'

/** How an operator passes a gradient on. */
export type GradientKind = 'exact' | 'straight-through' | 'zero' | 'none' | 'random'

export interface InspectedLayer extends Layer {
  readonly gradient: GradientKind
}

/** A reason why attacks by gradients may fail on a model that is not robust (Athalye et al. 2018). */
export interface Suspect {
  readonly kind: 'zero-derivative' | 'straight-through' | 'saturating' | 'random'
  readonly op: string
  readonly nodes: readonly string[]
  readonly means: string
}

export interface Inspection {
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly producer: string
  /** Operator sets of the file as it came, by domain; '' is ONNX's own. */
  readonly opsets: Readonly<Record<string, number>>
  readonly irVersion: number
  /** Weights, and multiply–accumulates for one sample. */
  readonly parameters: number
  readonly macs: number
  readonly layers: readonly InspectedLayer[]
  readonly gradient: GradientSurvey & {
    /** The final activation that attacks leave out. */
    readonly stripped?: string
    /** Every operator of the model, with how often it is there. */
    readonly ops: readonly { readonly op: string; readonly count: number; readonly gradient: GradientKind }[]
  }
  readonly suspects: readonly Suspect[]
  /** What the file itself does to its input before the first layer. */
  readonly preprocessing: Preprocessing
  readonly batching: { readonly kind: Batching; readonly size?: number; readonly blockedBy?: string }
  readonly nonFinite: readonly { readonly name: string; readonly count: number }[]
  readonly notices: readonly string[]
}

/** Looks through a loaded model; nothing is run. */
export function inspectModel(model: Model): Inspection {
  const traced = traceAll(model)
  const scores = logitsOf(traced.values.get(model.outputs[0]!.name)!)
  const input = model.inputs.find((p) => p.type === 'float32' && p.shape.length)!
  const survey = surveyGradient(scores.logits, traced.inputs[input.name]!)
  const layers = layersOf(model, traced).map((layer) => ({
    ...layer,
    gradient: kindOf(layer, survey, traced, model),
  }))
  return {
    inputs: model.inputs,
    outputs: model.outputs,
    producer: model.source.producer,
    opsets: model.original.opsets,
    irVersion: model.source.irVersion,
    parameters: total(layers, 'parameters'),
    macs: total(layers, 'macs'),
    layers,
    gradient: { ...survey, stripped: scores.stripped, ops: opsOf(layers) },
    suspects: [...cuts(survey), ...quantised(layers), ...saturating(scores.logits), ...random(model)],
    preprocessing: preprocessingOf(model),
    batching: batchingOf(model, traced),
    nonFinite: findNonFinite(model.source),
    notices: model.notices,
  }
}

const total = (layers: readonly Layer[], key: 'parameters' | 'macs') =>
  layers.reduce((sum, layer) => sum + layer[key], 0)

function kindOf(
  { op, name }: Layer,
  { missing, zero }: GradientSurvey,
  { opaque }: Traced,
  { random: draws }: Model,
): GradientKind {
  if (draws.includes(name)) return 'random'
  if (opaque.has(name) || missing.some((m) => m.node === name)) return 'none'
  const rule = findOp(op)?.gradient
  if (rule === 'zero' || rule === 'none' || zero.some((z) => z.node === name)) return 'zero'
  if (op === 'QuantizeLinear') return 'straight-through'
  // Operators that the importer writes in terms of others have no entry of their own.
  return 'exact'
}

function opsOf(layers: readonly InspectedLayer[]): Inspection['gradient']['ops'] {
  const seen = new Map<string, { op: string; count: number; gradient: GradientKind }>()
  for (const { op, gradient } of layers) {
    const key = `${op} ${gradient}`
    const entry = seen.get(key) ?? { op, count: 0, gradient }
    seen.set(key, { ...entry, count: entry.count + 1 })
  }
  return [...seen.values()].toSorted((a, b) => b.count - a.count || (a.op < b.op ? -1 : 1))
}

function cuts({ zero, reachesInput }: GradientSurvey): Suspect[] {
  const ops = [...new Set(zero.map((z) => z.op))]
  const rest = reachesInput
    ? 'part of the gradient ends here; what goes round it arrives at the input'
    : 'no gradient arrives at the input: attacks by gradients see a constant'
  return ops.map((op) => ({
    kind: 'zero-derivative',
    op,
    nodes: zero.filter((z) => z.op === op).map((z) => z.node),
    means: `${op} has derivative zero: ${rest}. Use a straight-through rule (BPDA) or attacks that need scores only`,
  }))
}

function quantised(layers: readonly InspectedLayer[]): Suspect[] {
  const nodes = layers.filter((l) => l.gradient === 'straight-through').map((l) => l.name)
  return nodes.length
    ? [
        {
          kind: 'straight-through',
          op: 'QuantizeLinear',
          nodes,
          means: 'rounding is passed straight through: the gradient is that of the model before quantisation',
        },
      ]
    : []
}

function random(model: Model): Suspect[] {
  const named = model.source.graph.nodes.map((n) => ({ op: n.op, name: n.name || n.outputs[0]! }))
  const drawing = named.filter(({ name }) => model.random.includes(name))
  return [...new Set(drawing.map(({ op }) => op))].map((op) => ({
    kind: 'random',
    op,
    nodes: drawing.filter((n) => n.op === op).map((n) => n.name),
    means:
      'outputs and gradients differ from run to run. Average over draws (expectation over transformation: eot=20)',
  }))
}

const SATURATING = new Set([
  'Tanh',
  'Sigmoid',
  'HardSigmoid',
  'Softsign',
  'Erf',
  'Clip',
  'Softmax',
  'LogSoftmax',
])
const REARRANGING = new Set([
  'Reshape',
  'Transpose',
  'Identity',
  'Cast',
  'Gather',
  'Slice',
  'Mul',
  'Div',
  'Neg',
])

/** An activation at the end that is not one of those taken off, or a second one under it. */
function saturating(logits: Tensor): Suspect[] {
  let node = logits.node
  while (REARRANGING.has(node.op) && node.inputs[0]?.type === 'float32') node = node.inputs[0].node
  if (!SATURATING.has(node.op)) return []
  return [
    {
      kind: 'saturating',
      op: node.op,
      nodes: [node.label ?? node.op],
      means: `the scores come out of ${node.op}, which is flat where it saturates: its gradient underflows to zero there`,
    },
  ]
}

function batchingOf({ batching, batch, notices }: Model, { nodes }: Traced): Inspection['batching'] {
  if (batching !== 'fixed') return { kind: batching }
  const [, reason] = /cannot be changed \((.*)\): samples run/s.exec(notices.join('\n')) ?? []
  const suspects = nodes.filter((n) => n.op === 'Reshape' || n.op === 'Expand').map((n) => n.name)
  return { kind: batching, size: batch, blockedBy: reason ?? suspects.join(', ') }
}
