#!/usr/bin/env node
/**
 * Puts together what the command ships: 256 test pictures of signs with their labels, and the two trained classifiers.
 *
 *   node scripts/signs-assets.mjs FOLDER   where signs-standard.onnx and signs-robust.onnx lie (see train-signs.mjs)
 */
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { signBatch, signSeeds } from 'saddlepoint'
import { writeNpy } from '../packages/cli/dist/data/index.js'

const COUNT = 256
const target = new URL('../packages/cli/assets/signs/', import.meta.url).pathname
const [models] = process.argv.slice(2)
if (!models) {
  console.error('usage: signs-assets.mjs FOLDER')
  process.exit(2)
}

mkdirSync(target, { recursive: true })
const { images, labels } = signBatch({ seed: signSeeds.test, from: 0, count: COUNT })
await writeNpy(join(target, 'images.npy'), images)
await writeNpy(join(target, 'labels.npy'), {
  type: 'uint8',
  dims: [COUNT],
  data: Uint8Array.from(labels.data, Number),
})
for (const name of ['standard', 'robust'])
  copyFileSync(join(models, `signs-${name}.onnx`), join(target, `${name}.onnx`))
