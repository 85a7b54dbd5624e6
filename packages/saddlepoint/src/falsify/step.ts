/** One step of the search as one graph: model, margins, gradient and update, for any disjuncts side by side. */
import {
  abs,
  constant,
  elements,
  float32,
  gather,
  gradientOf,
  int64,
  isNaN,
  less,
  logSumExp,
  matMul,
  maximum,
  minimum,
  ModelError,
  sign,
  sizeOf,
  stopGradient,
  where,
  type Engine,
  type Model,
  type Tensor,
} from '@saddlepoint/autodiff'
import { TracedProgram, type Declare } from '../attacks/program.ts'
import type { Disjunct, Specification } from './vnnlib.ts'
import { float32Bounds } from './witness.ts'

/** A constraint that always holds: conjunctions shorter than the longest are filled up with it. */
const SLACK = 1e20

/** How the points of a search lie in the model's batch. */
export interface Layout {
  /** Points at a time: −1, or the only number that the model takes. */
  readonly batch: number
  /** The model's input for those points. */
  readonly shape: readonly number[]
}

/** @throws ModelError if the specification speaks of another number of inputs or outputs than the model has */
export function layoutOf(model: Model, { inputs, outputs }: Specification): Layout {
  if (model.inputs.length !== 1)
    throw new ModelError(`the model has ${model.inputs.length} inputs, a specification speaks of one`)
  const [batch, ...sample] = model.inputs[0]!.shape as [number, ...number[]]
  // A file may keep no dimension for the batch: what was taken for it is then part of the point.
  const fixed = model.original.fixedBatch ?? 1
  const rows = inputs === sizeOf(sample) ? 1 : fixed
  if (inputs !== sizeOf(sample) * rows)
    throw new ModelError(`the specification has ${inputs} inputs X_i, the model ${sizeOf(sample)}`)
  const declared = Math.abs(elements(model.outputs[0]!.shape))
  const found = batch < 0 ? declared * rows : rows === 1 ? declared / batch : declared
  if (outputs !== found)
    throw new ModelError(`the specification has ${outputs} outputs Y_j, the model ${found}`)
  if (batch < 0) return { batch: -1, shape: [-rows, ...sample] }
  return { batch: rows === 1 ? batch : 1, shape: [batch, ...sample] }
}

/**
 * Inputs per point: `x`, the point before it, the best one so far and its margin, `stepSize` in half widths of the box,
 * `inertia` (the share of the new direction; the rest repeats the last move), `sharpness` of the soft maximum over
 * constraints, `lean` (a direction of the outputs to climb), `pull` (0 while that is all that counts, else 1) and
 * `disjunct`. Outputs: the margin at x, the best point, and the next one.
 */
export function stepProgram(
  model: Model,
  specification: Specification,
  engine: Engine,
): Promise<TracedProgram> {
  const layout = layoutOf(model, specification)
  return TracedProgram.build(engine, layout.batch, 'falsify.step', (declare) =>
    traceStep(model, specification, layout, declare),
  )
}

function traceStep(
  model: Model,
  specification: Specification,
  { batch, shape }: Layout,
  { perSample }: Declare,
): Record<string, Tensor> {
  const { disjuncts, inputs, outputs } = specification
  const x = perSample('x', [inputs])
  const previous = perSample('previous', [inputs])
  const best = perSample('best', [inputs])
  const bestMargin = perSample('bestMargin', [1])
  const stepSize = perSample('stepSize', [1])
  const inertia = perSample('inertia', [1])
  const sharpness = perSample('sharpness', [1])
  const lean = perSample('lean', [outputs])
  const pull = perSample('pull', [1])
  const disjunct = perSample('disjunct', [], 'int64')
  const { low, high, half } = bounds(disjuncts, disjunct)

  const y = scores(model, specification, x.reshape(shape)).reshape([batch, outputs])
  const margins = marginsOf(disjuncts, outputs, y, disjunct)
  const margin = margins.max([1], true)
  const objective =
    margins.shape[1] === 1 ? margins : softMaximum(margins, sharpness.div(stopGradient(spread(y))))
  const gradient = gradientOf(objective.mul(pull).sub(y.mul(lean).sum([1], true)), x)

  const inside = (v: Tensor) => minimum(maximum(v, low), high)
  const descended = inside(x.sub(half.mul(stepSize).mul(sign(gradient))))
  const moved = inside(x.add(descended.sub(x).mul(inertia)).add(x.sub(previous).mul(inertia.neg().add(1))))
  return {
    margin: margin.reshape([batch]),
    nextBest: where(less(margin, bestMargin), x, best),
    next: where(isNaN(moved), x, moved),
  }
}

/** All constraints pull, by how near they are to the largest. */
const softMaximum = (margins: Tensor, sharpness: Tensor) =>
  logSumExp(margins.mul(sharpness), 1, true).div(sharpness)

/** How far apart the outputs are: the unit of sharpness. A single output has its size. */
function spread(y: Tensor): Tensor {
  const deviation = abs(y.sub(y.mean([1], true))).mean([1], true)
  return deviation.add(abs(y).mean([1], true).mul(1e-3)).add(1e-12)
}

/** The model's output; before a final Softmax or the like if nothing but the order of outputs matters. */
function scores(model: Model, { disjuncts }: Specification, x: Tensor): Tensor {
  const ordering = disjuncts.every(({ constraints }) =>
    constraints.every(({ coefficients, bound }) => {
      const signs = [...coefficients.values()]
      return bound === 0 && signs.length === 2 && signs.includes(1) && signs.includes(-1)
    }),
  )
  const { logits, stripped } = ordering ? model.logits(x) : { logits: model(x), stripped: undefined }
  return stripped && sizeOf(logits.shape) === sizeOf(model(x).shape) ? logits : model(x)
}

function bounds(disjuncts: readonly Disjunct[], disjunct: Tensor) {
  const boxes = [...new Set(disjuncts.map((d) => d.box))]
  const inputs = boxes[0]!.low.length
  const inner = boxes.map(float32Bounds)
  const table = (of: (box: (typeof inner)[number]) => Float32Array) => {
    const data = new Float32Array(boxes.length * inputs)
    inner.forEach((box, i) => data.set(of(box), i * inputs))
    return constant(float32([boxes.length, inputs], data))
  }
  const index =
    boxes.length > 1 &&
    gather(
      constant(
        int64(
          [disjuncts.length],
          disjuncts.map((d) => boxes.indexOf(d.box)),
        ),
      ),
      disjunct,
    )
  const mine = (t: Tensor) => (index ? gather(t, index) : t)
  const low = mine(table((box) => box.low))
  const high = mine(table((box) => box.high))
  const half = mine(table((box) => box.low.map((v, i) => box.high[i]! / 2 - v / 2)))
  return { low, high, half }
}

/** Violations of each point's own constraints, [points, most constraints]. */
function marginsOf(disjuncts: readonly Disjunct[], outputs: number, y: Tensor, disjunct: Tensor): Tensor {
  const most = Math.max(1, ...disjuncts.map((d) => d.constraints.length))
  const matrix = new Float32Array(disjuncts.length * most * outputs)
  const limits = new Float32Array(disjuncts.length * most).fill(SLACK)
  for (const [d, { constraints }] of disjuncts.entries())
    for (const [k, { coefficients, bound }] of constraints.entries()) {
      limits[d * most + k] = bound
      for (const [j, c] of coefficients) matrix[(d * most + k) * outputs + j] = c
    }
  if (disjuncts.length === 1) {
    const columns = constant(float32([most, outputs], matrix)).transpose([1, 0])
    return matMul(y, columns).sub(float32([1, most], limits))
  }
  const a = gather(constant(float32([disjuncts.length, most, outputs], matrix)), disjunct)
  const b = gather(constant(float32([disjuncts.length, most], limits)), disjunct)
  return a
    .mul(y.reshape([y.shape[0]!, 1, outputs]))
    .sum([2])
    .sub(b)
}
