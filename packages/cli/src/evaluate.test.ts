/** `saddle evaluate` on every kind of model and data: flags, run folders, Ctrl-C. */
import { float32, int64 } from '@saddlepoint/autodiff'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EvaluationResult } from 'saddlepoint'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  linear,
  model,
  node,
  noise,
  real,
  saddle,
  saddleJson,
  temporary,
  workplace,
} from './saddle.test.kit.ts'

let folder: string
beforeAll(async () => {
  folder = await workplace()
})

const evaluate = (extra: readonly string[], name = 'model.onnx', data = 'data') =>
  saddleJson<EvaluationResult>(['evaluate', name, '--data', data, '--no-report', ...extra], { cwd: folder })

describe.concurrent('flags', () => {
  test('lists by commas and spaces, attacks repeated and by preset', async () => {
    const result = await evaluate([
      '--norm=linf,l2',
      '--eps=0.1, 2/10',
      '--attack=fgsm pgd:steps=2',
      '--attack=quick',
      '--attack=bim:alpha=1/100',
    ])
    expect(result.results.map((r) => [r.norm, r.eps])).toEqual([
      ['linf', 0.1],
      ['linf', 0.2],
      ['l2', 0.1],
      ['l2', 0.2],
    ])
    expect(Object.keys(result.results[0]!.attacks)).toEqual(['fgsm', 'pgd', 'fgsm#2', 'pgd#2', 'bim'])
    expect(result.results[0]!.attacks['bim']!.options).toMatchObject({ stepSize: 0.01 })
    expect(result.options['attacks']).toHaveLength(5)
  })

  // Five commands, each with its start.
  test('an audit tells of saturated scores, and can be required to pass', { timeout: 180_000 }, async () => {
    const { b } = linear.initializers
    const steep = {
      ...linear,
      initializers: {
        w: float32(
          [16, 3],
          Float32Array.from(noise(48), (v) => 1e5 * v),
        ),
        b,
      },
    }
    writeFileSync(join(folder, 'steep.onnx'), model(steep))
    const args = ['--eps', '0.05', '--attack', 'pgd:steps=5']
    const { audit } = await evaluate(args, 'steep.onnx')
    expect(audit.find((e) => e.check === 'zero gradients')).toMatchObject({ status: 'fail' })
    expect((await evaluate([...args, '--audit=off'], 'steep.onnx')).audit).toEqual([])
    const gated = ['evaluate', 'steep.onnx', '--data', 'data', '--no-report', '--fail-on', 'audit', ...args]
    const { code, stderr } = await saddle(gated, { cwd: folder })
    expect(code).toBe(1)
    expect(stderr).toMatch(/audit: zero gradients: the gradient of cross-entropy is 0 everywhere/)
    const honest = await evaluate([...args, '--fail-on=audit'])
    expect(honest.audit.map((e) => e.status)).not.toContain('fail')
    const contradiction = await saddle([...gated, '--audit', 'off'], { cwd: folder })
    expect(contradiction.code).toBe(2)
    expect(contradiction.stderr).toMatch(/--fail-on audit needs an audit/)
  })

  test('a required accuracy that is missed ends with 1', async () => {
    const args = [
      'evaluate',
      'model.onnx',
      '--data',
      'data',
      '--no-report',
      '--eps',
      '0.9',
      '--attack',
      'fgsm',
    ]
    const { code, stdout, stderr } = await saddle([...args, '--min-robust-accuracy', '0.9', '--json'], {
      cwd: folder,
    })
    expect(code).toBe(1)
    expect(stderr).toMatch(/below the required 0\.9/)
    expect(() => JSON.parse(stdout) as unknown).not.toThrow()
  })

  test('--quiet says nothing but the result', async () => {
    const args = ['evaluate', 'model.onnx', '--data', 'data', '--no-report', '--eps', '0.1', '--quiet']
    const { code, stdout, stderr } = await saddle(args, { cwd: folder })
    expect(stderr).toBe('')
    expect(stdout).toMatch(/Linf 0\.1/)
    expect(code).toBe(0)
  })

  test('a target makes the criterion a targeted one', async () => {
    const result = await evaluate(['--eps', '0.9', '--attack', 'pgd', '--target', '2'])
    expect(result.options).toMatchObject({ criterion: 'targeted', target: 2 })
    for (const sample of result.samples) {
      const row = sample.attacks['linf:0.9:pgd']
      if (row?.success) expect(row.predicted).toBe(2)
    }
  })

  test('a target for each class, and success among the first two', async () => {
    const each = await evaluate(['--eps', '0.9', '--attack', 'pgd:steps=3', '--target', '0:2,1:0'])
    expect(each.options).toMatchObject({ criterion: 'targeted', target: { 0: 2, 1: 0 } })
    for (const { label, attacks } of each.samples)
      expect(Object.keys(attacks)).toHaveLength(label < 2 ? 1 : 0)
    const second = await evaluate([
      '--eps=0.9',
      '--attack=odi-pgd:restarts=1,loss=margin:kappa=1',
      '--criterion=top-k:2',
    ])
    expect(second.options['criterion']).toBe('top-k:2')
  })

  test('substitutes are climbed, and the model judges', async () => {
    const args = ['--eps', '0.9', '--attack', 'ensemble:steps=4', '--combine', 'losses']
    const { results, options } = await evaluate([...args, '--substitute', 'model.onnx', 'model.onnx'])
    expect(options['substitute']).toBe('model.onnx+model.onnx')
    const { claimed, verified, forwards, attacked } = results[0]!.attacks['ensemble']!
    expect(claimed).toBe(verified)
    // Two models, four steps and a last look: no attack stops where it has fooled a substitute.
    expect(forwards).toBe(attacked * 2 * 5)
  })

  test('--provider webgpu without a GPU says so and goes on, on the CPU', async () => {
    const args = [
      'evaluate',
      'model.onnx',
      '--data',
      'data',
      '--no-report',
      '--eps',
      '0.1',
      '--attack',
      'fgsm',
    ]
    const { code, stderr, stdout } = await saddle([...args, '--provider', 'webgpu', '--json'], {
      cwd: folder,
      // No driver is to be found: as on a machine without a GPU.
      env: { VK_DRIVER_FILES: '/nonexistent', VK_ICD_FILENAMES: '/nonexistent' },
    })
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/webgpu.*CPU/i)
    expect((JSON.parse(stdout) as EvaluationResult).complete).toBe(true)
  })
})

/** The linear model with another order of axes or batch, and what it must agree with. */
describe.concurrent('models of other forms give what the plain one gives', () => {
  const flags = ['--eps', '0.2', '--attack', 'pgd:steps=5,randomStart=false']
  const summary = (r: EvaluationResult) => ({
    clean: r.cleanAccuracy,
    robust: r.results[0]!.robustAccuracy,
    sizes: r.samples.map((s) => s.attacks['linf:0.2:pgd']?.success),
  })

  test('NHWC', async () => {
    const turn = node('Transpose', 'x', 'turned', { perm: [0, 3, 1, 2] })
    const nodes = [turn, node('Flatten', 'turned', 'flat'), node('Gemm', 'flat w b', 'y')]
    const bytes = model({ shape: [4, 4, 1], nodes, initializers: linear.initializers })
    writeFileSync(join(folder, 'nhwc.onnx'), bytes)
    const found = await evaluate([...flags, '--layout', 'nhwc'], 'nhwc.onnx')
    expect(summary(found)).toEqual(summary(await evaluate(flags)))
  })

  test('a fixed batch that can be freed', async () => {
    writeFileSync(join(folder, 'one.onnx'), model({ ...linear, batch: 1 }))
    const found = await evaluate(flags, 'one.onnx')
    expect(found.model.notices.join()).toMatch(/rewritten to any size/)
    expect(summary(found)).toEqual(summary(await evaluate(flags)))
  })

  test('a fixed batch that mixes its samples', async () => {
    const centred = [
      node('Flatten', 'x', 'flat'),
      node('ReduceMean', 'flat axis', 'mean'),
      node('Sub', 'flat mean', 'centred'),
      node('Gemm', 'centred w b', 'y'),
    ]
    const initializers = { ...linear.initializers, axis: int64([1], [0]) }
    writeFileSync(join(folder, 'mixed.onnx'), model({ nodes: centred, initializers, batch: 4 }))
    const found = await evaluate(flags, 'mixed.onnx')
    expect(found.model.notices.join()).toMatch(/cannot be changed.*4 at a time/)
    expect(found.complete).toBe(true)
  })

  test('inputs from 0 to 255 by flag, as scaled weights', async () => {
    const scaled = float32(
      [16, 3],
      (linear.initializers.w.data as Float32Array).map((v) => v / 255),
    )
    const initializers = { ...linear.initializers, w: scaled }
    writeFileSync(join(folder, 'bytes.onnx'), model({ nodes: linear.nodes, initializers }))
    const found = await evaluate([...flags, '--input-range', '0..255'], 'bytes.onnx')
    expect(summary(found)).toEqual(summary(await evaluate(flags)))
  })
})

describe('a table', () => {
  beforeAll(() => {
    const layers = [node('Gemm', 'x w1 b1', 'a'), node('Relu', 'a', 'h'), node('Gemm', 'h w2 b2', 'y')]
    const initializers = {
      w1: float32([4, 8], noise(32, 12_345)),
      b1: float32([8], new Float32Array(8)),
      w2: float32([8, 2], noise(16, 99_991)),
      b2: float32([2], new Float32Array(2)),
    }
    writeFileSync(join(folder, 'mlp.onnx'), model({ shape: [4], nodes: layers, initializers }))
    const rows = Array.from({ length: 20 }, (_, i) => {
      const values = Array.from(noise(4, i * 7919 + 10), (v) => (v * 5).toFixed(3))
      return [...values, i % 2].join(',')
    })
    writeFileSync(join(folder, 'table.csv'), ['a,b,c,d,label', ...rows].join('\n'))
  })

  test('is attacked inside the range that is said', async () => {
    const args = ['--eps', '4', '--attack', 'pgd:steps=10', '--input-range', '-5..5']
    const result = await evaluate(args, 'mlp.onnx', 'table.csv')
    expect(result.data.samples).toBe(20)
    expect(result.options['bounds']).toEqual([-5, 5])
    const [threat] = result.results
    expect(threat!.attacks['pgd']!.verified).toBe(threat!.attacks['pgd']!.claimed)
    expect(threat!.robustAccuracy).toBeLessThan(result.cleanAccuracy)
  })

  test('is attacked as its columns allow', async () => {
    const rules = { columns: { a: { immutable: true }, b: { cost: 0.5 }, 3: { direction: 'up', max: 9 } } }
    writeFileSync(join(folder, 'rules.json'), JSON.stringify(rules))
    const args = ['--columns', 'rules.json', '--eps', '1 4', '--attack', 'fw']
    const result = await evaluate(args, 'mlp.onnx', 'table.csv')
    expect(result.results.map((r) => [r.norm, r.eps])).toEqual([
      ['columns', 1],
      ['columns', 4],
    ])
    for (const { attacks } of result.results) expect(attacks['fw']!.verified).toBe(attacks['fw']!.claimed)
    expect(result.results[1]!.robustAccuracy).toBeLessThan(result.cleanAccuracy)
  })

  test.each([
    ['{"columns": {"e": {}}}', [], /bad\.json: there is no column "e"; there are a, b, c, d/],
    ['{"columns": {"a": {"fixed": true}}}', [], /bad\.json: columns\.a: Unrecognized key/],
    ['{', [], /bad\.json: not valid JSON/],
    ['{}', ['--norm', 'l2'], /--columns is a perturbation set of its own \(leave --norm out\)/],
  ])('refuses rules such as %s', async (text, more, message) => {
    writeFileSync(join(folder, 'bad.json'), text)
    const args = [
      'evaluate',
      'mlp.onnx',
      '--data',
      'table.csv',
      '--eps',
      '1',
      '--columns',
      'bad.json',
      ...more,
    ]
    const { code, stderr } = await saddle([...args, '--no-report'], { cwd: folder })
    expect([code, stderr.trim().split('\n').length]).toEqual([2, 1])
    expect(stderr).toMatch(message)
  })

  test('is refused where its values lie outside', async () => {
    const args = ['evaluate', 'mlp.onnx', '--data', 'table.csv', '--eps', '1', '--json']
    const { code, stderr } = await saddle(args, { cwd: folder })
    expect(stderr).toMatch(/^error: table\.csv holds values from .* outside of 0\.\.1 \(say .*--input-range/m)
    expect(code).toBe(2)
  })
})

test('another run is not written over, and the same one is not run twice', async () => {
  const args = ['--attack', 'fgsm', '--out', 'kept']
  const first = await evaluate([...args, '--eps', '0.1'])
  const { code, stderr } = await saddle(
    ['evaluate', 'model.onnx', '--data', 'data', '--eps', '0.2', ...args, '--json'],
    { cwd: folder },
  )
  expect(code).toBe(2)
  expect(stderr).toMatch(/^error: kept holds a run with another model, data or options \(choose another/m)
  const again = await evaluate([...args, '--eps', '0.1'])
  expect(again.samples).toEqual(first.samples)
})

test('Ctrl-C keeps what is finished, and --resume completes it to the same result', async ({ skip }) => {
  const lenet = real('models/mnist/mnist_std_advertorch_lenet5.onnx')
  const mnist = real('mnist')
  if (!lenet || !mnist) return skip()
  const elsewhere = temporary()
  const args = [
    'evaluate',
    lenet,
    '--data',
    mnist,
    '--limit',
    '192',
    '--batch',
    '16',
    '--no-report',
    '--json',
  ]
  const attack = ['--eps', '0.1', '--attack', 'pgd:steps=40']
  const batches = (name: string) =>
    readdirSync(join(elsewhere, name, 'batches')).filter((f) => f.endsWith('.json'))
  let stopped = false
  const stop = setInterval(() => {
    if (existsSync(join(elsewhere, 'cut', 'batches')) && batches('cut').length >= 2) interrupt?.()
  }, 5)
  let interrupt: (() => void) | undefined
  const cut = await saddle([...args, ...attack, '--out', 'cut'], {
    cwd: elsewhere,
    watch: (child) => {
      interrupt ??= () => {
        if (!stopped) child.kill('SIGINT')
        stopped = true
      }
    },
  })
  clearInterval(stop)
  expect(cut.code, cut.stderr).toBe(130)
  expect(cut.stderr).toMatch(/--resume cut/)
  expect((JSON.parse(cut.stdout) as EvaluationResult).complete).toBe(false)
  const kept = batches('cut').length
  expect(kept).toBeGreaterThanOrEqual(2)
  expect(kept).toBeLessThan(12)
  // From another folder: the run knows where its paths began.
  const resumed = await saddleJson<EvaluationResult>(['evaluate', '--resume', join(elsewhere, 'cut')])
  const whole = await saddleJson<EvaluationResult>([...args, ...attack, '--out', 'whole'], { cwd: elsewhere })
  expect(batches('cut')).toHaveLength(12)
  expect(resumed.complete).toBe(true)
  expect(resumed.samples).toEqual(whole.samples)
  expect(resumed.results[0]!.robustAccuracy).toBe(whole.results[0]!.robustAccuracy)
  expect(resumed.ledger).toMatchObject({ forwards: whole.ledger.forwards, backwards: whole.ledger.backwards })
}, 180_000)

test('a half-precision SqueezeNet on photographs', async ({ skip }) => {
  const squeeze = real('models/imagenet/squeezenet1.1_fp16_winml.onnx')
  const photos = real('photos/imagenet')
  if (!squeeze || !photos) return skip()
  const args = ['--limit', '4', '--eps', '2/255', '--attack', 'fgsm']
  const result = await evaluate(args, squeeze, photos)
  expect(result.cleanAccuracy).toBeGreaterThan(0)
  const fgsm = result.results[0]!.attacks['fgsm']!
  expect(fgsm.verified).toBeGreaterThan(0)
})
