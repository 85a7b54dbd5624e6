/** BPDA, backward pass differentiable approximation: another rule for the backward pass of a node. Athalye, Carlini, Wagner 2018, section 4.1. */
import type { GradientRule, Model } from '@saddlepoint/autodiff'
import { ClassifierError } from './errors.ts'

export type BackwardRule = 'straight-through' | 'identity' | GradientRule
/** By name of a node of the model. */
export type BackwardRules = Readonly<Record<string, 'straight-through' | GradientRule>>

/**
 * The rules by node: a kind of operator stands for all its nodes in the model, and for none of the loss or the attack.
 *
 * @throws ClassifierError for a name that the model does not have
 */
export function backwardRules(model: Model, given: Readonly<Record<string, BackwardRule>>): BackwardRules {
  const nodes = model.source.graph.nodes.map((n) => ({ op: n.op, name: n.name || n.outputs[0]! }))
  const found: Record<string, 'straight-through' | GradientRule> = {}
  for (const [key, rule] of Object.entries(given)) {
    const own = nodes.filter(({ op, name }) => op === key || name === key)
    if (!own.length)
      throw new ClassifierError(
        `BPDA: the model has no operator and no node "${key}"; its operators are ${[...new Set(nodes.map((n) => n.op))].toSorted().join(', ')}`,
      )
    for (const { name } of own) found[name] = rule === 'identity' ? 'straight-through' : rule
  }
  return found
}
