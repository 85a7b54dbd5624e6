/** Upgrades of operators whose attributes became inputs, with the meaning unchanged. */
import { integersOf, numberOf, without, type Rule } from './rewriter.ts'

/** Reductions, Squeeze and Unsqueeze. */
export const axes: Rule = (node, graph) => {
  const list = integersOf(node, 'axes')
  // An empty list meant every axis, as does a missing input.
  const input = list === undefined || list.length === 0 ? [] : [graph.integers(list)]
  graph.replace(node, { inputs: [...node.inputs.slice(0, 1), ...input], attributes: without(node, 'axes') })
}

export const clip: Rule = (node, graph) => {
  const [x = ''] = node.inputs
  const bound = (name: string) => {
    const value = numberOf(node, name, undefined)
    return value === undefined ? '' : graph.scalarLike(value, x)
  }
  graph.replace(node, { inputs: [x, bound('min'), bound('max')], attributes: without(node, 'min', 'max') })
}

export const pad: Rule = (node, graph) => {
  const [x = ''] = node.inputs
  const value = numberOf(node, 'value', 0)
  graph.replace(node, {
    inputs: [
      x,
      graph.integers(integersOf(node, 'pads') ?? []),
      value === 0 ? '' : graph.scalarLike(value, x),
    ],
    attributes: without(node, 'pads', 'value'),
  })
}

export const slice: Rule = (node, graph) => {
  const list = (name: string) => graph.integers(integersOf(node, name) ?? [])
  const inputs = [...node.inputs, list('starts'), list('ends')]
  if (node.attributes['axes'] !== undefined) inputs.push(list('axes'))
  graph.replace(node, { inputs, attributes: without(node, 'starts', 'ends', 'axes') })
}

/** Opset 18 wants either the sizes or the number of parts; before, neither meant equal parts. */
export const split: Rule = (node, graph) => {
  const [x = '', sizesInput = ''] = node.inputs
  const sizes = graph.version < 13 ? integersOf(node, 'split') : undefined
  const attributes = without(node, 'split')
  if (sizes !== undefined && sizes.length > 0)
    graph.replace(node, { inputs: [x, graph.integers(sizes)], attributes })
  else if (sizesInput !== '') return false
  else graph.replace(node, { inputs: [x], attributes: { ...attributes, num_outputs: node.outputs.length } })
}

export const topK: Rule = (node, graph) => {
  graph.replace(node, {
    inputs: [...node.inputs, graph.integers([numberOf(node, 'k', 1)])],
    attributes: without(node, 'k'),
  })
}
