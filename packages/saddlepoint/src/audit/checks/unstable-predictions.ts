/** Whether the loss is smooth on the scale of an attack's steps. */
import { compile, float32, type Tensor } from '@saddlepoint/autodiff'
import { fail, pass, warn, type Check } from '../check.ts'
import { margin } from '../../losses/index.ts'
import { fillUniform } from '../../random/philox.ts'

/** Directions tried at each sample, and how far they go: a part of the distance between the bounds. */
const DIRECTIONS = 4
const RADIUS = 1 / 2550
/**
 * How far towards a random point the sample is moved first. Black pixels may lie on the kink of every rectifier that sees nothing else,
 * where a model that is smooth but there would look rough.
 */
const AWAY = 0.05
const [SUSPECT, ROUGH] = [0.5, 0.8]

/**
 * How much of the change of the loss over a small step is no slope: |L(x + u) + L(x − u) − 2 L(x)| over |L(x + u) − L(x − u)|, on
 * average over random u. It tends to 0 with u for a smooth loss, and stays near 1 for one that jumps.
 */
export const unstablePredictions: Check = {
  name: 'unstable predictions',
  source: 'Pintor et al. 2022, indicator 2 (there by the loss alone)',
  cost: 'quick',
  async run(context) {
    const { model, options } = context.field
    if (!context.isOpen || (model.randomness ?? 'none') !== 'none') return undefined
    const { x, labels } = await context.probed()
    const [low, high] = model.bounds
    const { seed = 0 } = options
    const probe = compile(
      (v: Tensor, u: Tensor, y: Tensor) => {
        const at = (p: Tensor) => margin({ logits: model.logits!(p), labels: y })
        const [here, there, back] = [at(v), at(v.add(u)), at(v.sub(u))]
        const bend = there.add(back).sub(here.mul(2))
        return { bend, slope: there.sub(back) }
      },
      { engine: model.engine, name: 'audit.roughness' },
    )
    let [bend, slope] = [0, 0]
    const size = (values: ArrayLike<number | bigint>) =>
      Array.from(values, (v) => Math.abs(Number(v))).reduce((a, b) => a + b, 0)
    try {
      for (let draw = 0; draw < DIRECTIONS; draw++)
        await context.eachBatch(x, labels, async (v, y) => {
          const u = fillUniform(new Float32Array(v.data.length), { seed, sample: draw })
          const far = RADIUS * (high - low)
          const r = fillUniform(new Float32Array(v.data.length), { seed, sample: draw, draw: 1 })
          const moved = r.map((t, i) => {
            const value = Number(v.data[i])
            return value + AWAY * (low + (high - low) * t - value)
          })
          const steps = u.map((t) => (2 * t - 1) * far)
          const found = await probe(float32(v.dims, moved), float32(v.dims, steps), y)
          bend += size(found.bend.data as Float32Array)
          slope += size(found.slope.data as Float32Array)
        })
    } finally {
      await probe.release()
    }
    const rough = bend / Math.max(slope, 1e-30)
    if (slope === 0) return undefined
    const saw = `over steps of ${RADIUS.toPrecision(2)} the loss bends ${rough.toPrecision(2)} times as much as it rises`
    if (rough < SUSPECT) return pass(saw, 'the loss is smooth enough for its gradient to tell where it leads')
    return (rough < ROUGH ? warn : fail)(
      saw,
      'the loss jumps between neighbouring points: its gradient says little about the next step',
      'transform=noise,strength=0.03,eot=20, --bpda for the operators that switch, or --attack square',
    )
  },
}
