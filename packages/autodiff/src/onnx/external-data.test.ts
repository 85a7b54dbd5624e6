import { describe, expect, it } from 'vitest'
import { decodeModel } from './decode.ts'
import { OnnxFormatError } from './errors.ts'
import { checkExternalLocation } from './external-data.ts'
import { TensorProto_DataType as Code } from './onnx_pb.ts'
import { bytesOf, graphOf, refuses } from './proto.test.support.ts'

const external = (entries: Record<string, string>) =>
  bytesOf({
    graph: graphOf({
      initializer: [
        {
          name: 'w',
          dims: [2n],
          dataType: Code.FLOAT,
          dataLocation: 1,
          externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
        },
      ],
    }),
  })

describe('checkExternalLocation', () => {
  it.each([
    ['weights.bin', 'weights.bin'],
    ['./data/weights.bin', 'data/weights.bin'],
    ['data\\weights.bin', 'data/weights.bin'],
    ['a/../b', 'b'],
    ['..weights', '..weights'],
  ])('takes %s', (location, expected) => {
    expect(checkExternalLocation(location)).toBe(expected)
  })

  it.each([
    '',
    '.',
    '/etc/passwd',
    '\\\\server\\share',
    'C:\\weights',
    'c:weights',
    'file:///etc/passwd',
    'https://example.com/w',
    '..',
    '../w',
    'a/../../w',
    '..\\w',
    'w\u0000.bin',
  ])('refuses %j', (location) => {
    expect(() => checkExternalLocation(location)).toThrow(OnnxFormatError)
  })
})

describe('external data', () => {
  const file = new Uint8Array(Float32Array.of(1, 2, 3).buffer)
  const externalData = new Map([['w.bin', file]])

  it('reads ranges of a file, from a map or a function', async () => {
    const whole = await decodeModel(external({ location: './w.bin', offset: '4', length: '8' }), {
      externalData,
    })
    expect(whole.graph.initializers.get('w')!.data).toEqual(Float32Array.of(2, 3))
    expect(whole.graph.initializers.get('w')!.data.buffer).toBe(file.buffer)
    const asked: string[] = []
    const rest = await decodeModel(external({ location: './w.bin', offset: '4' }), {
      externalData: async (location) => {
        asked.push(location)
        return file
      },
    })
    expect(rest.graph.initializers.get('w')!.data).toEqual(Float32Array.of(2, 3))
    expect(asked).toEqual(['w.bin'])
  })

  it.each<[string, Record<string, string>, RegExp]>([
    ['missing', { location: 'v.bin' }, /'v.bin', which was not found/],
    ['climbing', { location: '../w.bin' }, /escapes/],
    ['absolute', { location: '/w.bin' }, /absolute/],
    ['without location', {}, /empty/],
    ['out of range', { location: 'w.bin', offset: '8', length: '8' }, /bytes 8 to 16 .* has 12/],
    ['negative', { location: 'w.bin', offset: '-4' }, /'-4', which is not a file position/],
    ['of another size', { location: 'w.bin', length: '4' }, /4 bytes.*needs 8/],
  ])('refuses data that is %s', async (_, entries, message) => {
    await refuses(decodeModel(external(entries), { externalData }), message)
  })

  it('says why a file could not be fetched', async () => {
    const failing = decodeModel(external({ location: 'w.bin' }), {
      externalData: () => Promise.reject(new Error('404')),
    })
    await refuses(failing, /could not be read: 404/)
    await refuses(decodeModel(external({ location: 'w.bin' })), /was not found/)
  })
})
