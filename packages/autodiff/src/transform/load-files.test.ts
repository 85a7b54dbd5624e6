/** What lies on the disk: external data, gzip, and files that are no models. */
import { mkdtemp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeModel } from '../onnx/encode.ts'
import { modelOf, node, random, value } from '../onnx/kit.test.support.ts'
import { TensorProto_DataLocation as Location, TensorProto_DataType as Code } from '../onnx/onnx_pb.ts'
import { bytesOf } from '../onnx/proto.test.support.ts'
import { compile } from '../runtime/compile.ts'
import { createEngine } from '../runtime/node.ts'
import { float32 } from '../tensor/array.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { modelFile, sequence } from './files.test.support.ts'
import { load } from './load.ts'

const engine = createEngine({ workers: 0 })
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'saddle-load-'))
  await mkdir(join(folder, 'models', 'data'), { recursive: true })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const weights = float32([6], random(6))
const weightBytes = new Uint8Array(weights.data.buffer)

/** y = tanh(x) w, with w in another file. */
function external(location: string): Uint8Array {
  const entries = { location, offset: '8', length: '16' }
  return bytesOf({
    graph: {
      name: 'g',
      node: [
        { opType: 'Tanh', input: ['x'], output: ['t'] },
        { opType: 'Mul', input: ['t', 'w'], output: ['y'] },
      ],
      input: [
        {
          name: 'x',
          type: {
            value: {
              case: 'tensorType',
              value: {
                elemType: Code.FLOAT,
                shape: {
                  dim: [
                    { value: { case: 'dimParam', value: 'n' } },
                    { value: { case: 'dimValue', value: 4n } },
                  ],
                },
              },
            },
          },
        },
      ],
      output: [{ name: 'y' }],
      initializer: [
        {
          name: 'w',
          dims: [4n],
          dataType: Code.FLOAT,
          dataLocation: Location.EXTERNAL,
          externalData: Object.entries(entries).map(([key, v]) => ({ key, value: v })),
        },
      ],
    },
  })
}

async function write(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, 'models', name)
  await writeFile(path, bytes)
  return path
}

async function failure(source: string | Uint8Array): Promise<Error> {
  const error: Error = await load(source, { engine }).then(
    () => expect.fail('it loaded'),
    (e: Error) => e,
  )
  expect(error.message).not.toContain('\n')
  return error
}

describe('external data', () => {
  test.each(['weights.bin', './weights.bin', 'data/weights.bin', 'data/../weights.bin'])(
    'beside the model: %s',
    async (location) => {
      await write('weights.bin', weightBytes)
      await write('data/weights.bin', weightBytes)
      const model = await load(await write('external.onnx', external(location)), { engine })
      const run = compile((x: Tensor) => model(x), { engine })
      const x = float32([2, 4], random(8, 3))
      expect(await run(x)).toEqual((await model.original.run({ x }))['y'])
      expect(model.parameters['w']!.data).toEqual(weights.data.slice(2))
      await run.release()
    },
  )

  test('given with the bytes of a model', async () => {
    const externalData = new Map([['w.bin', weightBytes]])
    const model = await load(external('w.bin'), { engine, externalData })
    expect(model.parameters['w']!.data).toEqual(weights.data.slice(2))
  })

  test('in a gzipped model', async () => {
    await write('weights.bin', weightBytes)
    const model = await load(await write('external.onnx.gz', gzipSync(external('weights.bin'))), { engine })
    expect(model.notices).toEqual([])
  })

  test.each(['../outside.bin', '/etc/hostname', 'data/../../outside.bin', 'file:///etc/hostname'])(
    'outside of the folder is refused: %s',
    async (location) => {
      await writeFile(join(folder, 'outside.bin'), weightBytes)
      const error = await failure(await write('hostile.onnx', external(location)))
      expect(error.name).toBe('OnnxFormatError')
      expect(error.message).toMatch(/absolute|escapes|URL/)
    },
  )

  test('a link that leads outside of the folder is refused', async () => {
    await writeFile(join(folder, 'outside.bin'), weightBytes)
    await symlink(join(folder, 'outside.bin'), join(folder, 'models', 'link.bin'))
    const error = await failure(await write('linked.onnx', external('link.bin')))
    expect(error.name).toBe('OnnxFormatError')
    expect(error.message).toMatch(/leads outside the model's folder/)
  })

  test('missing, or too short', async () => {
    const missing = await failure(await write('missing.onnx', external('nowhere.bin')))
    expect([missing.name, missing.message]).toEqual([
      'OnnxFormatError',
      expect.stringContaining('nowhere.bin'),
    ])
    const bytes = await failure(external('nowhere.bin'))
    expect([bytes.name, bytes.message]).toEqual(['OnnxFormatError', expect.stringContaining('nowhere.bin')])
    await write('short.bin', weightBytes.slice(0, 12))
    const short = await failure(await write('short.onnx', external('short.bin')))
    expect([short.name, short.message]).toEqual(['OnnxFormatError', expect.stringContaining('truncated')])
  })
})

describe('files that are no models', () => {
  const whole = encodeModel(
    modelOf({
      opset: 17,
      inputs: [value('x', ['n', 8])],
      outputs: [value('y')],
      nodes: [node('MatMul', 'x w', 'm'), node('Tanh', 'm', 'y')],
      initializers: { w: float32([8, 64], random(512)) },
    }),
  )

  test('truncated anywhere, a file is an error of the format or of the model, in one line', async () => {
    for (let cut = 0; cut < 24; cut++) {
      const error = await failure(whole.slice(0, Math.floor((whole.length * cut) / 24)))
      expect(error.name).toMatch(/^(OnnxFormatError|ModelError|RuntimeError)$/)
    }
  })

  test('random bytes, text, and a picture are errors of the format', async () => {
    const next = sequence(3)
    const noise = Uint8Array.from({ length: 4096 }, () => Math.floor(next() * 256))
    const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...noise.slice(0, 64)])
    for (const bytes of [noise, png, new TextEncoder().encode('this is no model\n'.repeat(20))])
      expect((await failure(bytes)).name).toBe('OnnxFormatError')
  })

  test('with bits turned over, a file loads or fails in one line', async () => {
    const next = sequence(11)
    for (let i = 0; i < 60; i++) {
      const bytes = whole.slice()
      bytes[Math.floor(next() * 120)]! ^= 1 << Math.floor(next() * 8)
      await load(bytes, { engine }).then(
        (model) => model.original.release(),
        (error: Error) => {
          expect(error.message).not.toContain('\n')
          expect(error.name).toMatch(/^(OnnxFormatError|ModelError|RuntimeError)$/)
        },
      )
    }
  })

  const real = modelFile('mnist/mnist_std_advertorch_lenet5.onnx')
  test.skipIf(!real)('a real model cut in half', async () => {
    const bytes = await readFile(real!)
    expect((await failure(bytes.subarray(0, bytes.length / 2))).name).toBe('OnnxFormatError')
  })

  test('a damaged gzip and a folder in place of a file', async () => {
    const zipped = gzipSync(whole)
    expect((await failure(await write('half.onnx.gz', zipped.subarray(0, zipped.length / 2)))).name).toBe(
      'OnnxFormatError',
    )
    expect((await failure(join(folder, 'models'))).message).toMatch(/EISDIR/)
    expect((await failure(join(folder, 'none.onnx'))).message).toMatch(/ENOENT/)
  })
})

describe('models that give no gradient', () => {
  test('no float input', async () => {
    const bytes = encodeModel(
      modelOf({
        opset: 17,
        inputs: [value('ids', ['n', 4], 'int64')],
        outputs: [value('y')],
        nodes: [node('Gather', 'table ids', 'y')],
        initializers: { table: float32([10, 3], random(30)) },
      }),
    )
    const error = await failure(bytes)
    expect([error.name, error.message]).toEqual(['ModelError', expect.stringContaining('no float input')])
  })

  test('an open dimension that is not the batch, and what to do about it', async () => {
    const bytes = encodeModel(
      modelOf({
        opset: 17,
        inputs: [value('x', ['n', 3, 'height', 'width'])],
        outputs: [value('y')],
        nodes: [node('GlobalAveragePool', 'x', 'y')],
      }),
    )
    const error = await failure(bytes)
    expect(error.name).toBe('ModelError')
    expect(error.message).toMatch(/"x" leaves dimension 2 open \(height\): give the shape of one sample/)
    const model = await load(bytes, { engine, inputShapes: { x: [3, 8, 8] } })
    expect(model.inputs[0]!.shape).toEqual([-1, 3, 8, 8])
  })
})
