/** Attacks over HTTP on a server of our own: same results as on the file, counts to the unit, retries, budget, refusals. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { EvaluationResult } from 'saddlepoint'
import { saddle, saddleJson, workplace } from './saddle.test.kit.ts'
import { targetServer } from './target-server.test.kit.ts'

const DATA = ['--data', 'data', '--eps', '0.3', '--no-report']
const batch = (url: string) => ({
  url: `${url}/batch`,
  shape: [1, 4, 4],
  classes: 3,
  probabilities: false,
  json: { inputs: '$samples' },
  path: 'outputs',
  batch: 4,
})

async function place(description: object) {
  const cwd = await workplace()
  writeFileSync(join(cwd, 'target.json'), JSON.stringify(description))
  return { cwd }
}

test('scores in batches: the accuracy of the file, and the server counted what we counted', async () => {
  const server = await targetServer()
  const options = await place(batch(server.url))
  const attack = ['--attack', 'square:queries=50']
  const file = await saddleJson<EvaluationResult>(['evaluate', 'model.onnx', ...DATA, ...attack], options)
  const asked = await saddleJson<EvaluationResult>(['evaluate', 'target.json', ...DATA, ...attack], options)
  expect(asked.cleanAccuracy).toBe(file.cleanAccuracy)
  expect(asked.results[0]!.robustAccuracy).toBe(file.results[0]!.robustAccuracy)
  expect(asked.ledger.queries).toBe(server.answered)
  expect(asked.model.sha256).toBeUndefined()
})

test('top-k with class names, a secret from the environment, an estimated gradient', async () => {
  const server = await targetServer()
  const options = await place({
    url: `${server.url}/top`,
    shape: [1, 4, 4],
    classNames: ['class 0', 'class 1', 'class 2'],
    json: { image: '$sample' },
    path: 'results[0].predictions',
    label: 'name',
    score: 'p',
    headers: { Authorization: 'Bearer ${TARGET_TOKEN}' },
  })
  const args = ['evaluate', 'target.json', ...DATA, '--attack', 'nes:steps=20,samples=20']
  const result = await saddleJson<EvaluationResult>(args, { ...options, env: { TARGET_TOKEN: 'secret' } })
  expect(result.results[0]!.robustAccuracy).toBeLessThan(result.cleanAccuracy)
  expect(result.ledger.queries).toBe(server.answered)
  expect(new Set(server.authorisations)).toEqual(new Set(['Bearer secret']))
  const { code, stderr } = await saddle(args, options)
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/TARGET_TOKEN from the environment, where it is not set/),
  ])
})

test('pictures as a form, labels only', async () => {
  const server = await targetServer()
  const options = await place({
    url: `${server.url}/picture`,
    shape: [1, 4, 4],
    classes: 3,
    access: 'labels',
    multipart: { field: 'picture' },
    path: 'label',
  })
  const result = await saddleJson<EvaluationResult>(
    ['evaluate', 'target.json', ...DATA, '--attack', 'rays:queries=30'],
    options,
  )
  expect(result.ledger.queries).toBe(server.answered)
  const { code, stderr } = await saddle(['evaluate', 'target.json', ...DATA, '--attack', 'pgd'], options)
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/pgd needs gradients, and target.json gives labels only/),
  ])
})

test('what fails for a while is asked again, each try counted; what fails for good ends the run', async () => {
  const server = await targetServer()
  const options = await place({ ...batch(server.url), batch: 1, retries: 2 })
  const args = ['evaluate', 'target.json', ...DATA, '--attack', 'square:queries=3']
  server.failures.push(429, 503)
  const result = await saddleJson<EvaluationResult>(args, options)
  expect(server.refused).toBe(2)
  expect(result.ledger.queries).toBe(server.answered + server.refused)
  server.failures.push(...Array.from({ length: 100 }, () => 500))
  const { code, stderr } = await saddle(args, options)
  expect([code, stderr]).toEqual([2, expect.stringMatching(/answered 500/)])
})

test('the budget is never exceeded, and what was finished is kept', async () => {
  const server = await targetServer()
  const options = await place(batch(server.url))
  const result = await saddleJson<EvaluationResult>(
    ['evaluate', 'target.json', ...DATA, '--attack', 'square:queries=500', '--query-budget', '20'],
    options,
  )
  expect(server.answered).toBeLessThanOrEqual(20)
  expect(result.complete).toBe(false)
  expect(result.samples.length).toBe(12)
})

test.each([
  [
    { url: 'http://example.com/', shape: [1, 4, 4], classes: 3, json: '$sample' },
    /--allow-host example\.com/,
  ],
  [{ url: 'http://localhost:1/', shape: [1, 4, 4], json: '$sample' }, /say how many classes there are/],
  [{ url: 'http://localhost:1/', shape: [1, 4, 4], classes: 3, json: { x: 1 } }, /no place for the sample/],
  [{ url: 'http://localhost:1/', shape: [5], classes: 3, json: '$sample' }, /says \[5\]/],
  [
    { url: 'http://localhost:1/', shape: [1, 4, 4], classes: 3, json: '$sample', retries: 0 },
    /http:\/\/localhost:1\/: cannot be asked/,
  ],
])('bad descriptions are told in one line: %j', async (description, message) => {
  const { code, stderr } = await saddle(['evaluate', 'target.json', ...DATA], await place(description))
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
})
