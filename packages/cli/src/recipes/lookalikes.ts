/**
 * Pictures in which a network sees what it sees in others: gradient descent, normalised in L2, on the distance of the activations
 * before its last layer. Ilyas et al. 2019, eq. (6) and appendix C.
 */
import {
  clip,
  compile,
  gradientOf,
  joinRows,
  maximum,
  rows,
  sqrt,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { Classifier } from 'saddlepoint'
import { inPieces } from './pupils.ts'
import type { Kitchen } from './recipe.ts'

/** The first step, in L2; later ones shrink to nothing, so that the search comes to rest. */
const STRIDE = 1
const PIECE = 100

/** What the last rectifier puts out. */
function lastFeatures({ model, name }: Classifier): string {
  const last = model.source.graph.nodes.findLast((node) => node.op === 'Relu')
  if (last) return last.outputs[0]!
  throw new RangeError(`${name} has no rectifier whose output could be its representation`)
}

/**
 * @param originals [N, …] whose representation is sought
 * @param starts [N, …] to set out from
 */
export async function lookalikes(
  { engine, signal, progress }: Kitchen,
  model: Classifier,
  originals: NDArray,
  starts: NDArray,
  steps: number,
): Promise<NDArray> {
  const layer = lastFeatures(model)
  const axes = model.shape.map((_, i) => i + 1)
  const look = compile((x: Tensor) => model.value(x, layer), { engine })
  const step = compile(
    (x: Tensor, wanted: Tensor, stride: Tensor) => {
      const g = gradientOf(model.value(x, layer).sub(wanted).square().sum(), x)
      const length = sqrt(g.square().sum(axes, true))
      const next = x.sub(g.div(maximum(length, 1e-12)).mul(stride))
      return clip(next, ...model.bounds)
    },
    { engine },
  )
  const count = originals.dims[0]!
  let done = 0
  const parts = await inPieces(count, PIECE, async (from, to) => {
    const wanted = await look(rows(originals, from, to))
    let x = rows(starts, from, to)
    for (let i = 0; i < steps; i++) {
      signal.throwIfAborted()
      x = await step(x, wanted, STRIDE * (1 - i / steps))
    }
    progress('making lookalikes', (done += to - from), count)
    return x
  })
  await Promise.all([look.release(), step.release()])
  return joinRows(parts)
}
