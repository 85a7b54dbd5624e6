/** `saddle train`: what is written, what a kill leaves, and what is refused. */
import { float32, int64 } from '@saddlepoint/autodiff'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeState } from 'saddlepoint'
import { beforeAll, describe, expect, test } from 'vitest'
import { linear, model, node, noise, saddle, saddleJson, workplace, writeData } from './saddle.test.kit.ts'

interface Report {
  readonly network?: string
  readonly model?: string
  readonly data: { samples: number; heldOut: number }
  readonly method: { name: string; options: Record<string, unknown> }
  readonly cleanAccuracy: number
  readonly robustAccuracy?: number
  readonly epochs: readonly { epoch: number; loss: number; accuracy: number; overfitting?: object }[]
  readonly updates: number
  readonly resumedFrom?: number
  readonly difference: number
  readonly output: string
  readonly curves: string
}

let folder: string
const at = (name: string) => join(folder, name)
const flags = (...more: string[]) => ['--data', at('data'), '--batch', '8', '--workers', '1', ...more]
const mlp = (output: string, ...more: string[]) => [
  'train',
  '--network',
  'mlp',
  '-o',
  at(output),
  ...flags(...more),
]

beforeAll(async () => {
  folder = await workplace()
  const count = 240
  // The brightest third of the picture is its class.
  const labels = Array.from({ length: count }, (_, i) => {
    const rows = noise(count * 16, 3).subarray(i * 16, i * 16 + 15)
    const sums = [0, 1, 2].map((k) => rows.subarray(5 * k, 5 * k + 5).reduce((a, b) => a + b, 0))
    return sums.indexOf(Math.max(...sums))
  })
  await writeData(at('data'), [count, 1, 4, 4], labels)
  writeFileSync(
    at('broken.onnx'),
    model({ ...linear, initializers: { ...linear.initializers, b: float32([3], [0, NaN, 0]) } }),
  )
  writeFileSync(at('weightless.onnx'), model({ nodes: [node('Flatten', 'x', 'y')] }))
})

describe('a new network', () => {
  test('is learnt, judged and written as a plain file', async () => {
    const report = await saddleJson<Report>(
      mlp('new.onnx', '--method', 'fast', '--eps', '0.05', '--epochs', '15', '--rate', '0.01'),
    )
    expect(report).toMatchObject({
      network: 'mlp',
      data: { samples: 216, heldOut: 24 },
      method: { name: 'fast', options: { perturbation: 'linf', eps: 0.05 } },
      updates: 27 * 15,
    })
    expect(report.cleanAccuracy).toBeGreaterThan(0.6)
    expect(report.robustAccuracy).toBeLessThanOrEqual(report.cleanAccuracy)
    expect(report.epochs.map((e) => e.epoch)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1))
    expect(report.epochs[14]!.overfitting).toMatchObject({ collapsed: false })
    expect(report.difference).toBeLessThan(1e-3)
    expect(existsSync(at('new.onnx.checkpoint'))).toBe(false)
    const evaluated = await saddleJson<{ cleanAccuracy: number }>([
      'evaluate',
      at('new.onnx'),
      '--data',
      at('data'),
      '--eps',
      '0.05',
      '--attack',
      'fgsm',
      '--no-report',
      '--out',
      at('run'),
    ])
    expect(evaluated.cleanAccuracy).toBeGreaterThan(0.8)
  })

  test('killed in the middle of an epoch and resumed, has the weights of an uninterrupted run', async () => {
    // 54 batches of four, each trained on twice.
    const perEpoch = 108
    const run = (output: string, ...more: string[]) => [
      ...mlp(output, '--batch', '4', '--epochs', '3', '--method', 'free:replays=2', '--eps', '0.1'),
      '--average-decay',
      '0.9',
      '--augment',
      'flip,mixup',
      '--patience',
      '3',
      '--seed',
      '5',
      ...more,
    ]
    const whole = saddleJson<Report>(run('whole.onnx'))
    const checkpoint = at('cut.onnx.checkpoint')
    const stepOf = () => decodeState(readFileSync(checkpoint)).state.step
    let poll: NodeJS.Timeout | undefined
    const { code } = await saddle(run('cut.onnx', '--checkpoint-seconds', '0'), {
      watch: (child, stderr) => {
        if (poll || !stderr.includes('epoch 1 of 3')) return
        poll = setInterval(() => {
          const within = stepOf() % perEpoch
          if (within > 10 && within < 60) child.kill('SIGKILL')
        }, 2)
      },
    })
    clearInterval(poll)
    expect(code).toBe(null)
    expect(existsSync(at('cut.onnx'))).toBe(false)
    const killedAt = stepOf()
    expect(killedAt % perEpoch).not.toBe(0)
    expect(killedAt).toBeGreaterThan(perEpoch)
    expect(killedAt).toBeLessThan(3 * perEpoch)
    const [refused, other] = await Promise.all([
      saddle(run('cut.onnx')),
      saddle(run('cut.onnx', '--resume', '--epochs', '4')),
    ])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(/checkpoint of an unfinished run \(add --resume/)
    expect(other.stderr).toMatch(/is of a run with epochs 3, and this one has 4/)
    const [resumed] = await Promise.all([saddleJson<Report>(run('cut.onnx', '--resume')), whole])
    expect(resumed.resumedFrom).toBe(killedAt)
    expect(resumed.epochs).toHaveLength(3)
    const curves = readFileSync(resumed.curves, 'utf8')
    expect(curves).toContain('3 of 3 epochs')
    expect(curves).toMatch(/held out, PGD-10: [\d.]+ at 3/)
    expect(curves).not.toContain('http-equiv="refresh"')
    expect(readFileSync(at('cut.onnx')).equals(readFileSync(at('whole.onnx')))).toBe(true)
  })
})

test('few labels are kept, for methods that learn from the other samples and for those that do not', async () => {
  const run = (method: string) =>
    saddleJson<Report & { data: { labelled: number } }>(
      mlp('few.onnx', '--labelled', '12', '--method', method, '--epochs', '2'),
    )
  for (const method of ['standard', 'vat:eps=0.5,entropy=1']) {
    const report = await run(method)
    expect(report.data).toMatchObject({ samples: 216, heldOut: 24, labelled: 12 })
    // Two labelled samples in each batch of eight.
    expect(report.updates).toBe(2 * Math.floor((216 - 12) / 6))
  }
  const { code, stderr } = await saddle(mlp('few.onnx', '--labelled', '2'))
  expect(code).toBe(2)
  expect(stderr).toMatch(/--labelled 2: 2 labels are fewer than the 3 classes/)
})

test('a network is trained on the manifold of a generator, and against several sets', async () => {
  // The generator draws any picture: its latent vectors are the pictures.
  writeFileSync(at('encoder.onnx'), model({ nodes: [node('Flatten', 'x', 'y')] }))
  const shape = int64([4], [-1, 1, 4, 4])
  writeFileSync(
    at('decoder.onnx'),
    model({ shape: [16], nodes: [node('Reshape', 'x shape', 'y')], initializers: { shape } }),
  )
  const run = (...more: string[]) => saddleJson<Report>(mlp('sets.onnx', '--epochs', '1', ...more))
  const generator = ['--decoder', at('decoder.onnx'), '--encoder', at('encoder.onnx')]
  const latent = await run(
    '--method',
    'adversarial:steps=2',
    '--norm',
    'latent',
    '--eps',
    '0.1',
    ...generator,
  )
  expect(latent.method.options).toMatchObject({ perturbation: 'latent', eps: 0.1 })
  expect(latent.robustAccuracy).toBeLessThanOrEqual(latent.cleanAccuracy)
  const both = await run('--method', 'against:sets=linf@0.05+l2@0.2,steps=2')
  expect(both.method.options['sets']).toEqual([
    { perturbation: 'linf', eps: 0.05 },
    { perturbation: 'l2', eps: 0.2 },
  ])
  expect(both.robustAccuracy).toBeLessThanOrEqual(both.cleanAccuracy)
  const without = await saddle(mlp('sets.onnx', '--norm', 'latent', '--eps', '0.1', '--method', 'fgsm'))
  expect(without.stderr).toMatch(/the latent set needs a generator/)
})

describe('a given file', () => {
  const given = (name: string, ...more: string[]) => [
    'train',
    at(name),
    '-o',
    at('further.onnx'),
    ...flags(...more),
  ]

  test('is trained further, its graph as it was', async () => {
    const report = await saddleJson<Report>(given('model.onnx', '--epochs', '20', '--rate', '0.05'))
    expect(report.model).toBe(at('model.onnx'))
    expect(report.epochs.at(-1)!.loss).toBeLessThan(report.epochs[0]!.loss / 1.3)
    const layers = async (file: string) =>
      (await saddleJson<{ layers: { op: string }[] }>(['inspect', at(file)])).layers.map((l) => l.op)
    expect(await layers('further.onnx')).toEqual(await layers('model.onnx'))
    expect(readFileSync(at('further.onnx')).equals(readFileSync(at('model.onnx')))).toBe(false)
  })

  test.each([
    ['broken.onnx', /weight "b" holds NaN or infinite values/],
    ['weightless.onnx', /has no weights that can be trained: .*no float initializers/],
  ])('%s is refused', async (file, message) => {
    const { code, stderr } = await saddle(given(file))
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })

  test('labels that do not fit its head are named', async () => {
    await writeData(
      at('wide'),
      [40, 1, 4, 4],
      Array.from({ length: 40 }, (_, i) => i % 4),
    )
    const { code, stderr } = await saddle(given('model.onnx', '--data', at('wide')))
    expect(code).toBe(2)
    expect(stderr).toMatch(/label 3 does not fit .*model\.onnx, which has 3 classes/)
  })
})

test('a loss that is no number stops the run, names the cause and keeps a checkpoint', async () => {
  const { code, stderr } = await saddle(mlp('nan.onnx', '--optimiser', 'sgd', '--rate', '1e30'))
  expect(code).toBe(2)
  expect(stderr).toMatch(
    /training diverged: .* (NaN|Infinity|infinite).* learning rate .*last good checkpoint is/,
  )
  expect(existsSync(at('nan.onnx.checkpoint'))).toBe(true)
  expect(existsSync(at('nan.onnx'))).toBe(false)
})

test('a class without samples is named', async () => {
  await writeData(
    at('holes'),
    [40, 1, 4, 4],
    Array.from({ length: 40 }, (_, i) => 2 * (i % 2)),
  )
  const { code, stderr } = await saddle(mlp('holes.onnx', '--data', at('holes')))
  expect(code).toBe(2)
  expect(stderr).toMatch(/class 1 has no sample to train on/)
})

test.each([
  [['train', '-o', 'x.onnx'], /nothing to train \(give an ONNX file, or --network/],
  [['train', '-o', 'x.onnx', '--network', 'mlp'], /no data given/],
  [
    ['train', '-o', 'x.onnx', '--network', 'mlp', '--method', 'magic'],
    /no training method "magic"; there are standard/,
  ],
  [
    ['train', '-o', 'x.onnx', '--network', 'mlp', '--method', 'fast'],
    /--method fast needs a radius \(add --eps/,
  ],
  [
    ['train', '-o', 'x.onnx', '--network', 'mlp', '--method', 'fast:steps=3', '--eps', '0.1'],
    /"?steps"?.*it has/,
  ],
  [['train', '-o', 'x.onnx', '--network', 'mlp', '--rate', '-1'], /--rate must be more than 0/],
  [
    ['train', '-o', 'x.onnx', '--network', 'mlp', '--augment', 'crop,rotate'],
    /no augmentation "rotate"; there are jitter, crop/,
  ],
  [
    ['train', '-o', 'x.onnx', '--network', 'mlp', '--patience', '2', '--held-out', '0'],
    /--patience needs held-out samples/,
  ],
])('%j is refused', async (args, message) => {
  const { code, stderr } = await saddle(args)
  expect(code).toBe(2)
  expect(stderr).toMatch(message)
})
