/** A Node.js process that computes gradients as asked on its standard input and answers on its standard output. */
import { readFileSync } from 'node:fs'
import * as autodiff from '../dist/index.js'
import { gradients } from './gradients.mjs'

const { results, notices } = await gradients(autodiff, JSON.parse(readFileSync(0, 'utf8')))
const encoded = results.map(({ gradient, milliseconds }) => ({
  dims: gradient.dims,
  data: Buffer.from(gradient.data.buffer, gradient.data.byteOffset, gradient.data.byteLength).toString(
    'base64',
  ),
  milliseconds,
}))
process.stdout.write(JSON.stringify({ results: encoded, notices }))
