/** `saddle falsify` end to end: verdicts, the witness as it is printed, packed files, bad input. */
import { load } from '@saddlepoint/autodiff'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { linear, model, real, saddle, saddleJson, temporary } from './saddle.test.kit.ts'

let folder: string
const at = (name: string) => join(folder, name)

const declarations = [
  ...Array.from({ length: 16 }, (_, i) => `(declare-const X_${i} Real)`),
  ...Array.from({ length: 3 }, (_, j) => `(declare-const Y_${j} Real)`),
  ...Array.from({ length: 16 }, (_, i) => `(assert (<= X_${i} 0.3)) (assert (>= X_${i} 0.1))`),
].join('\n')

beforeAll(() => {
  folder = temporary()
  writeFileSync(at('net.onnx'), model({ ...linear, batch: 1 }))
  writeFileSync(at('net.onnx.gz'), gzipSync(readFileSync(at('net.onnx'))))
  const sat = `${declarations}\n(assert (or (and (>= Y_0 100)) (and (>= Y_1 Y_0) (>= Y_1 Y_2))))\n`
  writeFileSync(at('sat.vnnlib'), sat)
  writeFileSync(at('sat.vnnlib.gz'), gzipSync(sat))
  writeFileSync(at('never.vnnlib'), `${declarations}\n(assert (>= Y_0 100))\n`)
  writeFileSync(at('broken.vnnlib'), `${declarations}\n(assert (>= Y_9 100))\n`)
  writeFileSync(at('small.vnnlib'), '(declare-const X_0 Real)(declare-const Y_0 Real)\n(assert (= X_0 0))\n')
})

/** The numbers of a printed witness. */
function read(stdout: string): { x: number[]; y: number[] } {
  const [verdict, ...rest] = stdout.split('\n')
  expect(verdict).toBe('sat')
  const text = rest.join(' ').trim()
  expect(text).toMatch(/^\((\([XY]_\d+ -?[\d.]+(e[+-]?\d+)?\) *)+\)$/)
  const of = (letter: string) =>
    [...text.matchAll(new RegExp(`\\(${letter}_(\\d+) ([^\\s()]+)\\)`, 'g'))].map((m, i) => {
      expect(Number(m[1])).toBe(i)
      return Number(m[2])
    })
  return { x: of('X'), y: of('Y') }
}

describe('verdicts', () => {
  test.each([
    ['net.onnx', 'sat.vnnlib'],
    ['net.onnx.gz', 'sat.vnnlib.gz'],
  ])('%s and %s: sat, with a witness that holds when it is read back', async (net, specification) => {
    const { code, stdout, stderr } = await saddle([
      'falsify',
      at(net),
      at(specification),
      '-o',
      at('result.txt'),
    ])
    expect([code, stderr]).toEqual([0, expect.stringContaining('disjunct 2 of 2 holds')])
    const { x, y } = read(stdout)
    expect(x).toHaveLength(16)
    expect(x.every((v) => v >= 0.1 && v <= 0.3)).toBe(true)
    expect(y[1]).toBeGreaterThanOrEqual(Math.max(y[0]!, y[2]!))
    const { original } = await load(at('net.onnx'))
    const feeds = { x: { type: 'float32' as const, dims: [1, 1, 4, 4], data: Float32Array.from(x) } }
    const outputs = (await original.run(feeds))['y']!.data
    expect([...(outputs as Float32Array)]).toEqual(y.map(Math.fround))
    expect(readFileSync(at('result.txt'), 'utf8')).toBe(stdout)
  })
  test('unknown, within the time given', async () => {
    const from = performance.now()
    const { code, stdout, stderr } = await saddle([
      'falsify',
      at('net.onnx'),
      at('never.vnnlib'),
      '--timeout',
      '6',
    ])
    expect([code, stdout]).toEqual([0, 'unknown\n'])
    expect(stderr).toContain('the closest point misses by')
    expect(performance.now() - from).toBeLessThan(20_000)
  })
  test('--json', async () => {
    const args = ['falsify', at('net.onnx'), at('sat.vnnlib'), '--quiet']
    const found = await saddleJson<{ verdict: string; disjunct: number; inputs: number[]; margin: number }>(
      args,
    )
    expect(found).toMatchObject({ verdict: 'sat', disjunct: 1 })
    expect(found.inputs).toHaveLength(16)
    expect(found.margin).toBeLessThanOrEqual(0)
  })
  test('an instance of VNN-COMP', async () => {
    const net = real('vnncomp/2021_verivital/Convnet_maxpool.onnx')
    const specification = real('vnncomp/2021_verivital/specs/maxpool_specs/prop_14_0.004.vnnlib.gz')
    if (!net || !specification) return
    const { stdout } = await saddle(['falsify', net, specification])
    expect(read(stdout).y).toHaveLength(10)
  })
})

describe('bad input', () => {
  test.each([
    [['net.onnx', 'none.vnnlib'], 'cannot read'],
    [['none.onnx', 'sat.vnnlib'], 'no such model file'],
    [['net.onnx', 'broken.vnnlib'], 'broken.vnnlib: line 36: Y_9 is not declared'],
    [['net.onnx', 'net.onnx'], 'is not closed'],
    [['sat.vnnlib', 'sat.vnnlib'], 'sat.vnnlib: '],
    [['net.onnx', 'small.vnnlib'], 'the specification has 1 inputs X_i, the model 16'],
    [['net.onnx', 'sat.vnnlib', '--timeout', '0'], '"0" is not a number of seconds above 0'],
  ])('%j', async (args, message) => {
    const paths = args.map((arg, i) => (i < 2 ? at(arg) : arg))
    const { code, stdout, stderr } = await saddle(['falsify', ...paths])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })
})
