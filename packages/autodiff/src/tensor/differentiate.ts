/** Reverse-mode differentiation of a traced graph: one walk from the objective back to the inputs. */
import { expand } from './layout.ts'
import { sameShape, type Shape } from './shape.ts'
import {
  apply,
  defineOp,
  findOp,
  scalar,
  type GradientContext,
  type GradientRule,
  type Node,
  type Tensor,
} from './tensor.ts'

/** A node on the path from input to objective has no gradient rule. */
export class NoGradientError extends Error {
  override name = 'NoGradientError'
  readonly op: string
  readonly node: string
  readonly path: readonly string[]
  constructor(op: string, node: string, path: readonly string[]) {
    super(
      `${op} (node ${node}) has no gradient rule; the gradient passes through it on the way ${path.join(' → ')}. ` +
        'Give it one with the `rules` option (for example a straight-through one), or attack with scores only.',
    )
    this.op = op
    this.node = node
    this.path = path
  }
}

export interface DifferentiateOptions {
  /** Gradient of what lies above with respect to `output`; ones when absent: the gradient of the sum. */
  readonly seed?: Tensor
  /**
   * Rules that replace or supply those of the table, by operator or by node name; an entry 'straight-through' passes the
   * gradient on unchanged (BPDA with the identity, Athalye et al. 2018).
   */
  readonly rules?: Readonly<Record<string, GradientRule | 'straight-through'>>
  /** Called for every node whose zero derivative stopped the gradient. */
  readonly onZero?: (node: Node) => void
}

export const nodeName = (node: Node): string => node.label || `${node.op}_${node.id}`

/** All nodes that the outputs depend on, in an order in which inputs come first; the walk goes no further than `stop`. */
export function ancestors(outputs: readonly Tensor[], stop?: (node: Node) => boolean): Node[] {
  const seen = new Set<Node>()
  const pending = outputs.map((t) => t.node)
  while (pending.length) {
    const node = pending.pop()!
    if (seen.has(node) || stop?.(node)) continue
    seen.add(node)
    for (const input of node.inputs) if (input) pending.push(input.node)
  }
  return [...seen].toSorted((a, b) => a.id - b.id)
}

/** The nodes behind the outputs that draw random numbers. */
export const randomNodes = (outputs: readonly Tensor[]): Node[] =>
  ancestors(outputs).filter((node) => findOp(node.op)?.random)

/**
 * Gradients of the sum of `output` with respect to each tensor in `wrt`; undefined where it does not depend on it
 * (or only through operators of zero derivative).
 *
 * @throws NoGradientError when a node on the way has no rule
 */
export function differentiate(
  output: Tensor,
  wrt: readonly Tensor[],
  options: DifferentiateOptions = {},
): (Tensor | undefined)[] {
  return walk(output, wrt, options, ancestors([output]))
}

function walk(
  output: Tensor,
  wrt: readonly Tensor[],
  options: DifferentiateOptions,
  order: Node[],
): (Tensor | undefined)[] {
  const depends = new Set(wrt.map((t) => t.node))
  for (const node of order) if (node.inputs.some((t) => t && depends.has(t.node))) depends.add(node)

  const gradients = new Map<Tensor, Tensor>()
  gradients.set(output, options.seed ?? scalar(1))
  for (const node of order.toReversed()) {
    if (!depends.has(node)) continue
    const dys = node.outputs.map((y) => gradients.get(y))
    // A wanted tensor ends the walk unless another wanted one lies behind it.
    if (dys.every((g) => g === undefined) || !node.inputs.some((t) => t && depends.has(t.node))) continue
    const rule = ruleFor(node, options, output)
    if (!rule) continue
    const context = contextOf(node, dys, depends, ownRule(node, options) === undefined)
    const results = rule(context)
    if (results === 'zero') {
      options.onZero?.(node)
      continue
    }
    node.inputs.forEach((x, i) => {
      const g = results[i]
      if (!x || !g || !context.needs[i]) return
      const fitted = sumTo(g, x.shape)
      const before = gradients.get(x)
      gradients.set(x, before ? before.add(fitted) : fitted)
    })
  }
  return wrt.map((x) => {
    const g = gradients.get(x)
    return g && expand(g, x.shape)
  })
}

const ownRule = (node: Node, { rules }: DifferentiateOptions) => rules?.[nodeName(node)] ?? rules?.[node.op]

function ruleFor(node: Node, options: DifferentiateOptions, output: Tensor): GradientRule | undefined {
  const own = ownRule(node, options)
  if (own === 'straight-through') return ({ dy }) => [dy]
  if (own) return own
  const rule = findOp(node.op)?.gradient
  if (rule === 'zero') options.onZero?.(node)
  if (rule === 'zero' || rule === 'none') return undefined
  if (rule && !node.attributes['opaque']) return rule
  throw new NoGradientError(node.op, nodeName(node), pathBetween(node, output))
}

function contextOf(
  node: Node,
  dys: readonly (Tensor | undefined)[],
  depends: ReadonlySet<Node>,
  ofTable: boolean,
): GradientContext {
  const needs = node.inputs.map((t) => t !== undefined && depends.has(t.node))
  // A gradient may stay smaller than its tensor (that of a sum is one number) as long as nothing was broadcast here:
  // else the sum over the copies would be short. Rules of a caller's own get the whole.
  const lazy =
    ofTable &&
    findOp(node.op)?.elementwise &&
    node.inputs.every((t, i) => !needs[i] || sameShape(t!.shape, node.outputs[0]!.shape))
  const full = dys.map((g, i) => (g && !lazy ? expand(g, node.outputs[i]!.shape) : g))
  return {
    inputs: node.inputs as readonly Tensor[],
    outputs: node.outputs,
    attributes: node.attributes,
    dy: full[0] ?? scalar(0),
    dys: full,
    needs,
  }
}

/** Undoes broadcasting: sums over the dimensions in which `g` is larger than the operand it belongs to. */
function sumTo(g: Tensor, shape: Shape): Tensor {
  if (sameShape(g.shape, shape)) return g
  const extra = g.rank - shape.length
  const leading = Array.from({ length: Math.max(extra, 0) }, (_, i) => i)
  const stretched = shape.flatMap((d, i) => (d === 1 && (g.shape[i + extra] ?? 1) !== 1 ? [i + extra] : []))
  let result = g
  if (stretched.length) result = result.sum(stretched, true)
  return leading.length ? result.sum(leading, false) : result
}

/** Names of the nodes on a shortest way from `from` to the node that makes `output`. */
function pathBetween(from: Node, output: Tensor): string[] {
  const next = new Map<Node, Node>()
  const queue = [output.node]
  while (queue.length && !next.has(from)) {
    const node = queue.shift()!
    for (const input of node.inputs)
      if (input && !next.has(input.node)) {
        next.set(input.node, node)
        queue.push(input.node)
      }
  }
  const names: string[] = [nodeName(from)]
  for (let node = next.get(from); node && names.length < 50; node = next.get(node)) names.push(nodeName(node))
  return names.length > 7 ? [...names.slice(0, 3), '…', ...names.slice(-3)] : names
}

/** The same value as a node of its own, which lowering takes out again. */
defineOp('Alias', {
  infer: ([x]) => [{ type: x!.type, shape: x!.shape }],
  elementwise: true,
  gradient: ({ dy }) => [dy],
  spelling: () => 'identity',
  spellings: { identity: ([x]) => [x!] },
})

/** A gradient rule got by writing the operator in terms of others and differentiating that. */
export function throughDefinition(
  definition: (inputs: readonly Tensor[], attributes: GradientContext['attributes']) => Tensor,
): GradientRule {
  return ({ dy, dys, inputs, outputs, attributes, needs }) => {
    if (dys.some((g, i) => g && i > 0))
      throw new Error(`${outputs[0]!.node.op} has a gradient for its first output only`)
    // Operands may be one tensor twice, or computed from one another: each gets the gradient of its own place alone.
    const operands = inputs.map((x) => x && apply('Alias', [x]))
    const stops = new Set(operands.map((x) => x?.node))
    const value = definition(operands, attributes)
    const wanted = operands.filter((x, i) => x && needs[i])
    const order = ancestors([value], (node) => stops.has(node))
    const gradients = walk(value, wanted, { seed: dy }, order)
    return operands.map((x) => gradients[wanted.indexOf(x)])
  }
}
