/** `saddle detect` and `saddle guard`, as a user calls them. */
import { decodeModel } from '@saddlepoint/autodiff'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { beforeAll, describe, expect, test } from 'vitest'
import { noise, saddle, saddleJson, workplace } from './saddle.test.kit.ts'

interface Figures {
  readonly accuracy: number
  readonly error: number
  readonly rejection: number
  readonly accuracyWithoutThresholds: number
}
interface Evaluated {
  readonly cleanAccuracy: number
  readonly selective?: Figures
  readonly samples: readonly { rejected?: boolean }[]
  readonly results: readonly {
    robustAccuracy: number
    selective?: Figures
    attacks: Record<string, { selective?: Figures }>
  }[]
}

let folder: string
beforeAll(async () => {
  folder = await workplace()
})
const here = () => ({ cwd: folder })
const DATA = ['--data', 'data', '--workers', '1']

describe.concurrent('detect', () => {
  const detect = [
    'detect',
    'model.onnx',
    '--detector',
    'energy:temperature=2',
    ...DATA,
    '--fit-data',
    'data',
    '--eps',
    '0.5',
  ]

  test('gives every attack with and without knowledge of the detector', async () => {
    const result = await saddleJson<Record<string, unknown>>(
      [...detect, '--fpr', '1/5', '--attack', 'fgsm pgd:steps=5'],
      here(),
    )
    expect(result).toMatchObject({
      detector: { name: 'energy', options: { temperature: 2 } },
      samples: 12,
      norm: 'linf',
      eps: 0.5,
      clean: [{ falsePositiveRate: 0.2 }],
    })
    const attacks = result['attacks'] as Record<
      string,
      Record<'naive' | 'adaptive', { evasionRate: number }[]>
    >
    expect(Object.keys(attacks)).toEqual(['fgsm', 'pgd'])
    const { naive, adaptive } = attacks['pgd']!
    expect(adaptive[0]!.evasionRate).toBeGreaterThanOrEqual(naive[0]!.evasionRate)
  })

  test('prints a table', async () => {
    const { code, stdout } = await saddle([...detect, '--fpr', '0.2', '--attack', 'fgsm'], here())
    expect(code).toBe(0)
    expect(stdout).toMatch(/^12 samples, .* of the clean ones flagged at 20\.0 %/)
    expect(stdout).toMatch(/fgsm +the model +20\.0 %/)
    expect(stdout).toMatch(/fgsm +the detector too +20\.0 %/)
  })

  test.each([
    [
      'a detector that there is not',
      ['--detector', 'enrgy', '--fpr', '0.2'],
      /no detector "enrgy"; there are softmax, energy/,
    ],
    ['a rate that there is not', ['--fpr', '5'], /"5" is no false-positive rate \(write a share/],
    [
      'a rate too fine for the data',
      ['--fpr', '0.05'],
      /half of 12 samples is too few .*: 40 or more are needed/,
    ],
    [
      'a detector without its layer',
      ['--detector', 'mahalanobis', '--fpr', '0.2'],
      /has no nonlinearity .* name a layer/,
    ],
    [
      'an attack without a radius',
      ['--fpr', '0.2', '--attack', 'ddn', '--norm', 'l2'],
      /ddn has no fixed radius/,
    ],
  ])('%s is refused', async (_, flags, message) => {
    const { code, stderr } = await saddle([...detect, ...flags, '--quiet'], here())
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
  })
})

describe.concurrent('guard', () => {
  const guard = ['guard', 'model.onnx', '--detector', 'energy', ...DATA, '--fpr', '0.2']

  test('writes one file that labels, scores and rejects', async () => {
    const report = await saddleJson<{ threshold: number; outputs: { name: string }[] }>(
      [...guard, '-o', 'guarded.onnx'],
      here(),
    )
    expect(report.outputs.map((o) => o.name)).toEqual(['logits', 'label', 'reject', 'score'])
    const path = join(folder, 'guarded.onnx')
    const { metadata } = await decodeModel(new Uint8Array(readFileSync(path)))
    expect(metadata).toMatchObject({ detector: 'energy', falsePositiveRate: '0.2', model: 'model.onnx' })
    const session = await ort.InferenceSession.create(path)
    const x = new ort.Tensor('float32', noise(80, 9), [5, 1, 4, 4])
    const { logits, label, reject, score } = await session.run({ x })
    for (let i = 0; i < 5; i++) {
      const row = Array.from(logits!.data.slice(3 * i, 3 * i + 3) as Float32Array)
      expect(Number(label!.data[i])).toBe(row.indexOf(Math.max(...row)))
      const energy = -Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0))
      expect(Number(score!.data[i])).toBeCloseTo(energy, 4)
      expect(Boolean(reject!.data[i])).toBe(Number(score!.data[i]) > report.threshold)
    }
  })

  test('the file is a model like any other, but what it rejects is counted apart', async () => {
    await saddleJson([...guard, '-o', 'again.onnx'], here())
    const evaluate = (model: string) =>
      saddleJson<Evaluated>(
        ['evaluate', model, ...DATA, '--eps', '0.1', '--attack', 'fgsm', '--out', `run-${model}`],
        here(),
      )
    const [guarded, plain] = [await evaluate('again.onnx'), await evaluate('model.onnx')]
    const { selective: clean, samples, results } = guarded
    expect(clean!.accuracyWithoutThresholds).toBe(plain.cleanAccuracy)
    expect(clean!.accuracy).toBe(guarded.cleanAccuracy)
    expect(clean!.rejection).toBeCloseTo(samples.filter((s) => s.rejected).length / 12, 12)
    expect(clean!.rejection).toBeGreaterThan(0)
    const [threat] = results
    expect(Object.keys(threat!.attacks)).toEqual(['fgsm', 'fgsm+reject'])
    for (const { accuracy, error, rejection } of [
      clean!,
      threat!.selective!,
      ...Object.values(threat!.attacks).map((attack) => attack.selective!),
    ])
      expect(accuracy + error + rejection).toBeCloseTo(1, 12)
    expect(threat!.selective!.error).toBeGreaterThanOrEqual(threat!.attacks['fgsm']!.selective!.error)
    expect(threat!.robustAccuracy).toBeLessThanOrEqual(guarded.cleanAccuracy)
    expect(plain).not.toHaveProperty('selective')
    expect(readFileSync(join(folder, 'run-again.onnx', 'index.html'), 'utf8')).toContain(
      'Accuracy, error and rejection',
    )
  })
})
