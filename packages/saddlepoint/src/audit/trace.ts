/** An attack run step by step in the open: how far it has come after each, whatever it would have kept of it. */
import { compile, float32, int64, takeRows, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import type { ConfiguredAttack } from '../attacks/attack.ts'
import { asState, Tracer } from '../attacks/tracer.ts'
import { samples as samplesOf, type Field } from '../evaluate/campaign.ts'
import { targetOf } from '../evaluate/clean.ts'
import { margin, parseLoss } from '../losses/index.ts'
import { stepsOf } from './check.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'

export interface Trace {
  /** Margin of every sample after every step, over the spread of its clean scores: [steps][samples]. */
  readonly progress: readonly (readonly number[])[]
  /** Whether the sample was adversarial after each step. */
  readonly success: readonly (readonly boolean[])[]
}

export async function traceAttack(
  { model, data, options, criterion, clean, batchSize }: Field,
  attack: ConfiguredAttack,
  { perturbation, eps }: { perturbation: Perturbation; eps: number },
  chosen: readonly number[],
): Promise<Trace> {
  const indices = model.batch > 0 ? chosen.slice(0, batchSize) : chosen
  const n = indices.length
  const loss = parseLoss(attack.options.loss, options.losses)
  const setting = {
    model,
    perturbation,
    criterion,
    loss,
    transforms: options.transforms,
    engine: model.engine,
  }
  const tracer = new Tracer(attack, setting)
  const programs = await Promise.all([tracer.start(), tracer.step(), tracer.check()])
  const [start, step, check] = programs
  const how = compile(
    (v: Tensor, labels: Tensor, targets: Tensor) => {
      const logits = model.logits!(v)
      const gap = margin({ logits, labels, ...(criterion.targeted ? { targets } : {}) })
      return { gap, spread: logits.max(1).sub(logits.min(1)) }
    },
    { engine: model.engine, name: 'audit.margin' },
  )
  try {
    const x = await samplesOf(data, indices)
    const labels = int64(
      [n],
      indices.map((i) => clean[i]!.label),
    )
    const targets = int64(
      [n],
      indices.map((i) => targetOf(clean[i]!, i, options, criterion, model)),
    )
    const measure = async (v: NDArray) => {
      const full = model.batch > 0 && n < model.batch ? padded(v, model.batch) : v
      const rows = model.batch > 0 ? [labels, targets].map((t) => padded(t, model.batch)) : [labels, targets]
      const { gap, spread } = await how(full, rows[0]!, rows[1]!)
      return { gap: Array.from(gap.data, Number).slice(0, n), spread: Array.from(spread.data, Number) }
    }
    const { spread } = await measure(x)
    const feeds = {
      x,
      labels,
      targets,
      eps: float32([n], new Float32Array(n).fill(eps)),
      round: float32([], [0]),
    }
    const place = (at: number) => ({ seed: options.seed ?? 0, samples: indices, step: at })
    let state = asState(await start.run(feeds, place(0)))
    const progress: number[][] = []
    const success: boolean[][] = []
    const look = async (at: number) => {
      const seen = await check.run({ ...feeds, ...state }, place(2 ** 19 + at))
      const { gap } = await measure(seen['adversarial']!)
      progress.push(gap.map((v, i) => v / Math.max(spread[i]!, 1e-12)))
      success.push(Array.from(seen['success']!.data, Boolean))
    }
    await look(0)
    const steps = stepsOf(attack, model.shape)
    for (let i = 0; i < steps; i++) {
      options.signal?.throwIfAborted()
      const {
        success: _,
        hit: __,
        ...results
      } = await step.run({ ...feeds, ...state, step: float32([], [i]) }, place(i + 1))
      state = asState(results)
      await look(i + 1)
    }
    return { progress, success }
  } finally {
    await Promise.all([...programs.map((p) => p.release()), how.release()])
  }
}

const padded = (a: NDArray, count: number) =>
  takeRows(
    a,
    Array.from({ length: count }, (_, i) => Math.min(i, a.dims[0]! - 1)),
  )
