/** A target of our own on this machine: answers for the linear model, counts by itself, and can be made to fail. */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import type { AddressInfo } from 'node:net'
import sharp from 'sharp'
import { afterAll } from 'vitest'
import { linear } from './saddle.test.kit.ts'

export interface TargetServer {
  readonly url: string
  /** Samples answered. */
  answered: number
  /** Requests turned away. */
  refused: number
  /** What the next requests are answered with instead. */
  readonly failures: number[]
  readonly authorisations: (string | undefined)[]
}

const [w, b] = [linear.initializers.w.data as Float32Array, linear.initializers.b.data as Float32Array]

export function scoresOf(values: readonly number[]): number[] {
  return Array.from(b, (bias, k) => values.reduce((sum, v, i) => sum + v * w[i * 3 + k]!, bias))
}

const servers: ReturnType<typeof serve>[] = []
afterAll(() => servers.forEach((server) => server.close()))

/** Endpoints: /batch (lists of logits), /top (the likeliest two as label and score), /picture (a form, a label). */
export async function targetServer(): Promise<TargetServer> {
  const state = {
    url: '',
    answered: 0,
    refused: 0,
    failures: [] as number[],
    authorisations: [] as (string | undefined)[],
  }
  const app = new Hono()
  app.use(async (c, next) => {
    state.authorisations.push(c.req.header('authorization'))
    const failure = state.failures.shift()
    if (failure === undefined) return next()
    state.refused++
    return c.json({ error: 'busy' }, failure as 503, { 'retry-after': '0' })
  })
  app.post('/batch', async (c) => {
    const { inputs } = await c.req.json<{ inputs: unknown[] }>()
    state.answered += inputs.length
    return c.json({ outputs: inputs.map((sample) => scoresOf((sample as number[]).flat(3))) })
  })
  app.post('/top', async (c) => {
    const { image } = await c.req.json<{ image: number[] }>()
    state.answered++
    const powers = scoresOf((image as unknown[]).flat(3) as number[]).map(Math.exp)
    const total = powers.reduce((a, v) => a + v, 0)
    const ranked = powers
      .map((v, k) => ({ name: `class ${k}`, p: v / total }))
      .toSorted((a, c_) => c_.p - a.p)
      .slice(0, 2)
    return c.json({ results: [{ predictions: ranked }] })
  })
  app.post('/picture', async (c) => {
    const file = (await c.req.parseBody())['picture'] as File
    state.answered++
    const pixels = await sharp(new Uint8Array(await file.arrayBuffer()))
      .greyscale()
      .raw()
      .toBuffer()
    const scores = scoresOf(Array.from(pixels, (v) => v / 255))
    return c.json({ label: scores.indexOf(Math.max(...scores)) })
  })
  await new Promise<void>((resolve) => {
    servers.push(
      serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (info: AddressInfo) => {
        state.url = `http://127.0.0.1:${info.port}`
        resolve()
      }),
    )
  })
  return state
}
