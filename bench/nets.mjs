/** Networks of well-known shapes with seeded random weights, written as ONNX files: what the benchmarks run on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  apply,
  clip,
  constant,
  conv,
  emitBytes,
  flatten,
  float32,
  globalAveragePool,
  input,
  linear,
  maxPool,
  relu,
  sizeOf,
} from '@saddlepoint/autodiff'

/** @typedef {import('@saddlepoint/autodiff').Tensor} Tensor */

/**
 * @typedef {object} Net
 * @property {number[]} shape of one sample
 * @property {number} classes
 * @property {number[]} batches sizes that are measured when none are asked for
 * @property {(x: Tensor, layers: Layers) => Tensor} logits
 */

/** mulberry32: 32 bits of state are enough for weights that nobody trains. */
function uniform(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Layers with weights of their own. Parameters carry PyTorch's names, so that a peer can read them by name. */
class Layers {
  constructor(seed) {
    this.random = uniform(seed)
  }

  /** Uniform in middle ± width. */
  parameter(name, dims, middle, width) {
    const data = Float32Array.from({ length: sizeOf(dims) }, () => middle + (2 * this.random() - 1) * width)
    return constant(float32(dims, data), name)
  }

  /** He et al. 2015: the scale at which a ReLU network keeps the size of its activations. */
  weight(name, dims) {
    return this.parameter(`${name}.weight`, dims, 0, Math.sqrt(6 / sizeOf(dims.slice(1))))
  }

  conv(name, x, out, kernel, { stride = 1, pad = (kernel - 1) / 2, group = 1, bias = false } = {}) {
    const weight = this.weight(name, [out, x.shape[1] / group, kernel, kernel])
    const offset = bias ? this.parameter(`${name}.bias`, [out], 0, 0.1) : undefined
    const pads = [pad, pad, pad, pad]
    return conv(x, weight, offset, { strides: [stride, stride], pads, group })
  }

  /** BatchNormalization with statistics near those of such a layer; `scale` below 1 keeps deep residual sums small. */
  norm(name, x, scale = 1) {
    const c = [x.shape[1]]
    const parameters = [
      this.parameter(`${name}.weight`, c, scale, scale / 4),
      this.parameter(`${name}.bias`, c, 0, 0.1),
      this.parameter(`${name}.running_mean`, c, 0, 0.2),
      this.parameter(`${name}.running_var`, c, 1, 0.3),
    ]
    return apply('BatchNormalization', [x, ...parameters], { epsilon: 1e-5 })
  }

  linear(name, x, out) {
    return linear(x, this.weight(name, [out, x.shape[1]]), this.parameter(`${name}.bias`, [out], 0, 0.1))
  }
}

/** He et al. 2016, table 1. */
function resnet(blocks, bottleneck) {
  return (x, l) => {
    let h = relu(l.norm('bn1', l.conv('conv1', x, 64, 7, { stride: 2 })))
    h = maxPool(h, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })
    blocks.forEach((count, stage) => {
      const width = 64 << stage
      for (let i = 0; i < count; i++) {
        const stride = i === 0 && stage > 0 ? 2 : 1
        h = (bottleneck ? bottleneckBlock : basicBlock)(l, `layer${stage + 1}.${i}`, h, width, stride)
      }
    })
    return l.linear('fc', flatten(globalAveragePool(h)), 1000)
  }
}
function shortcut(l, name, x, out, stride) {
  if (stride === 1 && x.shape[1] === out) return x
  const h = l.conv(`${name}.downsample.0`, x, out, 1, { stride })
  return l.norm(`${name}.downsample.1`, h)
}
function basicBlock(l, name, x, width, stride) {
  let h = relu(l.norm(`${name}.bn1`, l.conv(`${name}.conv1`, x, width, 3, { stride })))
  h = l.norm(`${name}.bn2`, l.conv(`${name}.conv2`, h, width, 3), 0.4)
  return relu(h.add(shortcut(l, name, x, width, stride)))
}
function bottleneckBlock(l, name, x, width, stride) {
  let h = relu(l.norm(`${name}.bn1`, l.conv(`${name}.conv1`, x, width, 1)))
  h = relu(l.norm(`${name}.bn2`, l.conv(`${name}.conv2`, h, width, 3, { stride })))
  h = l.norm(`${name}.bn3`, l.conv(`${name}.conv3`, h, 4 * width, 1), 0.4)
  return relu(h.add(shortcut(l, name, x, 4 * width, stride)))
}

/** Sandler et al. 2018, table 2: expansion, channels, repeats, stride. */
const INVERTED_RESIDUALS = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
]
const relu6 = (t) => clip(t, 0, 6)
function mobilenetV2(x, l) {
  const step = (name, t, out, kernel, options) =>
    relu6(l.norm(`${name}.1`, l.conv(`${name}.0`, t, out, kernel, options)))
  let h = step('features.0', x, 32, 3, { stride: 2 })
  let index = 1
  for (const [expansion, out, repeats, first] of INVERTED_RESIDUALS)
    for (let i = 0; i < repeats; i++) {
      const name = `features.${index++}.conv`
      const stride = i === 0 ? first : 1
      const hidden = h.shape[1] * expansion
      let t = h
      let at = 0
      if (expansion > 1) t = step(`${name}.${at++}`, t, hidden, 1)
      t = step(`${name}.${at++}`, t, hidden, 3, { stride, group: hidden })
      t = l.conv(`${name}.${at++}`, t, out, 1)
      t = l.norm(`${name}.${at}`, t)
      h = stride === 1 && h.shape[1] === out ? h.add(t) : t
    }
  h = step(`features.${index}`, h, 1280, 1)
  return l.linear('classifier.1', flatten(globalAveragePool(h)), 1000)
}

/** The MNIST network of AdverTorch's examples (Ding et al. 2019). */
function lenet5(x, l) {
  let h = maxPool(relu(l.conv('conv1', x, 32, 3, { bias: true })), { kernel: [2, 2] })
  h = maxPool(relu(l.conv('conv2', h, 64, 3, { bias: true })), { kernel: [2, 2] })
  return l.linear('linear2', relu(l.linear('linear1', flatten(h), 200)), 10)
}

function mlp(x, l) {
  return l.linear('fc3', relu(l.linear('fc2', relu(l.linear('fc1', x, 512)), 512)), 10)
}

/** @type {Record<string, Net>} */
export const nets = {
  'resnet-18': { shape: [3, 224, 224], classes: 1000, batches: [1, 8], logits: resnet([2, 2, 2, 2], false) },
  'resnet-50': { shape: [3, 224, 224], classes: 1000, batches: [1, 8], logits: resnet([3, 4, 6, 3], true) },
  'mobilenet-v2': { shape: [3, 224, 224], classes: 1000, batches: [8], logits: mobilenetV2 },
  lenet5: { shape: [1, 28, 28], classes: 10, batches: [128], logits: lenet5 },
  mlp: { shape: [784], classes: 10, batches: [128], logits: mlp },
}

/** The ONNX file of a net: input "x" [N, …], output "logits" [N, classes]. */
export function netBytes(name, seed = 1) {
  const net = nets[name]
  if (!net) throw new Error(`there is no net "${name}"; there are ${Object.keys(nets).join(', ')}`)
  const x = input('x', 'float32', [-1, ...net.shape])
  return emitBytes([x], { logits: net.logits(x, new Layers(seed)) }, { name })
}

/** A batch of pictures in [0, 1] and labels, from a seed. */
export function samples({ shape, classes }, batch, seed = 2) {
  const random = uniform(seed)
  const x = float32([batch, ...shape], Float32Array.from({ length: batch * sizeOf(shape) }, random))
  const y = BigInt64Array.from({ length: batch }, () => BigInt(Math.floor(random() * classes)))
  return { x, y: { type: 'int64', dims: [batch], data: y } }
}

/** A float32 array with every element in [−1, 1). */
export function noise(dims, seed) {
  const random = uniform(seed)
  return float32(
    dims,
    Float32Array.from({ length: sizeOf(dims) }, () => 2 * random() - 1),
  )
}

/** A folder for files that live as long as the process. */
export function scratchFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'saddlepoint-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes the named nets into a folder; returns their paths. */
export function writeNets(folder, names = Object.keys(nets)) {
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, `${name}.onnx`)
      writeFileSync(path, netBytes(name))
      return [name, path]
    }),
  )
}

if (process.argv[1] === import.meta.filename) {
  const folder = process.argv[2]
  if (!folder) {
    console.error('usage: node bench/nets.mjs <folder>')
    process.exitCode = 2
  } else for (const path of Object.values(writeNets(folder))) console.log(path)
}
