/** Brings models of opset 7 and later to one vocabulary, so that every other layer knows one form of each op. */
import { OnnxFormatError } from './errors.ts'
import type { OnnxModel, OnnxNode } from './graph.ts'
import { GraphRewriter, ModelNames, type Rule } from './rewriter.ts'
import * as moved from './upgrade-attributes.ts'
import * as changed from './upgrade-meaning.ts'
import { qLinearConv, qLinearMatMul } from './upgrade-quantized.ts'

/** The oldest opset whose operators broadcast as today's do; before it, each op had its own rules. */
const oldest = 7
const target = 18
const any = Infinity

/** Operator → the version from which on it needs no rewriting, and the rewriting. */
const rules: Readonly<Record<string, readonly [before: number, rule: Rule]>> = {
  BatchNormalization: [14, changed.batchNormalization],
  Clip: [11, moved.clip],
  Dropout: [any, changed.dropout],
  GroupNormalization: [21, changed.groupNormalization],
  Hardmax: [13, changed.softmax],
  LogSoftmax: [13, changed.softmax],
  Pad: [11, moved.pad],
  QLinearConv: [any, qLinearConv],
  QLinearMatMul: [any, qLinearMatMul],
  ReduceL1: [18, moved.axes],
  ReduceL2: [18, moved.axes],
  ReduceLogSum: [18, moved.axes],
  ReduceLogSumExp: [18, moved.axes],
  ReduceMax: [18, moved.axes],
  ReduceMean: [18, moved.axes],
  ReduceMin: [18, moved.axes],
  ReduceProd: [18, moved.axes],
  ReduceSum: [13, moved.axes],
  ReduceSumSquare: [18, moved.axes],
  Resize: [18, changed.resize],
  RoiAlign: [16, changed.roiAlign],
  Scan: [9, changed.scan],
  Scatter: [any, changed.scatter],
  Slice: [10, moved.slice],
  Softmax: [13, changed.softmax],
  Split: [18, moved.split],
  Squeeze: [13, moved.axes],
  TopK: [10, moved.topK],
  Unsqueeze: [13, moved.axes],
  Upsample: [any, changed.upsample],
}

/**
 * The same model in the operator forms of opset 18. Opset 18 is also what the result declares, unless the
 * model is newer: then its opset, and the forms that came after 18, stay.
 *
 * Inference is meant: Dropout becomes Identity unless it says that it is in training mode. GroupNormalization with a scale per group becomes
 * InstanceNormalization of the groups, and QLinearConv and QLinearMatMul become the float operator between
 * DequantizeLinear and QuantizeLinear, which may round a tie to the neighbouring integer.
 *
 * @throws OnnxFormatError for an opset below 7, and for the few old forms that
 * have no equivalent
 */
export function upgradeModel(model: OnnxModel): OnnxModel {
  const version = model.opsets['']
  if (version === undefined) return model
  if (version < oldest)
    throw new OnnxFormatError(
      `The model uses opset ${version}; ${oldest} is the oldest supported, so convert it with onnx.version_converter or export it again`,
    )
  const find = (node: OnnxNode): Rule | undefined => {
    const entry = node.domain === '' && Object.hasOwn(rules, node.op) ? rules[node.op] : undefined
    return entry !== undefined && version < entry[0] ? entry[1] : undefined
  }
  return {
    ...model,
    opsets: { ...model.opsets, '': Math.max(version, target) },
    graph: new GraphRewriter(model.graph, new ModelNames(model)).rewrite(find),
  }
}
