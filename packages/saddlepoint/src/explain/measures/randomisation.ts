/**
 * Whether an explanation looks at what the model has learned: its layers' weights are drawn anew one after the other, from the outputs
 * back to the inputs, and the explanation should change. Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim 2018, section 3.1 (cascading
 * randomisation).
 */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { ClassifierError } from '../../model/errors.ts'
import { classifier, type Classifier } from '../../model/classifier.ts'
import { Random } from '../../random/philox.ts'
import { exportModel } from '../../training/model-file.ts'
import type { ExplainControl } from '../explain.ts'
import type { ConfiguredExplanation } from '../explanation.ts'
import { importance, rankCorrelation } from './importance.ts'

const WITH_WEIGHTS = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul'])

export interface RandomisedLayer {
  /** The layer whose weights, after those behind it, were drawn anew. */
  readonly layer: string
  /** Rank correlation with the explanation of the trained model, of values with their signs; mean over the samples. */
  readonly correlation: number
  /** The same of the sizes. */
  readonly absolute: number
}

/**
 * @param x samples [n, …]; the classes explained stay those of the trained model
 * @returns one row for each layer with weights, from the last to the first
 * @throws ClassifierError if the model has none
 */
export async function randomisation(
  method: ConfiguredExplanation,
  model: Classifier,
  x: NDArray,
  control: ExplainControl = {},
): Promise<readonly RandomisedLayer[]> {
  const trained = await method.explain(model, x, control)
  const layers = layersOf(model)
  const parameters: Record<string, NDArray> = {}
  const rows: RandomisedLayer[] = []
  for (const [index, { layer, weights }] of layers.entries()) {
    weights.forEach((name, k) => {
      parameters[name] = drawnAnew(
        model.model.parameters[name]!,
        new Random(control.seed ?? 0, index * 8 + k),
      )
    })
    const { conventions, name, shape, bounds, engine } = model
    const random = await classifier(exportModel(model.model, parameters), {
      ...conventions,
      name: `${name} with random weights from ${layer} on`,
      shape,
      bounds,
      engine,
    })
    const { attribution } = await method.explain(random, x, { ...control, classes: trained.classes })
    await random.release()
    rows.push({
      layer,
      correlation: meanCorrelation(trained.attribution, attribution),
      absolute: meanCorrelation(sizes(trained.attribution), sizes(attribution)),
    })
  }
  return rows
}

/** Layers with weights, those nearest to the outputs first. */
function layersOf({ model, name }: Classifier): { layer: string; weights: string[] }[] {
  const known = model.parameters
  const found = model.source.graph.nodes
    .filter((n) => WITH_WEIGHTS.has(n.op))
    .map((n) => ({
      layer: n.name || n.outputs[0]!,
      weights: n.inputs.filter((i) => i && (known[i]?.dims.length ?? 0) > 0),
    }))
    .filter(({ weights }) => weights.length)
  if (found.length) return found.toReversed()
  throw new ClassifierError(`${name} has no layer with float weights of its own: nothing to draw anew`)
}

/** Normal numbers with the mean and deviation of the trained ones: of the scale that the layers around it expect. */
function drawnAnew({ dims, data }: NDArray, random: Random): NDArray {
  const values = Array.from(data as Float32Array)
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length)
  return float32(
    dims,
    Float32Array.from(values, () => mean + deviation * random.normal()),
  )
}

const sizes = (a: NDArray) => importance({ attribution: a, unit: 'slope' })

function meanCorrelation(a: NDArray, b: NDArray): number {
  const n = a.dims[0]!
  const size = a.data.length / n
  const row = ({ data }: NDArray, i: number) => data.subarray(i * size, (i + 1) * size) as Float32Array
  let total = 0
  for (let i = 0; i < n; i++) total += rankCorrelation(row(a, i), row(b, i))
  return total / n
}
