/** `saddle explain`, as a user calls it. */
import { float32 } from '@saddlepoint/autodiff'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { openNpy, writePng } from './data/index.ts'
import { heatOf } from './heat.ts'
import { linear, noise, saddle, saddleJson, workplace } from './saddle.test.kit.ts'

let folder: string
beforeAll(async () => {
  folder = await workplace()
  for (const [k, name] of ['a', 'b'].entries())
    await writePng(join(folder, `${name}.png`), float32([1, 4, 4], noise(16, k + 1).map(Math.abs)))
})
const here = () => ({ cwd: folder })

describe.concurrent('explain', () => {
  test('the gradient of a linear model is its weights: array, heat map, overlay, figure and JSON', async () => {
    const methods = 'gradient smoothgrad:n=3 integrated-gradients:steps=2'
    const args = ['explain', 'model.onnx', 'a.png', 'b.png', '--class', '2', '--method', methods, '-o', 'why']
    type Result = {
      class: number
      methods: Record<string, { files: Record<string, string>; sum?: number; difference?: number }>
    }
    const { results, figure } = await saddleJson<{ results: Result[]; figure: string }>(args, here())
    expect(results.map((r) => r.class)).toEqual([2, 2])
    const weights = Array.from({ length: 16 }, (_, i) => Number(linear.initializers.w.data[i * 3 + 2]))
    for (const { methods: by } of results) {
      for (const name of ['gradient', 'smoothgrad:n=3']) {
        const file = await openNpy(join(folder, by[name]!.files['npy']!))
        expect(file.dims).toEqual([1, 4, 4])
        Array.from(await file.rows(0, 1), Number).forEach((v, i) => expect(v).toBeCloseTo(weights[i]!, 4))
        expect(await sharp(join(folder, by[name]!.files['heat']!)).metadata()).toMatchObject({
          width: 4,
          height: 4,
        })
        expect(existsSync(join(folder, by[name]!.files['overlay']!))).toBe(true)
      }
      const { sum, difference } = by['integrated-gradients:steps=2']!
      expect(sum).toBeCloseTo(difference!, 4)
    }
    expect(readFileSync(join(folder, figure), 'utf8')).toMatch(/^<svg[\s\S]*smoothgrad:n=3/)
    expect(JSON.parse(readFileSync(join(folder, 'why/explain.json'), 'utf8'))).toMatchObject({ of: 'score' })
  })

  test('a class made visible: the ball of its weights, as PNG, array, figure and JSON', async () => {
    const args = [
      'explain',
      'model.onnx',
      '--visualise',
      'class:2',
      '--by',
      'ball:eps=0.2,steps=4',
      '-o',
      'seen',
    ]
    type Made = {
      results: { before: number[]; after: number[]; files: { png: string; npy: string }[] }[]
      figure: string
    }
    const { results, figure } = await saddleJson<Made>(args, here())
    const [{ before, after, files }] = results as [Made['results'][0]]
    const weights = Array.from({ length: 16 }, (_, i) => Number(linear.initializers.w.data[i * 3 + 2]))
    expect(after[0]! - before[0]!).toBeCloseTo(0.2 * Math.hypot(...weights), 3)
    expect((await openNpy(join(folder, files[0]!.npy))).dims).toEqual([1, 4, 4])
    expect(existsSync(join(folder, files[0]!.png)) && existsSync(join(folder, figure))).toBe(true)
  })

  test.each([
    [
      ['explain', 'model.onnx', 'a.png', '--method', 'grad-cm'],
      /there is no explanation "grad-cm"; there are gradient, /,
    ],
    [['explain', 'model.onnx', 'a.png', '--class', '7'], /--class 7: model.onnx has 3 classes/],
  ])('%j ends with 2 and says why', async (args, message) => {
    const { code, stderr } = await saddle(args, here())
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })
})

test('colours: blue below zero, red above, the picture where nothing is', () => {
  const picture = float32([1, 1, 1, 3], [0.2, 0.5, 0.8])
  const { heat, overlay } = heatOf([-1, 0, 1], picture)
  const at = (a: typeof heat, p: number) => [0, 1, 2].map((c) => Number(a.data[c * 3 + p]))
  const [blue, white, red] = [0, 1, 2].map((p) => at(heat, p)) as [number[], number[], number[]]
  expect(blue[2]).toBeGreaterThan(blue[0]! + 0.2)
  expect(red[0]).toBeGreaterThan(red[2]! + 0.2)
  expect(Math.min(...white)).toBeGreaterThan(0.9)
  at(overlay, 1).forEach((v) => expect(v).toBeCloseTo(0.5))
})
