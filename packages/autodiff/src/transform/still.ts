/** A model file with every random operator replaced by one fixed number: what a traced graph can be checked against. */
import type { OnnxModel, OnnxNode } from '../onnx/graph.ts'
import { float32, int64, type NDArray } from '../tensor/array.ts'

const RANDOM: ReadonlySet<string> = new Set([
  'RandomUniform',
  'RandomUniformLike',
  'RandomNormal',
  'RandomNormalLike',
  'Bernoulli',
  'Dropout',
])

/** Names of the nodes that draw random numbers; of Dropouts an upgraded model keeps only those in training mode. */
export function randomNodes(model: OnnxModel): string[] {
  return model.graph.nodes
    .filter((n) => RANDOM.has(n.op) && n.domain === '')
    .map((n) => n.name || n.outputs[0]!)
}

/** The same model without randomness, each draw the middle of its distribution; see ApplyOptions.still. */
export function stillModel(model: OnnxModel): OnnxModel {
  const initializers = new Map(model.graph.initializers)
  const literal = (name: string, value: NDArray) => {
    initializers.set(name, value)
    return name
  }
  const replace = (node: OnnxNode): OnnxNode[] => {
    if (!RANDOM.has(node.op) || node.domain !== '') return [node]
    const [y = '', mask = ''] = node.outputs
    const [x = ''] = node.inputs
    const { low = 0, high = 1, mean = 0, shape, dtype } = node.attributes
    const make = (op: string, inputs: string[], output: string, attributes: OnnxNode['attributes'] = {}) => ({
      op,
      domain: '',
      name: `${y}.${op}`,
      inputs,
      outputs: [output],
      attributes,
    })
    const middle = node.op.startsWith('RandomNormal') ? Number(mean) : (Number(low) + Number(high)) / 2
    const value = literal(`${y}.middle`, float32([], [middle]))
    if (shape) {
      const sizes = literal(`${y}.sizes`, int64([(shape as number[]).length], shape as number[]))
      return [make('Expand', [value, sizes], y)]
    }
    const expanded = [make('Shape', [x], `${y}.shape`), make('Expand', [value, `${y}.shape`], `${y}.draw`)]
    if (node.op === 'Bernoulli') {
      const flag = make('Less', [`${y}.draw`, x], `${y}.flag`)
      const typed =
        dtype === undefined
          ? make('CastLike', [flag.outputs[0]!, x], y)
          : make('Cast', [flag.outputs[0]!], y, { to: dtype })
      return [...expanded, flag, typed]
    }
    if (node.op === 'Dropout') {
      const given = initializers.get(node.inputs[1] ?? '')
      const p = given ? Number(given.data[0]) : 0.5
      const kept = mask || `${y}.kept`
      const ratio = literal(`${y}.ratio`, float32([], [p]))
      const zero = literal(`${y}.zero`, float32([], [0]))
      const scale = literal(`${y}.scale`, float32([], [1 / (1 - p)]))
      return [
        ...expanded,
        make('GreaterOrEqual', [`${y}.draw`, ratio], kept),
        make('Mul', [x, scale], `${y}.scaled`),
        make('Where', [kept, `${y}.scaled`, zero], y),
      ]
    }
    return [...expanded, make('Identity', [`${y}.draw`], y)]
  }
  const nodes = model.graph.nodes.flatMap(replace)
  return { ...model, graph: { ...model.graph, nodes, initializers } }
}
