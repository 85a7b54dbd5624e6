/** What recipes teach, fool and look alike with: on two clouds of points that a line tells apart. */
import { createEngine, float32, int64 } from '@saddlepoint/autodiff'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { l2, mlp, Random, type TrainingData } from 'saddlepoint'
import { afterAll, expect, test } from 'vitest'
import { kitchen } from './kitchen.ts'
import { lookalikes } from './lookalikes.ts'
import { accuracy, answers, pushed, taught } from './pupils.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const here = kitchen({
  fast: true,
  seeds: [0],
  engine,
  folder: mkdtempSync(join(tmpdir(), 'recipe-')),
  signal: new AbortController().signal,
  display: { update: () => {}, end: () => {} },
  say: () => {},
})

/** Class 1 has the larger first value. */
function clouds(count: number): TrainingData {
  const random = new Random(0)
  const labels = Array.from({ length: count }, (_, i) => i % 2)
  const images = labels.flatMap((label) => [
    (label ? 0.6 : 0.1) + 0.3 * random.uniform(0, 1),
    random.uniform(0, 1),
    random.uniform(0, 1),
  ])
  return { images: float32([count, 3], images), labels: int64([count], labels) }
}

const data = clouds(200)
const flipped = Array.from(data.labels.data, Number).map((label) => 1 - label)
const pupil = (id: string, hidden: readonly number[]) =>
  taught(here, id, {
    network: mlp({ shape: [3], classes: 2, hidden }),
    data,
    epochs: 30,
    rate: 0.05,
    batch: 50,
    seed: 0,
  })

test('a pupil learns, and is fooled by pictures within the radius', async () => {
  const model = await pupil('line', [])
  expect(await accuracy(model, data)).toBeGreaterThan(0.97)
  const push = { perturbation: l2, eps: 0.5, steps: 20, stepSize: 0.1, seed: 0, stage: '' }
  const moved = await pushed(here, model, data, flipped, push)
  const said = await answers(model, moved)
  expect(said.filter(({ label }, i) => label === flipped[i]).length).toBeGreaterThan(150)
  for (let i = 0; i < 200; i++) {
    const way = [0, 1, 2].map((k) => Number(moved.data[3 * i + k]) - Number(data.images.data[3 * i + k]))
    expect(Math.hypot(...way)).toBeLessThan(0.5 + 1e-5)
  }
  await model.release()
})

test('a lookalike gets the answers of the original, whatever it set out from', async () => {
  const model = await pupil('hidden', [8])
  const starts = float32([200, 3], (data.images.data as Float32Array).toReversed())
  const found = await lookalikes(here, model, data.images, starts, 60)
  const [wanted, before, after] = await Promise.all(
    [data.images, starts, found].map((x) => answers(model, x)),
  )
  const agreeing = (said: typeof before) => said!.filter(({ label }, i) => label === wanted![i]!.label).length
  expect(agreeing(before)).toBeLessThan(150)
  expect(agreeing(after)).toBeGreaterThan(195)
  expect(Math.min(...(found.data.subarray(0) as Float32Array))).toBeGreaterThanOrEqual(0)
  await model.release()
})
