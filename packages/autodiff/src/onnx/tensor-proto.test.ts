import { describe, expect, it } from 'vitest'
import { decodeModel } from './decode.ts'
import { findNonFinite } from './non-finite.ts'
import { TensorProto_DataType as Code } from './onnx_pb.ts'
import { bytesOf, decodeGraph, graphOf, identity, refuses, type Tensor } from './proto.test.support.ts'

const decodeOne = async (tensor: Tensor) => {
  const { initializers } = await decodeGraph({ initializer: [{ name: 'w', ...tensor }] })
  return initializers.get('w')!
}

describe('tensors', () => {
  it.each<[string, Tensor, unknown]>([
    ['float_data', { dataType: Code.FLOAT, floatData: [1.5, -2] }, Float32Array.of(1.5, -2)],
    ['double_data', { dataType: Code.DOUBLE, doubleData: [0.1, 2] }, Float64Array.of(0.1, 2)],
    ['int64_data', { dataType: Code.INT64, int64Data: [-1n, 2n] }, BigInt64Array.of(-1n, 2n)],
    ['uint64_data', { dataType: Code.UINT64, uint64Data: [1n, 2n ** 63n] }, BigUint64Array.of(1n, 2n ** 63n)],
    [
      'uint32 in uint64_data',
      { dataType: Code.UINT32, uint64Data: [1n, 4294967295n] },
      Uint32Array.of(1, 2 ** 32 - 1),
    ],
    ['int32_data', { dataType: Code.INT32, int32Data: [-1, 2] }, Int32Array.of(-1, 2)],
    [
      'float16 in int32_data',
      { dataType: Code.FLOAT16, int32Data: [0x3c00, 0xbc00] },
      Uint16Array.of(0x3c00, 0xbc00),
    ],
    [
      'bfloat16 in int32_data',
      { dataType: Code.BFLOAT16, int32Data: [0x3f80, 0] },
      Uint16Array.of(0x3f80, 0),
    ],
    ['bool in int32_data', { dataType: Code.BOOL, int32Data: [1, 0] }, Uint8Array.of(1, 0)],
    ['int8 in int32_data', { dataType: Code.INT8, int32Data: [-128, 1] }, Int8Array.of(-128, 1)],
    ['uint8 in int32_data', { dataType: Code.UINT8, int32Data: [255, 1] }, Uint8Array.of(255, 1)],
    ['int16 in int32_data', { dataType: Code.INT16, int32Data: [-9, 1] }, Int16Array.of(-9, 1)],
    ['uint16 in int32_data', { dataType: Code.UINT16, int32Data: [65535, 1] }, Uint16Array.of(65535, 1)],
    ['raw int16', { dataType: Code.INT16, rawData: Uint8Array.of(1, 0, 255, 255) }, Int16Array.of(1, -1)],
    [
      'raw float',
      { dataType: Code.FLOAT, rawData: new Uint8Array(Float32Array.of(3, 4).buffer) },
      Float32Array.of(3, 4),
    ],
  ])('reads %s', async (_, tensor, expected) => {
    expect((await decodeOne({ dims: [2n], ...tensor })).data).toEqual(expected)
  })

  it('reads scalars and empty tensors', async () => {
    expect(await decodeOne({ dataType: Code.FLOAT, floatData: [7] })).toEqual({
      type: 'float32',
      dims: [],
      data: Float32Array.of(7),
    })
    expect((await decodeOne({ dataType: Code.FLOAT, dims: [0n, 3n] })).data).toHaveLength(0)
  })

  it('shares aligned bytes and copies misaligned ones', async () => {
    const rawData = new Uint8Array(Float32Array.from({ length: 64 }, (_, i) => i).buffer)
    const graph = graphOf({ initializer: [{ name: 'w', dims: [64n], dataType: Code.FLOAT, rawData }] })
    const file = bytesOf({ graph })
    const shared: boolean[] = []
    for (let shift = 0; shift < 4; shift++) {
      // A Buffer, as readFile gives it, whose own slice() and subarray() differ from those of Uint8Array.
      const moved = Buffer.alloc(file.byteLength + shift).subarray(shift)
      moved.set(file)
      const { data } = (await decodeModel(moved)).graph.initializers.get('w')!
      expect(data[63]).toBe(63)
      shared.push(data.buffer === moved.buffer)
    }
    expect(shared.filter(Boolean)).toHaveLength(1)
  })

  it('makes sparse tensors dense, with linear and with per-axis indices', async () => {
    const values: Tensor = { name: 'w', dims: [2n], dataType: Code.FLOAT, floatData: [5, 6] }
    const sparse = (indices: Tensor) =>
      decodeGraph({
        sparseInitializer: [{ values, indices: { dataType: Code.INT64, ...indices }, dims: [2n, 3n] }],
      })
    const expected = { type: 'float32', dims: [2, 3], data: Float32Array.of(0, 5, 0, 0, 0, 6) }
    const linear = await sparse({ dims: [2n], int64Data: [1n, 5n] })
    expect(linear.initializers.get('w')).toEqual(expected)
    const axes = await sparse({ dims: [2n, 2n], int64Data: [0n, 1n, 1n, 2n] })
    expect(axes.initializers.get('w')).toEqual(expected)
    await refuses(sparse({ dims: [2n], int64Data: [1n, 6n] }), /index 6 outside/)
    await refuses(sparse({ dims: [1n], int64Data: [1n] }), /indices that do not fit/)
  })

  it.each<[string, Tensor, RegExp]>([
    ['short raw data', { dims: [2n], dataType: Code.FLOAT, rawData: new Uint8Array(7) }, /7 bytes.*needs 8/],
    [
      'short typed data',
      { dims: [3n], dataType: Code.FLOAT, floatData: [1] },
      /1 values for the shape \[3\]/,
    ],
    ['no data', { dims: [3n], dataType: Code.FLOAT }, /0 values/],
    ['a negative dimension', { dims: [-1n], dataType: Code.FLOAT }, /impossible shape \[-1\]/],
    ['an overflowing shape', { dims: [2n ** 32n, 2n ** 32n], dataType: Code.FLOAT }, /impossible shape/],
    ['a huge dimension beside a zero', { dims: [0n, 2n ** 62n], dataType: Code.FLOAT }, /impossible shape/],
    ['segments', { dims: [1n], dataType: Code.FLOAT, segment: { begin: 0n, end: 1n } }, /segments/],
  ])('refuses %s', async (_, tensor, message) => {
    await refuses(decodeOne(tensor), message)
  })

  it('keeps strings and small floats out until something reads them', async () => {
    const initializer: Tensor[] = [
      { name: 'labels', dims: [1n], dataType: Code.STRING, stringData: [Uint8Array.of(65)] },
      { name: 'w4', dims: [2n], dataType: Code.INT4, rawData: Uint8Array.of(0x21) },
    ]
    const input = [{ name: 'x' }, { name: 'labels' }]
    const graph = await decodeGraph({ initializer, input })
    expect(graph.initializers.size).toBe(0)
    expect(graph.inputs.map((i) => i.name)).toEqual(['x'])
    const reading = (name: string) =>
      decodeGraph({ initializer, node: [identity, { opType: 'Identity', input: [name], output: ['z'] }] })
    await refuses(reading('labels'), /reads 'labels', which cannot be used: its element type is string/)
    await refuses(reading('w4'), /element type is int4/)
  })

  it('counts values that are not finite', async () => {
    const model = await decodeModel(
      bytesOf({
        graph: graphOf({
          initializer: [
            { name: 'good', dims: [1n], dataType: Code.FLOAT, floatData: [1] },
            { name: 'bad', dims: [3n], dataType: Code.FLOAT, floatData: [1, NaN, Infinity] },
            { name: 'half', dims: [2n], dataType: Code.FLOAT16, int32Data: [0x7bff, 0xfc00] },
          ],
        }),
      }),
    )
    expect(findNonFinite(model)).toEqual([
      { name: 'bad', count: 2 },
      { name: 'half', count: 1 },
    ])
  })
})
