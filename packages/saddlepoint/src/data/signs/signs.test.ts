import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { renderSign, signBatch, signClasses, signSeeds } from './signs.ts'

const bytes = (array: { data: ArrayBufferView }) => array.data as Uint8Array

const limit = (speed: number) =>
  renderSign({ seed: 4, index: 7, label: signClasses.indexOf(`speed limit ${speed}`) })

const difference = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i])
  return sum / a.length
}

/** A 64 × 64 picture at half its size, by the mean of each four pixels. */
const halve = (picture: Uint8Array) =>
  Float32Array.from({ length: 3072 }, (_, i) => {
    const at = Math.floor(i / 1024) * 4096 + (Math.floor(i / 32) % 32) * 128 + (i % 32) * 2
    return (picture[at] + picture[at + 1] + picture[at + 64] + picture[at + 65]) / 4
  })

describe('renderSign', () => {
  test('is 3 · 32 · 32 bytes, the same each time', () => {
    const picture = renderSign({ seed: 4, index: 21 })
    expect(picture).toHaveLength(3072)
    expect(renderSign({ seed: 4, index: 21 })).toEqual(picture)
  })

  test('differs with the seed, the index and the label', () => {
    const pictures = [
      renderSign({ seed: 4, index: 21, label: 5 }),
      renderSign({ seed: 5, index: 21, label: 5 }),
      renderSign({ seed: 4, index: 22, label: 5 }),
      renderSign({ seed: 4, index: 21, label: 6 }),
    ]
    expect(new Set(pictures.map((p) => p.join())).size).toBe(pictures.length)
  })

  test('the label changes the sign and not its surroundings', () => {
    // Of the two, only the limit's digits differ, so most pixels must be the same to the last bit.
    const [thirty, eighty] = [limit(30), limit(80)]
    const same = thirty.filter((v, i) => v === eighty[i]).length / thirty.length
    expect(same).toBeGreaterThan(0.7)
    expect(same).toBeLessThan(1)
  })

  test('a larger picture shows the same scene', () => {
    let same = 0
    let other = 0
    for (let index = 0; index < 20; index++) {
      const halved = halve(renderSign({ seed: 4, index, size: 64 }))
      same += difference(halved, renderSign({ seed: 4, index }))
      other += difference(halved, renderSign({ seed: 4, index: index + signClasses.length }))
    }
    // What is left is noise.
    expect(same).toBeLessThan(other / 4)
  })

  test.each([-1, 0.5, signClasses.length])('label %s throws', (label) => {
    expect(() => renderSign({ seed: 0, index: 0, label })).toThrow(RangeError)
  })
})

describe('signBatch', () => {
  test('keeps its pictures: published numbers depend on them', () => {
    const { images } = signBatch({ seed: signSeeds.test, from: 0, count: 64 })
    const hash = createHash('sha256').update(bytes(images)).digest('hex')
    expect(hash.slice(0, 16)).toBe('f18730861483be4c')
  })

  test('does not depend on how a range is split', () => {
    const whole = signBatch({ seed: 1, from: 10, count: 30 })
    const parts = [signBatch({ seed: 1, from: 10, count: 7 }), signBatch({ seed: 1, from: 17, count: 23 })]
    expect(Buffer.concat(parts.map((p) => bytes(p.images)))).toEqual(Buffer.from(bytes(whole.images)))
    expect(parts.flatMap((p) => [...p.labels.data])).toEqual([...whole.labels.data])
    expect(renderSign({ seed: 1, index: 13 })).toEqual(bytes(whole.images).subarray(3 * 3072, 4 * 3072))
  })

  test('has the promised types and every class equally often', () => {
    const { images, labels } = signBatch({ seed: 1, from: 0, count: 2 * signClasses.length })
    expect([images.type, images.dims]).toEqual(['uint8', [2 * signClasses.length, 3, 32, 32]])
    expect([labels.type, labels.dims]).toEqual(['int64', [2 * signClasses.length]])
    const counts = signClasses.map((_, label) => [...labels.data].filter((v) => v === BigInt(label)).length)
    expect(counts).toEqual(signClasses.map(() => 2))
  })

  test('pictures are neither black, white nor flat', () => {
    const count = 320
    const { images } = signBatch({ seed: 1, from: 0, count })
    const pictures = Array.from({ length: count }, (_, i) => {
      const picture = bytes(images).subarray(i * 3072, (i + 1) * 3072)
      const mean = picture.reduce((sum, v) => sum + v, 0) / 3072
      const deviation = Math.sqrt(picture.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 3072)
      return { mean, deviation }
    })
    for (const { mean, deviation } of pictures) {
      expect(mean).toBeGreaterThan(25)
      expect(mean).toBeLessThan(235)
      expect(deviation).toBeGreaterThan(5)
    }
    const average = pictures.reduce((sum, p) => sum + p.mean / count, 0)
    expect(average).toBeGreaterThan(95)
    expect(average).toBeLessThan(160)
  })
})
