/**
 * The skip gradient method: backward passes that prefer the skip connections of a residual network, which lead to gradients that
 * more models have in common. Wu, Wang, Xia, Bailey, Ma 2020, eq. (6).
 */
import type { GradientRule, Model, OnnxGraph } from '@saddlepoint/autodiff'
import { ClassifierError } from './errors.ts'

/**
 * Rules for the additions that join a residual branch to its skip connection: what goes back into the branch is multiplied by
 * γ, and what skips it is left as it is. Of the two the branch is the one with more operators to itself.
 *
 * @param gamma γ in (0, 1]; the paper uses 0.2 for ResNet-152 and 0.5 for DenseNet-201
 * @throws ClassifierError if the model has no residual branch
 * @example classifier(model, { bpda: skipGradient(model, 0.5) })
 */
export function skipGradient(model: Model, gamma: number): Readonly<Record<string, GradientRule>> {
  if (!(gamma > 0 && gamma <= 1)) throw new RangeError(`gamma lies above 0 and up to 1, not at ${gamma}`)
  const { graph } = model.source
  const behind = valuesBehind(graph)
  const rules: Record<string, GradientRule> = {}
  for (const node of graph.nodes.filter(({ op }) => op === 'Add')) {
    const [a, b] = node.inputs.map((name) => behind.get(name))
    if (!a || !b || ![...a].some((name) => b.has(name))) continue
    const own = [size(a, b), size(b, a)] as const
    if (own[0] === own[1]) continue
    const branch = own[0] > own[1] ? 0 : 1
    rules[node.name || node.outputs[0]!] = ({ dy }) => [0, 1].map((i) => (i === branch ? dy.mul(gamma) : dy))
  }
  if (!Object.keys(rules).length)
    throw new ClassifierError('the model has no residual branch, whose gradient could be decayed')
  return rules
}

/** How many values are behind one and not behind the other. */
const size = (a: ReadonlySet<string>, b: ReadonlySet<string>) => [...a].filter((name) => !b.has(name)).length

/** The values that each value is computed from, itself included; none for constants. */
function valuesBehind({ nodes, inputs, initializers }: OnnxGraph): ReadonlyMap<string, ReadonlySet<string>> {
  const behind = new Map<string, ReadonlySet<string>>()
  for (const { name } of inputs) if (!initializers.has(name)) behind.set(name, new Set([name]))
  for (const node of nodes) {
    const sources = node.inputs.flatMap((name) => [...(behind.get(name) ?? [])])
    if (sources.length) for (const name of node.outputs) behind.set(name, new Set([...sources, name]))
  }
  return behind
}
