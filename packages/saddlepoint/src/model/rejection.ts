/** Files that say themselves which samples they reject: where their scores are, and the rejection as a score that has a slope. */
import { abs, input, maximum, minimum, stopGradient, type Model, type Tensor } from '@saddlepoint/autodiff'
import { ClassifierError } from './errors.ts'

type Port = Model['outputs'][number]

export interface Rejection {
  /** Name of the value that holds the class scores, float32 [N, K]. */
  readonly scores: string
  /** The output that holds the class, int64 [N], in a file whose outputs hold no scores. */
  readonly label?: string
  /** The scores as an output would be. */
  readonly port: Port
  /** What its user should know. */
  readonly notices: readonly string[]
  /** While tracing, values of the model's input [N, …] to one number each [N]: above 0 where a sample is rejected. */
  excess(fed: Tensor): Tensor
}

/** The name of the output, bool [N], that makes a file one that rejects. */
export const REJECT = 'reject'
const LABEL = 'label'

/** Operators between a decision and its parts that change nothing of it. */
const PASSING = new Set(['Identity', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Cast'])

type Combine = (...parts: Tensor[]) => Tensor

/** How far one value lies over another, as a share of the larger, so that parts of a decision can be compared. */
const over: Combine = (a, b) => {
  const scale = maximum(maximum(abs(a!), abs(b!)), 1e-6)
  return a!.sub(b!).div(stopGradient(scale))
}

/** A decision as a number that is above 0 where it holds: comparisons become differences, and the rest follows. */
const COMBINE: Readonly<Record<string, Combine>> = {
  Greater: over,
  GreaterOrEqual: over,
  Less: (a, b) => over(b!, a!),
  LessOrEqual: (a, b) => over(b!, a!),
  Or: (a, b) => maximum(a!, b!),
  And: (a, b) => minimum(a!, b!),
  Not: (a) => a!.neg(),
}
const COMPARISONS = new Set(['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'])

/**
 * @returns undefined for a file that rejects nothing: one without an output `reject`, bool [N]
 * @throws ClassifierError if it has no scores of classes
 */
export function rejectionOf(model: Model): Rejection | undefined {
  const output = model.outputs.find((o) => o.name === REJECT)
  if (output?.type !== 'bool' || output.shape.length !== 1) return undefined
  const { nodes } = model.source.graph
  const made = (name: string) => nodes.find((n) => n.outputs.includes(name))
  const label = model.outputs.find((o) => o.name === LABEL)
  const rows = model.outputs.find((o) => o.type === 'float32' && o.shape.length === 2 && o.shape[1]! > 1)
  const scores = rows?.name ?? (label && ranked(label.name, made))
  if (scores === undefined)
    throw new ClassifierError(
      `the file rejects samples, but neither is an output a row of scores for each, nor is "${LABEL}" the ArgMax of one`,
    )
  /** Values that the decision compares, by name; the decision itself where it cannot be looked through. */
  const leaves: string[] = []
  let opaque = false
  const plan = (name: string): ((values: ReadonlyMap<string, Tensor>) => Tensor) => {
    const node = made(name)
    if (node && PASSING.has(node.op)) return plan(node.inputs[0]!)
    const combine = node && COMBINE[node.op]
    if (!combine) {
      opaque = true
      leaves.push(name)
      return (values) => {
        const value = values.get(name)!
        // Not a decision but a number was cast to one: all but 0 is true.
        return value.type === 'bool' ? value.cast('float32').sub(0.5) : abs(value.cast('float32'))
      }
    }
    if (COMPARISONS.has(node.op)) {
      leaves.push(...node.inputs)
      return (values) => combine(...node.inputs.map((i) => values.get(i)!))
    }
    const parts = node.inputs.map(plan)
    return (values) => combine(...parts.map((part) => part(values)))
  }
  const decision = plan(REJECT)
  const { name: fedAs } = model.inputs[0]!
  return {
    scores,
    ...(!rows && { label: LABEL }),
    port: rows ?? portOf(model, scores),
    notices: [
      'it rejects samples: what is rejected counts as neither right nor wrong',
      ...(rows ? [] : ['its outputs hold a class in place of scores: attacks go by the scores inside']),
      ...(opaque ? ['how it rejects cannot be looked through: attacks have no gradient of that'] : []),
    ],
    excess(fed) {
      const wanted = [...new Set(leaves)]
      const found = model.apply({ [fedAs]: fed }, wanted)
      const value = decision(new Map(wanted.map((name, i) => [name, found[i]!])))
      return value.rank > 1 ? value.reshape([fed.shape[0]!]) : value
    },
  }
}

function portOf(model: Model, scores: string): Port {
  const [{ name, shape }] = model.inputs as [Port]
  const [found] = model.apply({ [name]: input(name, 'float32', shape) }, [scores])
  return { name: scores, type: found!.type, shape: found!.shape }
}

/** What a label is the ArgMax of. */
function ranked(
  name: string,
  made: (name: string) => { readonly op: string; readonly inputs: readonly string[] } | undefined,
): string | undefined {
  const node = made(name)
  if (node?.op === 'ArgMax') return node.inputs[0]
  return node && PASSING.has(node.op) ? ranked(node.inputs[0]!, made) : undefined
}
