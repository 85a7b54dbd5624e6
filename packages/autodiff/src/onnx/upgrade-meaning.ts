/** Upgrades of operators that changed what they compute, or that a newer operator replaced. */
import { float32, ndarray, sizeOf } from '../tensor/array.ts'
import { OnnxFormatError } from './errors.ts'
import type { OnnxNode } from './graph.ts'
import { describeNode } from './order.ts'
import { numberOf, without, type Attributes, type Rule } from './rewriter.ts'
import { isSoftmaxOverOneAxis } from './upgrade-softmax.ts'

/** Up to opset 8 statistics could be per element (spatial = 0); up to 13 extra outputs meant training. */
export const batchNormalization: Rule = (node, graph) => {
  const [y = '', ...statistics] = node.outputs
  if (statistics.some((name) => graph.isRead(name))) throw unsupported(node, 'is in training mode')
  const [x = '', scale = '', bias = '', mean = '', variance = ''] = node.inputs
  if (numberOf(node, 'spatial', 1) !== 0)
    return graph.replace(node, { outputs: [y], attributes: without(node, 'spatial') })
  const epsilon = graph.scalarLike(numberOf(node, 'epsilon', 1e-5), x)
  const deviation = graph.add('Sqrt', [graph.add('Add', [variance, epsilon])])
  const standard = graph.add('Div', [graph.add('Sub', [x, mean]), deviation])
  graph.add('Add', [graph.add('Mul', [standard, scale]), bias], {}, [y])
}

/**
 * Dropout does nothing in inference; its mask, if anyone reads it, says that everything was kept. One that is in training mode
 * all the same is a random defence, and stays.
 */
export const dropout: Rule = (node, graph) => {
  const [x = '', , training = ''] = node.inputs
  const [y = '', mask] = node.outputs
  if (training !== '') {
    const flag = graph.valueOf(training)
    if (flag === undefined) throw unsupported(node, 'decides at run time whether it is in training mode')
    if (Number(flag.data[0]) !== 0) return false
  }
  graph.replace(node, { op: 'Identity', inputs: [x], outputs: [y], attributes: {} })
  if (mask === undefined || !graph.isRead(mask)) return undefined
  // Until opset 9 the mask was of the type of the data.
  const kept = { value: ndarray('bool', [1], [1]) }
  const shape = graph.add('Shape', [x])
  if (graph.version >= 10) graph.add('ConstantOfShape', [shape], kept, [mask])
  else graph.add('CastLike', [graph.add('ConstantOfShape', [shape], kept), x], {}, [mask])
  return undefined
}

/** With a scale and bias per group, normalising groups is normalising instances whose channels are groups. */
export const groupNormalization: Rule = (node, graph) => {
  const [x = '', scale = '', bias = ''] = node.inputs
  const grouped = graph.add('Reshape', [x, graph.integers([0, numberOf(node, 'num_groups', 1), -1])])
  const epsilon = numberOf(node, 'epsilon', 1e-5)
  const normal = graph.add('InstanceNormalization', [grouped, scale, bias], { epsilon })
  graph.add('Reshape', [normal, graph.add('Shape', [x])], {}, node.outputs)
}

/** Softmax, LogSoftmax and Hardmax worked on the input flattened to two dimensions, from axis 1 by default. */
export const softmax: Rule = (node, graph) => {
  const axis = numberOf(node, 'axis', 1)
  if (isSoftmaxOverOneAxis(node, axis, graph)) return graph.replace(node, { attributes: { axis } })
  const [x = ''] = node.inputs
  const flat = graph.add('Flatten', [x], { axis })
  const normal = graph.add(node.op, [flat], { axis: -1 })
  graph.add('Reshape', [normal, graph.add('Shape', [x])], {}, node.outputs)
}

/** Upsample, and Resize of opset 10, knew no coordinate modes. */
export const upsample: Rule = (node, graph) => {
  const [x = '', scalesInput = ''] = node.inputs
  const list = node.attributes['scales'] as readonly number[] | undefined
  const scales = list === undefined ? graph.valueOf(scalesInput)?.data : Float32Array.from(list)
  const mode = node.attributes['mode'] ?? 'nearest'
  const attributes = { mode, coordinate_transformation_mode: 'asymmetric' }
  const values = scales === undefined ? [] : Array.from(scales, Number)
  if (mode !== 'nearest' || values.every((s) => s >= 1)) {
    const input = list === undefined ? scalesInput : graph.constant(float32([values.length], values))
    const nearest: Attributes = mode === 'nearest' ? { nearest_mode: 'floor' } : {}
    graph.add('Resize', [x, '', input], { ...attributes, ...nearest }, node.outputs)
    return
  }
  // The standard left the rounding open; ONNX Runtime rounds down to enlarge and up to shrink.
  const shrink = graph.constant(
    float32(
      [values.length],
      values.map((s) => Math.min(s, 1)),
    ),
  )
  const enlarge = graph.constant(
    float32(
      [values.length],
      values.map((s) => Math.max(s, 1)),
    ),
  )
  const larger = graph.add('Resize', [x, '', enlarge], { ...attributes, nearest_mode: 'floor' })
  graph.add('Resize', [larger, '', shrink], { ...attributes, nearest_mode: 'ceil' }, node.outputs)
}

/** From opset 11 on only the placeholders change: an input not given is left out instead of being empty. */
export const resize: Rule = (node, graph) => {
  if (graph.version < 11) return upsample(node, graph)
  const given = (name: string) => {
    const dims = graph.declaredShape(name)
    return dims?.every((dim) => typeof dim === 'number') && sizeOf(dims as number[]) === 0 ? '' : name
  }
  const [x = '', ...rest] = node.inputs
  graph.replace(node, { inputs: [x, ...rest.map(given)] })
}

/** The default of opset 16 moves the box by half a pixel; before, there was no such choice. */
export const roiAlign: Rule = (node, graph) => {
  const attributes = { ...node.attributes, coordinate_transformation_mode: 'output_half_pixel' }
  graph.replace(node, { attributes })
}

export const scatter: Rule = (node, graph) => graph.replace(node, { op: 'ScatterElements' })

export const scan: Rule = (node) => {
  throw unsupported(node, 'scans over batches, as only opset 8 does')
}

function unsupported(node: OnnxNode, why: string): OnnxFormatError {
  return new OnnxFormatError(
    `${describeNode(node)} ${why}; export the model for inference with a newer opset`,
  )
}
