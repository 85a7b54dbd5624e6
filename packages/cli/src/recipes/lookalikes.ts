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
 * @param stride L2 length of the first step; later ones shrink to nothing, so that the search comes to rest
 */
export async function lookalikes(
  { engine, signal, progress }: Kitchen,
  model: Classifier,
  originals: NDArray,
  starts: NDArray,
  steps: number,
  stride = 1,
): Promise<NDArray> {
  const layer = lastFeatures(model)
  const axes = model.shape.map((_, i) => i + 1)
  const look = compile((x: Tensor) => model.value(x, layer), { engine })
  const step = compile(
    (x: Tensor, wanted: Tensor, length: Tensor) => {
      const g = gradientOf(model.value(x, layer).sub(wanted).square().sum(), x)
      const norm = sqrt(g.square().sum(axes, true))
      const next = x.sub(g.div(maximum(norm, 1e-12)).mul(length))
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
      x = await step(x, wanted, stride * (1 - i / steps))
    }
    progress('making lookalikes', (done += to - from), count)
    return x
  })
  await Promise.all([look.release(), step.release()])
  return joinRows(parts)
}
