/** Operators on integers with scales, as the float operator between DequantizeLinear and QuantizeLinear. */
import type { GraphRewriter, Rule } from './rewriter.ts'

export const qLinearConv: Rule = (node, graph) => {
  const [
    x = '',
    xScale = '',
    xZero = '',
    w = '',
    wScale = '',
    wZero = '',
    yScale = '',
    yZero = '',
    bias = '',
  ] = node.inputs
  const inputs = [
    graph.add('DequantizeLinear', [x, xScale, xZero]),
    graph.add('DequantizeLinear', [w, wScale, wZero], { axis: 0 }),
  ]
  // The bias is kept in units of the product of the two scales.
  if (bias !== '')
    inputs.push(graph.add('DequantizeLinear', [bias, graph.add('Mul', [xScale, wScale])], { axis: 0 }))
  graph.add('QuantizeLinear', [graph.add('Conv', inputs, node.attributes), yScale, yZero], {}, node.outputs)
}

export const qLinearMatMul: Rule = (node, graph) => {
  const [a = '', aScale = '', aZero = '', b = '', bScale = '', bZero = '', yScale = '', yZero = ''] =
    node.inputs
  const left = dequantize(graph, [a, aScale, aZero], -2)
  const right = dequantize(graph, [b, bScale, bZero], -1)
  graph.add('QuantizeLinear', [graph.add('MatMul', [left, right]), yScale, yZero], {}, node.outputs)
}

/** The rows of the left matrix, or the columns of the right one, may have a scale each. */
function dequantize(graph: GraphRewriter, inputs: readonly [string, string, string], axis: number): string {
  const scale = graph.declaredShape(inputs[1])
  const perAxis = scale?.length === 1 && scale[0] !== 1
  return graph.add('DequantizeLinear', inputs, perAxis ? { axis } : {})
}
