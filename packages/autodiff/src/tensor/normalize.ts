/** Normalisation layers. */
import { throughDefinition } from './differentiate.ts'
import { reciprocal, sqrt } from './elementwise.ts'
import { matMul } from './linear.ts'
import { constantMatrix } from './layout.ts'
import { countOf } from './reduce.ts'
import { elements } from './shape.ts'
import {
  apply,
  defineOp,
  floatAttr,
  intAttr,
  scalar,
  type GradientContext,
  type OpDefinition,
  type Tensor,
} from './tensor.ts'

const same: OpDefinition['infer'] = ([x]) => [{ type: x!.type, shape: x!.shape }]
const spatial = (x: Tensor) => x.shape.slice(2).map((_, i) => i + 2)
/** [C] as [1, C, 1, …]: one number per channel of x. */
const perChannel = (v: Tensor, x: Tensor) => v.reshape([1, v.shape[0]!, ...spatial(x).map(() => 1)])

/** (x − mean) / √(var + ε) over axes, with the population variance. */
function standardise(x: Tensor, axes: readonly number[], epsilon: number): Tensor {
  const centred = x.sub(x.mean(axes, true))
  return centred.div(sqrt(centred.square().mean(axes, true).add(epsilon)))
}

defineOp('BatchNormalization', {
  infer: ([x, , , mean], attributes) => {
    const y = { type: x!.type, shape: x!.shape }
    const statistic = { type: x!.type, shape: mean!.shape }
    return intAttr(attributes, 'training_mode', 0) ? [y, statistic, statistic] : [y]
  },
  gradient: (context) => {
    const { dy, inputs, attributes, needs } = context
    const [x, scale, , mean, variance] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor]
    const epsilon = floatAttr(attributes, 'epsilon', 1e-5)
    const axes = [0, ...spatial(x)]
    if (!intAttr(attributes, 'training_mode', 0)) {
      const inverse = perChannel(reciprocal(sqrt(variance.add(epsilon))), x)
      const normal = () => x.sub(perChannel(mean, x)).mul(inverse)
      const factor = perChannel(scale, x).mul(inverse)
      const total = (t: Tensor) => t.sum(axes, false)
      return [
        needs[0] ? dy.mul(factor) : undefined,
        needs[1] ? total(dy.mul(normal())) : undefined,
        needs[2] ? total(dy) : undefined,
        needs[3] ? total(dy.mul(factor)).neg() : undefined,
        needs[4] ? total(dy.mul(normal()).mul(factor).mul(inverse)).mul(-0.5) : undefined,
      ]
    }
    if (floatAttr(attributes, 'momentum', 0.9) !== 0)
      throw new Error(
        'BatchNormalization in training mode has a gradient for momentum 0 (statistics of the batch) only',
      )
    return trainingRule(context, axes, epsilon)
  },
})
/** Differentiates the statistics too: second derivatives pass through them. */
function trainingRule(
  { dys, inputs, needs }: GradientContext,
  axes: readonly number[],
  epsilon: number,
): (Tensor | undefined)[] {
  const [x, scale] = inputs as [Tensor, Tensor]
  const [dy, dMean, dVariance] = dys
  // Not from the operator's own outputs: see `batchNormTraining`.
  const centred = x.sub(x.mean(axes, true))
  const inverse = reciprocal(sqrt(centred.square().mean(axes, true).add(epsilon)))
  const normal = centred.mul(inverse)
  const parts: Tensor[] = []
  if (dy && needs[0]) {
    const meanProduct = dy.mul(normal).mean(axes, true)
    const residual = dy.sub(dy.mean(axes, true)).sub(normal.mul(meanProduct))
    parts.push(residual.mul(perChannel(scale, x).mul(inverse)))
  }
  const size = countOf(x, axes)
  if (dMean && needs[0]) parts.push(perChannel(dMean, x).div(size))
  if (dVariance && needs[0]) parts.push(perChannel(dVariance, x).mul(2).div(size).mul(centred))
  return [
    parts.length ? parts.reduce((a, b) => a.add(b)) : undefined,
    dy && needs[1] ? dy.mul(normal).sum(axes, false) : undefined,
    dy && needs[2] ? dy.sum(axes, false) : undefined,
  ]
}
/**
 * Batch normalisation with the statistics of this batch (Ioffe & Szegedy 2015).
 *
 * @returns y, and the batch's mean and (population) variance per channel, for running averages
 */
export function batchNormTraining(
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  epsilon = 1e-5,
): { y: Tensor; mean: Tensor; variance: Tensor } {
  // Not by the operator's training mode: where a graph has several, ONNX Runtime 1.30 does not keep the statistics that one of them
  // gives until a gradient reads them.
  const axes = [0, ...spatial(x)]
  const mean = x.mean(axes, false)
  const variance = x.sub(perChannel(mean, x)).square().mean(axes, false)
  return { y: batchNormalization(x, scale, bias, mean, variance, epsilon), mean, variance }
}

/** (x − mean) / √(variance + ε) · scale + bias, per channel, with given statistics. */
export const batchNormalization = (
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  mean: Tensor,
  variance: Tensor,
  epsilon = 1e-5,
) => apply('BatchNormalization', [x, scale, bias, mean, variance], { epsilon })

defineOp('InstanceNormalization', {
  infer: same,
  gradient: throughDefinition(([x, scale, bias], a) =>
    standardise(x!, spatial(x!), floatAttr(a, 'epsilon', 1e-5))
      .mul(perChannel(scale!, x!))
      .add(perChannel(bias!, x!)),
  ),
})
export const instanceNormalization = (x: Tensor, scale: Tensor, bias: Tensor, epsilon = 1e-5) =>
  apply('InstanceNormalization', [x, scale, bias], { epsilon })

defineOp('LayerNormalization', {
  infer: ([x], attributes) => {
    const axis = intAttr(attributes, 'axis', -1)
    const from = axis < 0 ? axis + x!.rank : axis
    const statistic = { type: x!.type, shape: x!.shape.map((d, i) => (i >= from ? 1 : d)) }
    return [{ type: x!.type, shape: x!.shape }, statistic, statistic]
  },
  gradient: throughDefinition(([x, scale, bias], a) => {
    const axis = intAttr(a, 'axis', -1)
    const from = axis < 0 ? axis + x!.rank : axis
    const axes = x!.shape.map((_, i) => i).filter((i) => i >= from)
    const y = standardise(x!, axes, floatAttr(a, 'epsilon', 1e-5)).mul(scale!)
    return bias ? y.add(bias) : y
  }),
})
export const layerNormalization = (x: Tensor, scale: Tensor, bias?: Tensor, axis = -1, epsilon = 1e-5) =>
  apply('LayerNormalization', bias ? [x, scale, bias] : [x, scale], { axis, epsilon })

defineOp('GroupNormalization', {
  since: 21,
  infer: same,
  gradient: throughDefinition(([x, scale, bias], a) => {
    const groups = intAttr(a, 'num_groups', 1)
    const [n] = x!.shape as [number]
    const grouped = x!.reshape([n, groups, elements(x!.shape.slice(1)) / groups])
    return standardise(grouped, [2], floatAttr(a, 'epsilon', 1e-5))
      .reshape(x!.shape)
      .mul(perChannel(scale!, x!))
      .add(perChannel(bias!, x!))
  }),
})

defineOp('RMSNormalization', {
  since: 23,
  infer: same,
  gradient: throughDefinition(([x, scale], a) => {
    const axis = intAttr(a, 'axis', -1)
    const from = axis < 0 ? axis + x!.rank : axis
    const axes = x!.shape.map((_, i) => i).filter((i) => i >= from)
    const power = x!
      .square()
      .mean(axes, true)
      .add(floatAttr(a, 'epsilon', 1e-5))
    return x!.div(sqrt(power)).mul(scale!)
  }),
})

defineOp('MeanVarianceNormalization', {
  infer: same,
  gradient: throughDefinition(([x], a) =>
    standardise(x!, (a['axes'] as number[] | undefined) ?? [0, 2, 3], 1e-9),
  ),
})

defineOp('LpNormalization', {
  infer: same,
  gradient: throughDefinition(([x], a) => {
    const axis = intAttr(a, 'axis', -1)
    const norm = intAttr(a, 'p', 2) === 1 ? 'ReduceL1' : 'ReduceL2'
    const size = apply(norm, [x], { axes: [axis < 0 ? axis + x!.rank : axis], keepdims: 1 })
    // At the origin there is no direction to keep: ONNX Runtime returns 0, and so is the gradient finite.
    return x!.div(apply('Where', [apply('Greater', [size, scalar(0)]), size, scalar(1)]))
  }),
})

defineOp('LRN', {
  infer: same,
  gradient: throughDefinition(([x], a) => {
    const size = intAttr(a, 'size', 1)
    const alpha = floatAttr(a, 'alpha', 1e-4)
    const [n, channels] = x!.shape as [number, number]
    const before = Math.floor((size - 1) / 2)
    const after = Math.ceil((size - 1) / 2)
    const band = constantMatrix(channels, channels, (i, j) => (j >= i - before && j <= i + after ? 1 : 0))
    const rows = x!.square().reshape([n, channels, elements(x!.shape.slice(2))])
    const power = matMul(band, rows).reshape(x!.shape)
    const base = power.mul(alpha / size).add(floatAttr(a, 'bias', 1))
    return x!.mul(base.pow(-floatAttr(a, 'beta', 0.75)))
  }),
})
