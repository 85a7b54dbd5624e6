/** Attacks of ours and of the Python libraries on the same network and images, judged by the same rule. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { createEngine, float32, takeRows } from '@saddlepoint/autodiff'
import { classifier, losses, misclassified, parseAttack, perturbations, prepare, Verifier } from 'saddlepoint'
import { scratchFolder } from '../nets.mjs'
import { Peer } from './peer.mjs'

/** The radius of a search for the smallest perturbation. */
const UNLIMITED = 1e9
const SIZE = 28 * 28

/** Options that the scripts of this contest share, for node:util's parseArgs. */
export const contestOptions = {
  data: {
    type: 'string',
    default: process.env.SADDLE_DATA ?? fileURLToPath(new URL('../../../shared/data', import.meta.url)),
  },
  net: { type: 'string', multiple: true },
  images: { type: 'string', default: '100' },
  batch: { type: 'string', default: '100' },
  clock: { type: 'string', default: 'cpu' },
  json: { type: 'boolean', default: false },
}

/** AdverTorch's LeNet5 pair: trained as usual, and adversarially at Linf 0.3. */
export const contestNets = { std: 'mnist_std_advertorch_lenet5', adv: 'mnist_adv_advertorch_lenet5' }

/**
 * @typedef {object} Result
 * @property {number[]} sizes of what was found, in the order of the rows asked for; infinite where nothing was
 * @property {number} forwards images through the network, for each image attacked
 * @property {number} backwards
 * @property {{ wall: number, cpu: number }} seconds of the run
 * @property {number} [prepared] processor seconds of ours before it: tracing, and making sessions
 */

export class Contest {
  /**
   * @param {string} net std or adv
   * @param {{ data: string, images: string, batch: string }} options
   * @param {{ correct: boolean }} which the first test images that are classified correctly, or simply the first
   */
  static async open(net, { data, images, batch }, { correct }) {
    const path = join(data, 'models/mnist', `${contestNets[net]}.onnx`)
    const engine = createEngine({ workers: 0, threads: 1 })
    const model = await classifier(path, { engine })
    const set = mnist(join(data, 'mnist'))
    const right = []
    const chosen = []
    for (const some of chunks([...set.labels.keys()], 500)) {
      if (chosen.length >= images) break
      const decided = model.decide(await model.predict(takeRows(set.x, some)))
      some.forEach((i, k) => (right[i] = decided[k].label === set.labels[i]))
      chosen.push(...some.filter((i) => !correct || right[i]))
    }
    chosen.length = Math.min(chosen.length, images)
    const contest = new Contest()
    Object.assign(contest, {
      net,
      engine,
      model,
      indices: chosen,
      x: takeRows(set.x, chosen),
      labels: chosen.map((i) => set.labels[i]),
      right: chosen.map((i) => right[i]),
      batch: Number(batch),
      folder: scratchFolder(),
      python: new Peer('attacks.py'),
    })
    await contest.hand(path)
    return contest
  }

  /** Gives the network and the images to Python, and checks that it computes the same. */
  async hand(path) {
    const scores = await this.model.predict(this.x)
    const files = { x: this.x.data, y: BigInt64Array.from(this.labels, BigInt), scores: scores.data }
    const paths = Object.fromEntries(
      Object.entries(files).map(([key, array]) => {
        writeFileSync(join(this.folder, key), Buffer.from(array.buffer, array.byteOffset, array.byteLength))
        return [key, join(this.folder, key)]
      }),
    )
    const answer = await this.python.ask({ do: 'load', path, shape: this.x.dims, ...paths })
    if (!(answer.difference < 1e-4 * answer.size))
      throw new Error(`PyTorch's scores differ from ONNX Runtime's by ${answer.difference}`)
  }

  /** @returns {Promise<Result>} */
  async ours(text, norm, eps, rows) {
    const [attack] = parseAttack(text)
    const { model, engine } = this
    const traced = process.cpuUsage()
    const prepared = await prepare(attack, {
      model,
      engine,
      perturbation: perturbations[norm],
      criterion: misclassified,
      loss: losses[attack.options.loss],
    })
    const ready = cpu(traced)
    const parts = []
    let [forwards, backwards] = [0, 0]
    const began = { wall: performance.now(), cpu: process.cpuUsage() }
    for (const some of chunks(rows, this.batch)) {
      const outcome = await prepared.run(
        {
          x: takeRows(this.x, some),
          labels: some.map((i) => this.labels[i]),
          eps: some.map(() => eps ?? UNLIMITED),
          samples: some.map((i) => this.indices[i]),
        },
        { seed: 0 },
      )
      parts.push(outcome.adversarials.data)
      for (const n of outcome.forwards) forwards += n / rows.length
      for (const n of outcome.backwards) backwards += n / rows.length
    }
    const seconds = { wall: (performance.now() - began.wall) / 1e3, cpu: cpu(began.cpu) }
    await prepared.release()
    const sizes = await this.judge(Float32Array.from(parts.flatMap((p) => [...p])), norm, eps, rows)
    return { sizes, forwards, backwards, seconds, prepared: ready }
  }

  /** @returns {Promise<Result>} */
  async theirs([call, options = {}], norm, eps, rows) {
    const out = join(this.folder, 'out')
    const answer = await this.python.ask({
      do: 'run',
      call,
      options,
      norm,
      eps,
      rows,
      batch: this.batch,
      out,
    })
    const bytes = readFileSync(out)
    const found = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
    const { wall, cpu, forwards, backwards } = answer
    return { sizes: await this.judge(found, norm, eps, rows), forwards, backwards, seconds: { wall, cpu } }
  }

  /** Predicts what an attack handed out with the untouched file, and measures it in double precision. */
  async judge(found, norm, eps, rows) {
    const x = takeRows(this.x, rows)
    const labels = rows.map((i) => this.labels[i])
    const verifier = new Verifier(this.model, perturbations[norm], misclassified)
    const verified = await verifier.verify(x, float32(x.dims, found), labels, labels, eps ?? UNLIMITED)
    await verifier.release()
    return verified.map(({ holds, size }) => (holds ? size : Infinity))
  }

  async close() {
    this.python.close()
    await this.model.release()
    await this.engine.close()
  }
}

const cpu = (from) => {
  const { user, system } = process.cpuUsage(from)
  return (user + system) / 1e6
}

function* chunks(rows, size) {
  for (let i = 0; i < rows.length; i += size) yield rows.slice(i, i + size)
}

/** The test set, pixels in [0, 1]. */
function mnist(folder) {
  const pixels = gunzipSync(readFileSync(join(folder, 't10k-images-idx3-ubyte.gz'))).subarray(16)
  const labels = [...gunzipSync(readFileSync(join(folder, 't10k-labels-idx1-ubyte.gz'))).subarray(8)]
  const x = float32(
    [labels.length, 1, 28, 28],
    Float32Array.from({ length: labels.length * SIZE }, (_, i) => pixels[i] / 255),
  )
  return { x, labels }
}
