/** What an interrupted experiment finds again when it goes on. */
import { createEngine } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { progressDisplay } from '../progress.ts'
import { temporary } from '../saddle.test.kit.ts'
import { kitchen } from './kitchen.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

test('a finished step is taken from the folder while its settings stay, and its time with it', async () => {
  const folder = temporary()
  const made: number[] = []
  const cook = async (eps: number, signal = new AbortController().signal) => {
    const place = kitchen({
      fast: true,
      seeds: [0],
      engine,
      folder,
      signal,
      display: progressDisplay(true),
      say: () => {},
    })
    const found = await place.once('step', { eps }, async () => {
      made.push(eps)
      await new Promise((resolve) => setTimeout(resolve, 5))
      return { left: eps }
    })
    return { found, spared: place.spared() }
  }
  expect(await cook(0.1)).toEqual({ found: { left: 0.1 }, spared: 0 })
  const again = await cook(0.1)
  expect(again.found).toEqual({ left: 0.1 })
  expect(again.spared).toBeGreaterThan(0.004)
  // What was stopped half-way is no result.
  await cook(0.2, AbortSignal.abort())
  expect((await cook(0.1)).spared).toBeGreaterThan(0)
  expect(made).toEqual([0.1, 0.2])
})
